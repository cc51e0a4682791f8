/** Resurrections merged onto a row that is still alive here. */
import { expect, test } from 'vitest';
import type { Part } from '../../src/core/part.ts';
import type { Store } from '../../src/store/store.ts';
import { contents, flushPart, mergeParts, openTestStore, siteOf, write } from './test-store.ts';

/** A row that all three hold, deleted and written again at one of them. */
function resurrected(): { alive: Store; dead: Store; second: Part; deletion: Part } {
  const [author, alive, dead] = [openTestStore(), openTestStore(), openTestStore()];
  write(author, `INSERT INTO todo (id, title, done) VALUES ('a', 'first', 1)`);
  const first = flushPart(author);
  for (const store of [alive, dead]) mergeParts(store, first);
  write(alive, `UPDATE todo SET title = 'mine', done = 7, weight = 1.5 WHERE id = 'a'`);
  flushPart(alive);
  write(author, `DELETE FROM todo WHERE id = 'a'`);
  const deletion = flushPart(author);
  write(author, `INSERT INTO todo (id, title) VALUES ('a', 'second')`);
  const second = flushPart(author);
  author.close();
  return { alive, dead, second, deletion };
}

test('cells of an earlier life are not shown in the next one, whether or not the deletion was seen', () => {
  const { alive, dead, second, deletion } = resurrected();
  const early: Part = { ...second, claims: [], rows: second.rows.filter(({ cid }) => cid === '-1' || cid === 'title') };
  mergeParts(dead, deletion);
  for (const store of [alive, dead]) mergeParts(store, early);
  expect(contents(alive)).toBe(contents(dead));
  expect(contents(alive)).toContain('string a | string second | number 0 | object null | object null');
  for (const store of [alive, dead]) mergeParts(store, second);
  expect(contents(alive)).toBe(contents(dead));
  for (const store of [alive, dead]) store.close();
});

test('an own cell of an earlier life leaves no row above the announced versions', () => {
  const { alive, dead, second } = resurrected();
  mergeParts(alive, { ...second, claims: [], rows: second.rows.filter(({ cid }) => cid === '-1') });
  const piece = alive.readPiece(0 as never, { without: [], changesMax: 1_000 });
  const own = piece.parts.find(({ site }) => site === siteOf(alive));
  expect(own?.rows.filter(({ version }) => version! > alive.announced) ?? []).toEqual([]);
  write(alive, `UPDATE todo SET done = 9 WHERE id = 'a'`);
  expect(flushPart(alive).rows.map(({ cid, cl }) => [cid, cl])).toEqual([['done', 3]]);
  for (const store of [alive, dead]) store.close();
});
