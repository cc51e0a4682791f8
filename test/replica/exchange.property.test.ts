/** Pages in any order, lost and repeated, between two or three databases: what is claimed is held, and all become equal. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cursorToText } from '../../src/core/cursor.ts';
import type { ChangesPage } from '../../src/replica/exchange.ts';
import type { Wired } from './wired.ts';
import { wire } from './wired.ts';

type Step =
  | { readonly kind: 'write' | 'delete'; readonly at: number; readonly key: number }
  | { readonly kind: 'read' | 'apply'; readonly at: number; readonly page: number };

const database = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('write' as const, 'delete' as const), at: database, key: fc.nat(6) }),
  fc.record({ kind: fc.constantFrom('read' as const, 'apply' as const), at: database, page: fc.nat(50) }),
);

async function run(dbs: readonly Wired['db'][], steps: readonly Step[]): Promise<void> {
  const pages: ChangesPage[][] = dbs.map(() => []);
  for (const [i, one] of steps.entries()) {
    const at = one.at % dbs.length;
    const db = dbs[at]!;
    const known = pages[at]!;
    const all = pages.flat();
    switch (one.kind) {
      case 'write':
        await db.exec('INSERT OR REPLACE INTO todo VALUES (?, ?, ?, 0.5)', [`k${one.key}`, `t${i}`, i]);
        break;
      case 'delete':
        await db.exec('DELETE FROM todo WHERE id = ?', [`k${one.key}`]);
        break;
      case 'read':
        // From the start, or behind any page read before.
        known.push(await db.getChanges(known[one.page % (known.length + 1)]?.cursor));
        break;
      case 'apply':
        if (all.length > 0) await db.applyChanges(all[one.page % all.length]!.parts);
        break;
    }
  }
}

/** Each asks each for what lies behind the cursor that it holds: a cursor that skipped something never finds it. */
async function exchangeAll(wired: readonly Wired[]): Promise<void> {
  for (let round = 0; round < 2; round++) {
    for (const { db: from } of wired) {
      for (const { db: to, store } of wired) {
        if (from === to) continue;
        const held = store.cursorOf(from.siteId);
        let since = held === undefined ? undefined : cursorToText(held);
        for (let more = true; more;) {
          const page = await from.getChanges(since);
          const gap = (await to.applyChanges(page.parts)).find(({ outcome }) => outcome === 'gap');
          expect(gap).toBeUndefined();
          since = page.cursor;
          more = page.more;
        }
      }
    }
  }
}

const contentOf = (db: Wired['db']): Promise<unknown[]> => db.query('SELECT * FROM todo ORDER BY id');

const worlds = fc.record({
  steps: fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }),
  count: fc.constantFrom(2, 3),
  pageChanges: fc.integer({ min: 1, max: 8 }),
});

describe('pages in any order', () => {
  test('databases converge, and coverage never claims what is not held', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async ({ steps, count, pageChanges }) => {
        const wired = await Promise.all(Array.from({ length: count }, () => wire({ limits: { pageChanges } })));
        const dbs = wired.map(({ db }) => db);
        await run(dbs, steps);
        await exchangeAll(wired);
        const [first, ...others] = await Promise.all(dbs.map(contentOf));
        for (const other of others) expect(other).toEqual(first);
        for (const db of dbs) expect(db.coverage()).toEqual(dbs[0]!.coverage());
        await Promise.all(dbs.map((db) => db.close()));
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
});
