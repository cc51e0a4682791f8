/** Merging: ties, exact values, rows this schema cannot store, and input that is invalid in itself. */
import { expect, test } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { Part } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { Real, type SqlValue } from '../../src/core/sql-value.ts';
import type { StoreFaults } from '../../src/store/faults.ts';
import type { Store } from '../../src/store/store.ts';
import { contents, flushPart, inputOf, mergeParts, openTestStore, siteOf, write } from './test-store.ts';

const STRANGER = 'ee'.repeat(16) as SiteId;

function changeOf(fields: Partial<Change> = {}): Change {
  const pk = encodePackedKey(['a']);
  return { table: 'todo', pk, cid: 'title', val: 'milk', colVersion: 1, cl: 1, seq: 0, version: 1, ...fields };
}

function partOf(...rows: readonly Change[]): Part {
  return { site: STRANGER, span: [0, 10], claims: [[0, 10]], rows };
}

/** Two sites write the same; each hears of the other, and a third store asks each for the other's versions. */
function thirdStoreAfterTie(faults: StoreFaults, ...statements: string[]): { x: Store; third: Store } {
  const [x, y, third] = [openTestStore({ faults }), openTestStore({ faults }), openTestStore({ faults })];
  write(x, `INSERT INTO todo (id, title) VALUES ('a', 'old')`, `INSERT INTO tag VALUES ('gone', 'row')`);
  write(x, `DELETE FROM tag`);
  const base = flushPart(x);
  mergeParts(y, base);
  mergeParts(third, base);
  for (const store of [x, y]) write(store, ...statements);
  const [fromX, fromY] = [flushPart(x), flushPart(y)];
  mergeParts(x, fromY);
  mergeParts(y, fromX);
  mergeParts(third, x.serveWant(siteOf(y), fromY.claims, { changesMax: 100 })!);
  mergeParts(third, y.serveWant(siteOf(x), fromX.claims, { changesMax: 100 })!);
  y.close();
  return { x, third };
}

test.each([
  ['a double delete', `DELETE FROM todo WHERE id = 'a'`],
  ['an equal value', `UPDATE todo SET title = 'same' WHERE id = 'a'`],
  ['a double insert of a row of keys', `INSERT INTO tag VALUES ('new', 'row')`],
  ['a double resurrection', `INSERT INTO tag VALUES ('gone', 'row')`],
])('of %s one author stands everywhere, so a third store gets it from whoever claims it', (_, ...statements) => {
  const { x, third } = thirdStoreAfterTie({}, ...statements);
  expect(contents(third)).toBe(contents(x));
  const without = thirdStoreAfterTie({ 'tie-break': true }, ...statements);
  expect(contents(without.third)).not.toBe(contents(without.x));
  for (const store of [x, third, without.x, without.third]) store.close();
});

test('equal zeros of either sign end as one', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  write(a, [`INSERT INTO num VALUES (1, ?)`, new Real(0)]);
  write(b, [`INSERT INTO num VALUES (1, ?)`, new Real(-0)]);
  const [fromA, fromB] = [flushPart(a), flushPart(b)];
  mergeParts(a, fromB);
  mergeParts(b, fromA);
  expect(contents(a)).toBe(contents(b));
  for (const store of [a, b]) {
    write(store, `UPDATE num SET v = 2`);
    expect(flushPart(store).rows).toHaveLength(1);
    store.close();
  }
});

test.each<[string, string, SqlValue, string]>([
  ['an integer of a REAL column', 'weight', 5, 'real 5'],
  ['a negative zero of a REAL column', 'weight', new Real(-0), 'real 0'],
  ['a text number of a REAL column', 'weight', '5', 'real 5'],
  ['an integral REAL of an INTEGER column', 'done', new Real(5), 'number 5'],
  ['a text number of an INTEGER column', 'done', '12', 'number 12'],
  ['an integer of a TEXT column', 'title', 12, 'string 12'],
  ['a REAL of a TEXT column', 'title', 0.1, 'string 0.1'],
  ['a small bigint', 'any', 5n, 'number 5'],
])('%s is brought to the form its column stores, and wins once', (_, cid, val, stored) => {
  const store = openTestStore();
  const part = partOf(changeOf({ cid, val }));
  const first = store.merge([inputOf(part)]);
  expect(first.inputs[0]).toMatchObject({ outcome: 'applied' });
  expect(contents(store)).toContain(stored);
  const again = store.merge([inputOf(part)]);
  expect(again.after).toBe(first.after);
  store.close();
});

