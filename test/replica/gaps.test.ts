import { afterEach, expect, it } from 'vitest';
import { coverageOf, emptyCoverage } from '../../src/core/coverage.ts';
import type { Change } from '../../src/core/change.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { gapsIn } from '../../src/replica/link-reads.ts';
import { World } from './world.ts';

const SITE = '7c'.repeat(16) as SiteId;
const world = new World();
afterEach(() => world.close());

it('what is held, waits for a migration or was refused is no gap, and neither is our own site', async () => {
  const { replica, store } = await world.node();
  const row: Change = { table: 'later', pk: encodePackedKey([1]), cid: 'c', val: 1, colVersion: 1, cl: 1, seq: 0 };
  await replica.submit({ parts: [], claims: coverageOf(SITE, [[0, 2]]) });
  await replica.submit({ parts: [{ site: SITE, span: [2, 4], rows: [row] }], claims: coverageOf(SITE, [[2, 4]]) });
  await replica.submit({ parts: [], claims: emptyCoverage, refused: { site: SITE, ranges: [[6, 7]] } });
  const stated = new Map([
    [SITE, [[0, 9]]],
    [store.identity.site, [[0, 5]]],
  ] as const);
  expect(gapsIn(store, stated)).toEqual(
    coverageOf(SITE, [
      [4, 6],
      [7, 9],
    ]),
  );
});
