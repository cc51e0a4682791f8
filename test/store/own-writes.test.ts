/** Flush: what becomes announced, and what must not. */
import { expect, test } from 'vitest';
import { contents, flushPart, mergeParts, openTestStore, pull, siteOf, write } from './test-store.ts';

test('a write that changes nothing, or is rolled back to a savepoint, announces no version', () => {
  const store = openTestStore();
  write(store, `INSERT INTO num VALUES (1, 'x')`);
  store.flush();
  write(store, `UPDATE num SET v = 'x'`);
  store.connection.exec(`BEGIN; SAVEPOINT s; INSERT INTO num VALUES (2, 'y'); ROLLBACK TO s; COMMIT`);
  expect(store.flush()).toBeUndefined();
  write(store, `INSERT INTO num VALUES (3, 'z')`);
  const part = flushPart(store);
  const version = part.rows[0]!.version!;
  expect(part).toMatchObject({ span: [1, version], claims: [[1, version]] });
  expect(store.storedMax).toBe(version);
  store.close();
});

test('with the engine counter as the end, a later write would take an announced version', () => {
  const laterPart = (broken: boolean): unknown => {
    const [a, b] = [openTestStore({ faults: { 'empty-own-version': broken } }), openTestStore()];
    write(a, `INSERT INTO num VALUES (1, 'x')`);
    a.connection.exec(`BEGIN; SAVEPOINT s; UPDATE num SET v = 'y'; ROLLBACK TO s; RELEASE s; COMMIT`);
    mergeParts(b, flushPart(a));
    write(a, `INSERT INTO num VALUES (3, 'z')`);
    const part = a.flush()?.part;
    for (const store of [a, b]) store.close();
    return part?.rows.length;
  };
  expect(laterPart(false)).toBe(1);
  expect(laterPart(true)).not.toBe(1);
});

test('a merge alone announces nothing, so two replicas go quiet', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  mergeParts(b, flushPart(a));
  expect(b.flush()).toBeUndefined();
  expect(b.announced).toBe(0);
  pull(a, b);
  expect(a.flush()).toBeUndefined();
  expect(a.storedMax).toBe(1);
  a.close();
  b.close();
});

test.each([false, true])('a moved primary key takes its columns along (repair left out: %s)', (broken) => {
  const [a, b] = [openTestStore({ faults: { 'pk-update-repair': broken } }), openTestStore()];
  write(b, `INSERT INTO todo (id, title, weight) VALUES ('a', 'milk', 2)`);
  mergeParts(a, flushPart(b));
  write(a, `UPDATE todo SET id = 'moved' WHERE id = 'a'`);
  mergeParts(b, flushPart(a));
  expect(contents(b) === contents(a)).toBe(!broken);
  a.close();
  b.close();
});

test('the numbering goes on above merged rows, and own parts say exactly which versions they are', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  for (let i = 0; i < 5; i++) write(a, `INSERT INTO num VALUES (${i}, 'a')`);
  mergeParts(b, flushPart(a));
  write(b, `UPDATE num SET v = 'b' WHERE id = 3`);
  const flushed = b.flush()!;
  expect(flushed).toMatchObject({ before: 1, after: 2, announced: [0, 2] });
  expect(flushed.part!.rows).toMatchObject([{ version: 2, colVersion: 2 }]);
  expect(b.coverage.get(siteOf(b))).toEqual([[0, 2]]);
  a.close();
  b.close();
});

test('more rows than a group may hold come without a part and are read piecewise', () => {
  const store = openTestStore({ limits: { groupChangesMax: 4 } });
  for (let i = 0; i < 6; i++) write(store, `INSERT INTO num VALUES (${i}, 'a')`);
  const flushed = store.flush()!;
  expect(flushed).toMatchObject({ announced: [0, 6], part: undefined });
  const parts = store.readOwn([flushed.announced], { changesMax: 4, partsMax: 10 });
  expect(parts.map(({ span, claims, rows }) => [span, claims, rows.length])).toEqual([
    [[0, 4], [[0, 4]], 4],
    [[4, 6], [[4, 6]], 2],
  ]);
  store.close();
});
