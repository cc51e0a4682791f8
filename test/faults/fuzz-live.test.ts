/** A share of the attacks on a real relay. */
import { test } from 'vitest';
import { fuzzLive } from './fuzz-live.ts';
import { expectNoFailure, freshSeed } from './share.ts';

test('attacks over real sockets are refused with codes, and the relay goes on serving others', async () => {
  await expectNoFailure(fuzzLive, { from: freshSeed(), count: 60, seconds: 12 });
}, 60_000);
