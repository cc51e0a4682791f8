/** A share of the soak. Needs `npm run build`, as `npm test` does. */
import { test } from 'vitest';
import { expectNoFailure, freshSeed } from './share.ts';
import { soak } from './soak.ts';

test('a relay at which clients come and go does not grow, and all end each round equal', async () => {
  await expectNoFailure(soak, { from: freshSeed(), count: 24, seconds: 60 });
}, 180_000);
