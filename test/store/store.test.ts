/** A store writes, announces, merges and serves. */
import { expect, test } from 'vitest';
import { contents, flushPart, inputOf, mergeParts, openTestStore, pull, siteOf, write } from './test-store.ts';

test('a flush announces own writes once, in one part with the claim that it is all of them', () => {
  const store = openTestStore();
  expect(store.flush()).toBeUndefined();
  write(store, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`, `INSERT INTO tag VALUES ('a', 'food')`);
  write(store, `UPDATE todo SET done = 1 WHERE id = 'a'`);
  const flushed = store.flush()!;
  expect(flushed.announced).toEqual([0, 2]);
  expect(flushed.part).toMatchObject({ site: siteOf(store), span: [0, 2], claims: [[0, 2]] });
  expect(flushed.part!.rows.map(({ table, cid, version }) => [table, cid, version])).toEqual([
    ['todo', 'title', 1],
    ['todo', 'weight', 1],
    ['todo', 'any', 1],
    ['tag', '-1', 1],
    ['todo', 'done', 2],
  ]);
  expect(store.coverage.get(siteOf(store))).toEqual([[0, 2]]);
  expect(store.flush()).toBeUndefined();
  store.close();
});

test('a merge applies rows, claims and says so; a repeat is a duplicate that changes nothing', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  write(a, [`INSERT INTO todo (id, title, weight) VALUES ('a', 'milk', ?)`, 5]);
  const part = flushPart(a);
  const first = mergeParts(b, part);
  expect(first).toMatchObject({ outcome: 'applied', applied: 4, duplicates: 0, parked: 0, changedByPart: [true] });
  expect(first.growth).toEqual(new Map([[siteOf(a), [[0, 1]]]]));
  expect(contents(b)).toBe(contents(a));
  const again = b.merge([inputOf(part)]);
  expect(again.before).toBe(again.after);
  expect(again.inputs[0]).toMatchObject({ outcome: 'duplicate', applied: 0, duplicates: 4, changedByPart: [false] });
  expect(b.flush()).toBeUndefined();
  a.close();
  b.close();
});

test('pieces of a store bring a third replica everything, with spans and without the reader own rows', () => {
  const [a, b, c] = [openTestStore(), openTestStore(), openTestStore()];
  for (let i = 0; i < 20; i++) write(a, [`INSERT INTO num VALUES (?, ?)`, i, i * 1.5]);
  pull(b, a, 3);
  write(b, `UPDATE num SET v = 'b' WHERE id < 5`, `DELETE FROM num WHERE id = 19`);
  pull(c, b, 3);
  pull(a, b, 3);
  expect(contents(c)).toBe(contents(b));
  expect(contents(a)).toBe(contents(b));
  expect(c.coverage.get(siteOf(a))).toEqual([[0, 20]]);
  expect(c.coverage.get(siteOf(b))).toEqual(b.coverage.get(siteOf(b)));
  const back = a.readPiece(0 as never, { without: [siteOf(a)], changesMax: 100 });
  expect(back.parts.every(({ site }) => site !== siteOf(a))).toBe(true);
  for (const store of [a, b, c]) store.close();
});
