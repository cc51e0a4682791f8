/** The own book: own rows are found wherever merges lie between them, after folding, reopening and a new identity. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { RangeSet } from '../../src/core/range-set.ts';
import { rangeSetOf } from '../../src/core/range-set.ts';
import type { Store } from '../../src/store/store.ts';
import { flushPart, mergeParts, openTestStore, siteOf, write } from './test-store.ts';

const ALL = { changesMax: 1_000, partsMax: 10 };

test('own rows on both sides of merges are read with their versions, table rows with their cells', () => {
  const [own, other] = [openTestStore(), openTestStore()];
  alternate(own, other, 3);
  const part = own.readOwn(rangeSetOf(0, own.announced), ALL);
  expect(part).toMatchObject([{ site: siteOf(own), span: [0, 5], claims: [[0, 5]] }]);
  expect(part[0]!.rows.map(({ table, version }) => [table, version])).toEqual(
    [1, 3, 5].flatMap((version) => [
      ['num', version],
      ['tag', version],
    ]),
  );
  expect(own.ownRows(rangeSetOf(2, own.announced))).toEqual([
    { table: 'num', pk: new Map([['id', 1]]), changes: 1 },
    { table: 'num', pk: new Map([['id', 2]]), changes: 1 },
    { table: 'tag', pk: new Map(Object.entries({ todo: '1', name: 'own' })), changes: 1 },
    { table: 'tag', pk: new Map(Object.entries({ todo: '2', name: 'own' })), changes: 1 },
  ]);
  expect(own.ownRows(rangeSetOf(1, 2))).toEqual([]);
  expect(own.ownRows([])).toEqual([]);
});

test('a table row that was written more than once is told once, with all of its cells', () => {
  const [own, other] = [openTestStore(), openTestStore()];
  write(own, `INSERT INTO todo VALUES ('a', 'title', 0, 1.5, NULL)`);
  exchange(own, other, 0);
  write(own, `UPDATE todo SET title = 'other' WHERE id = 'a'`);
  own.flush();
  expect(own.ownRows(rangeSetOf(0, own.announced))).toEqual([
    { table: 'todo', pk: new Map([['id', 'a']]), changes: 4 },
  ]);
});

test.each([1, 2, 8])('a book of at most %i entries finds every own row that the engine has', (bookEntriesMax) => {
  const [own, other] = [openTestStore({ limits: { bookEntriesMax } }), openTestStore()];
  alternate(own, other, 20);
  expect(countEntries(own)).toBeLessThanOrEqual(bookEntriesMax);
  expect(versionsRead(own, rangeSetOf(0, own.announced))).toEqual(versionsInEngine(own, 0));
  expect(versionsRead(own, rangeSetOf(7, own.announced))).toEqual(versionsInEngine(own, 7));
});

test('an own part is cut where it is full, and the next one goes on from there over merges', () => {
  const [own, other] = [openTestStore(), openTestStore()];
  alternate(own, other, 3);
  const parts = own.readOwn(rangeSetOf(0, own.announced), { changesMax: 2, partsMax: 10 });
  expect(parts.map(({ span, claims, rows }) => [span, claims, rows.length])).toEqual([
    [[0, 1], [[0, 1]], 2],
    [[1, 3], [[1, 3]], 2],
    [[3, 5], [[3, 5]], 2],
  ]);
});

test('a file of before there was a book, or one that such a version has written since, is read whole', () => {
  const path = join(newFolder(), 'a.db');
  const other = openTestStore();
  const first = openTestStore({ path });
  alternate(first, other, 3);
  const versions = versionsInEngine(first, 0);
  first.connection.exec('DELETE FROM crmesh_own_book WHERE lo > 0');
  first.close();
  const second = openTestStore({ path });
  expect(versionsRead(second, rangeSetOf(0, second.announced))).toEqual(versions);
  second.connection.exec('DELETE FROM crmesh_own_book');
  second.close();
  const third = openTestStore({ path });
  exchange(third, other, 100);
  write(third, `INSERT INTO num VALUES (-1, 'later')`);
  third.flush();
  third.close();
  const fourth = openTestStore({ path });
  expect(versionsRead(fourth, rangeSetOf(0, fourth.announced))).toEqual([...versions, fourth.announced]);
  fourth.close();
});

test('a new site has a book of its own: what it announces first is found, what the former one wrote is not', () => {
  const [own, other] = [openTestStore({ path: join(newFolder(), 'a.db') }), openTestStore()];
  alternate(own, other, 2);
  own.setHeldBy(siteOf(other), { held: rangeSetOf(0, own.announced), parked: [], refused: [] });
  own.reidentify();
  expect(own.ownRows(rangeSetOf(0, 1_000))).toEqual([]);
  write(own, `INSERT INTO num VALUES (50, 'new')`);
  own.flush();
  expect(own.ownRows(rangeSetOf(0, own.announced))).toMatchObject([{ table: 'num', changes: 1 }]);
  own.close();
});

/** Own writes with a merge between each two of them. */
function alternate(own: Store, other: Store, times: number): void {
  for (let i = 0; i < times; i++) {
    write(own, `INSERT INTO num VALUES (${i}, 'own')`, `INSERT INTO tag VALUES ('${i}', 'own')`);
    own.flush();
    if (i < times - 1) exchange(own, other, 1_000 + i);
  }
}

function exchange(own: Store, other: Store, id: number): void {
  write(other, `INSERT INTO num VALUES (${id}, 'other')`);
  mergeParts(own, flushPart(other));
}

function versionsRead(store: Store, ranges: RangeSet): number[] {
  const parts = store.readOwn(ranges, { changesMax: 3, partsMax: 1_000 });
  return [...new Set(parts.flatMap(({ rows }) => rows.map(({ version }) => version!)))];
}

function versionsInEngine({ connection }: Store, above: number): number[] {
  const sql =
    'SELECT DISTINCT db_version FROM crsql_changes WHERE site_id = crsql_site_id() AND db_version > ? ORDER BY 1';
  return connection
    .prepare(sql)
    .all([above])
    .map(([version]) => version as number);
}

function countEntries({ connection }: Store): number {
  return connection.prepare('SELECT count(*) FROM crmesh_own_book').get()![0] as number;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'crmesh-own-book-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