test.each<[string, Partial<Change>]>([
  ['a key that is empty', { pk: new Uint8Array() }],
  ['a key with a nine-byte integer', { pk: Uint8Array.from([1, (9 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]) }],
  ['a key with bytes behind it', { pk: Uint8Array.from([...encodePackedKey(['a']), 0]) }],
  ['an integer key of a TEXT column', { pk: encodePackedKey([5]) }],
  ['a text key of an INTEGER PRIMARY KEY', { table: 'num', cid: 'v', pk: encodePackedKey(['x']) }],
  ['a column version out of bounds', { colVersion: 2 ** 53 - 1 }],
  ['a negative column version', { colVersion: -1 }],
  ['a causal length of 0', { cl: 0 }],
  ['a causal length out of bounds', { cl: 2 ** 52 + 1 }],
  ['a sequence number that is no number', { seq: 0.5 }],
  ['a cell of a deleted row', { cl: 2 }],
  ['a sentinel with another column version', { cid: '-1', val: null, cl: 2, colVersion: 1 }],
  ['a sentinel with a value', { cid: '-1' }],
  ['a value that is not a number', { val: Number.NaN }],
  ['a number that is not exact', { val: 2 ** 60 }],
  ['an integer beyond 64 bits', { val: 2n ** 63n }],
  ['a lone surrogate', { val: '\ud800' }],
  ['a value that is too long', { val: 'x'.repeat(20) }],
  ['a text whose bytes are too many', { val: 'ä'.repeat(9) }],
  ['a blob that is too long', { val: new Uint8Array(20) }],
  ['a version outside the span', { version: 11 }],
  ['a version that is no version', { version: 1.5 }],
  ['a table of the replica itself', { table: 'crmesh_self' }],
])('%s is invalid, and nothing of its input is applied', (_, fields) => {
  const store = openTestStore({ limits: { valueBytesMax: 16 } });
  const peer = '11'.repeat(16) as SiteId;
  const cursor = { peer, cursor: { nonce: '22'.repeat(16), at: 7 } as never };
  const bad = { ...inputOf(partOf(changeOf(), changeOf(fields))), cursor };
  const good = inputOf({ ...partOf(changeOf({ pk: encodePackedKey(['b']) })), site: 'dd'.repeat(16) as SiteId });
  const { inputs } = store.merge([bad, good]);
  expect(inputs[0]).toMatchObject({ outcome: 'invalid', applied: 0, invalid: [{ index: 1, code: 'CHANGE_INVALID' }] });
  expect(inputs[1]).toMatchObject({ outcome: 'applied', applied: 1 });
  expect(store.cursorOf(peer)).toBeUndefined();
  expect(store.coverage.has(STRANGER)).toBe(false);
  expect(store.countChanges()).toBe(1);
  store.close();
});

test('own rows that come back are no news; own versions that were never announced are SITE_CONFLICT', () => {
  const store = openTestStore();
  write(store, `INSERT INTO num VALUES (1, 'x')`);
  const part = flushPart(store);
  const hull = { ...part, span: [0, Number.MAX_SAFE_INTEGER] as const };
  for (const own of [part, hull]) {
    expect(store.merge([inputOf(own)]).inputs[0]).toMatchObject({ outcome: 'duplicate', applied: 0, duplicates: 1 });
  }
  const { version: _, ...row } = part.rows[0]!;
  for (const forged of [
    { ...part, span: [1, 2] as const, rows: [row] },
    { ...part, span: [0, 9] as const, rows: [row] },
    { ...part, span: [0, 9] as const, rows: [{ ...row, version: 5 }] },
  ]) {
    const [result] = store.merge([inputOf(forged)]).inputs;
    expect(result).toMatchObject({ outcome: 'invalid', invalid: [{ index: 0, code: 'SITE_CONFLICT' }] });
  }
  expect(store.coverage.get(siteOf(store))).toEqual([[0, 1]]);
  store.close();
});

test('a row that the engine cannot store is parked alone, and local writes are tracked after it', () => {
  const store = openTestStore();
  const bad = changeOf({ cid: 'done', val: null, version: 2 });
  const result = mergeParts(store, partOf(changeOf(), bad, changeOf({ cid: 'any', val: 1, version: 3 })));
  expect(result).toMatchObject({ outcome: 'parked', applied: 2, parked: 1, changedByPart: [true] });
  expect(store.acknowledge(STRANGER)).toEqual({
    held: [
      [0, 1],
      [2, 10],
    ],
    parked: [[1, 2]],
    refused: [],
  });
  write(store, `INSERT INTO num VALUES (1, 'tracked')`);
  expect(flushPart(store).rows).toHaveLength(1);
  store.close();
});

test('local writes are tracked after a merge whose last row the engine cannot store', () => {
  const store = openTestStore();
  mergeParts(store, partOf(changeOf(), changeOf({ cid: 'done', val: null, version: 2 })));
  write(store, `INSERT INTO num VALUES (1, 'tracked')`);
  expect(flushPart(store).rows).toHaveLength(1);
  store.close();
});

test('merged rows are stored at the next version here, however they were numbered where they were written', () => {
  const store = openTestStore();
  for (const version of [1, 9_000]) {
    const change = changeOf({ colVersion: version, version });
    mergeParts(store, { site: STRANGER, span: [0, 10_000], claims: [], rows: [change] });
  }
  expect(store.storedMax).toBe(2);
  write(store, `INSERT INTO num VALUES (1, 'own')`);
  expect(flushPart(store).rows[0]!.version).toBe(3);
  store.close();
});

test('a check over columns never stops a merge', () => {
  const tables = [`CREATE TABLE box (id INTEGER PRIMARY KEY NOT NULL, a INTEGER, b INTEGER, CHECK (a + b < 10))`];
  const [x, y] = [openTestStore({ tables }), openTestStore({ tables })];
  write(x, `INSERT INTO box VALUES (1, 1, 1)`);
  mergeParts(y, flushPart(x));
  write(x, `UPDATE box SET a = 8`);
  write(y, `UPDATE box SET b = 8`);
  const [fromX, fromY] = [flushPart(x), flushPart(y)];
  expect([mergeParts(x, fromY).outcome, mergeParts(y, fromX).outcome]).toEqual(['applied', 'applied']);
  expect(contents(x, ['box'])).toBe(contents(y, ['box']));
  expect(contents(x, ['box'])).toContain('number 8 | number 8');
  expect(() => write(x, `UPDATE box SET a = 9`)).toThrow('CHECK');
  x.connection.exec('ROLLBACK');
  x.close();
  y.close();
});

test('a merge that finds own writes not flushed is refused', () => {
  const store = openTestStore();
  write(store, `INSERT INTO num VALUES (1, 'x')`);
  expect(() => store.merge([])).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
  store.close();
});

test('inputs of a group share one window and are booked each with its own span', () => {
  const [a, b, c] = [openTestStore(), openTestStore(), openTestStore()];
  write(a, `INSERT INTO num VALUES (1, 'a')`);
  for (let i = 0; i < 3; i++) write(b, `INSERT INTO num VALUES (${i + 5}, 'b')`);
  const { before, after, inputs } = c.merge([inputOf(flushPart(a)), inputOf(flushPart(b)), inputOf()]);
  expect(after - before).toBe(1);
  expect(inputs.map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'duplicate']);
  const piece = c.readPiece(before, { without: [], changesMax: 10 });
  expect(new Map(piece.parts.map(({ site, span }) => [site, span]))).toEqual(
    new Map([
      [siteOf(a), [0, 1]],
      [siteOf(b), [0, 3]],
    ]),
  );
  for (const store of [a, b, c]) store.close();
});

test('claims on the own site are dropped, claims without bound are refused', () => {
  const store = openTestStore({ limits: { rangesMax: 3, sitesMax: 4 } });
  const claimsOf = (site: SiteId, count: number): Map<SiteId, [number, number][]> =>
    new Map([[site, Array.from({ length: count }, (_, i) => [2 * i, 2 * i + 1] as [number, number])]]);
  expect(store.merge([{ parts: [], claims: claimsOf(siteOf(store), 1) }]).inputs[0]!.growth.size).toBe(0);
  expect(store.coverage.size).toBe(0);
  const [many] = store.merge([{ parts: [], claims: claimsOf(STRANGER, 4) }]).inputs;
  expect(many).toMatchObject({ outcome: 'invalid', invalid: [{ code: 'LIMIT_EXCEEDED' }] });
  const sites = ['1', '2', '3', '4', '5'].map((digit) => digit.repeat(32) as SiteId);
  const results = sites.map((site) => store.merge([{ parts: [], claims: claimsOf(site, 1) }]).inputs[0]!.outcome);
  expect(results).toEqual(['applied', 'applied', 'applied', 'applied', 'invalid']);
  store.close();
});
