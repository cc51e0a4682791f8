/** A share of the soak. Needs `npm run build`, as `npm test` does. */
import { test } from 'vitest';
import { expectNoFailure, seedOfToday } from './share.ts';
import { soak } from './soak.ts';

test('a relay at which clients come and go does not grow, and all end each round equal', async () => {
  await expectNoFailure(soak, { from: seedOfToday(), count: 9, seconds: 35 });
}, 120_000);
