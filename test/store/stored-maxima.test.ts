/** The stored maximum is remembered between writes and never beyond what was committed. */
import { expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { flushPart, inputOf, mergeParts, openTestStore, write } from './test-store.ts';

const ROW = `INSERT INTO num VALUES (1, 'x')`;

/** Reads the maximum anew from the tables. */
function maximumInTables(store: Store): number {
  const tables = ['todo', 'tag', 'num'].map((name) => `SELECT max(db_version) AS v FROM ${name}__crsql_clock`);
  return Number(store.connection.prepare(`SELECT max(v) FROM (${tables.join(' UNION ALL ')})`).get()?.[0] ?? 0);
}

test('a write that is rolled back leaves no version behind, even one that was asked about', () => {
  const store = openTestStore();
  write(store, ROW);
  store.flush();
  const before = store.storedMax;
  store.connection.exec(`BEGIN; UPDATE num SET v = 'y'`);
  expect(store.hasUnflushedWrites).toBe(true);
  store.connection.exec('ROLLBACK');
  expect(store.hasUnflushedWrites).toBe(false);
  expect(store.flush()).toBeUndefined();
  expect(store.storedMax).toBe(before);
  store.close();
});

test('a write behind a merge, a flush or a read is noticed', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  write(a, ROW);
  mergeParts(b, flushPart(a));
  for (const [i, sql] of [ROW.replace('1', '2'), `DELETE FROM num WHERE id = 2`, ROW.replace('1', '3')].entries()) {
    expect(b.hasUnflushedWrites).toBe(false);
    write(b, sql);
    expect(b.hasUnflushedWrites).toBe(true);
    expect(flushPart(b).rows.length).toBeGreaterThan(0);
    expect(b.storedMax).toBe(maximumInTables(b));
    expect(b.readPiece(b.storedMax, { without: [], changesMax: 10 }).parts).toEqual([]);
    write(a, `UPDATE num SET v = ${i}`);
    b.merge([inputOf(flushPart(a))]);
    expect(b.storedMax).toBe(maximumInTables(b));
  }
  a.close();
  b.close();
});
