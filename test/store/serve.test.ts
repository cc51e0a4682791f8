/** Serving: pieces in store order, own parts, answers to wants, folding of the book. */
import { expect, test } from 'vitest';
import type { SiteId } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { contents, flushPart, mergeParts, openTestStore, pull, siteOf, write } from './test-store.ts';

const START = 0 as StoreVersion;

test('a piece ends at a store version of about the asked size and never inside one', () => {
  const store = openTestStore();
  write(store, ...Array.from({ length: 7 }, (_, i) => `INSERT INTO num VALUES (${i}, 'x')`));
  for (let i = 10; i < 15; i++)
    write(store, `INSERT INTO num VALUES (${i}, 'x')`, `INSERT INTO tag VALUES ('${i}', 'x')`);
  store.flush();
  const sizes: [number, number, boolean][] = [];
  for (let at = START; ;) {
    const piece = store.readPiece(at, { without: [], changesMax: 5 });
    sizes.push([piece.to, piece.parts.reduce((sum, part) => sum + part.rows.length, 0), piece.last]);
    at = piece.to;
    if (piece.last) break;
  }
  expect(sizes).toEqual([
    [1, 7, false],
    [3, 4, false],
    [5, 4, false],
    [6, 2, true],
  ]);
  expect(store.readPiece(store.storedMax, { without: [], changesMax: 5 })).toMatchObject({ last: true, parts: [] });
  store.close();
});

test('a piece holds no write that is not flushed yet, and rows of several tables in their order', () => {
  const store = openTestStore();
  write(
    store,
    `INSERT INTO tag VALUES ('a', 'b')`,
    `INSERT INTO num VALUES (1, 'x')`,
    `INSERT INTO tag VALUES ('c', 'd')`,
  );
  store.flush();
  write(store, `INSERT INTO num VALUES (2, 'later')`);
  const { parts, to } = store.readPiece(START, { without: [], changesMax: 100 });
  expect(to).toBe(1);
  expect(parts).toMatchObject([{ site: siteOf(store), span: [0, 1] }]);
  expect(parts[0]!.rows.map(({ table, seq, version }) => [table, seq, version])).toEqual([
    ['tag', 0, 1],
    ['num', 1, 1],
    ['tag', 2, 1],
  ]);
  store.close();
});

test('the span of a site in a piece is the hull of its entries above the start, or any version without one', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  const spans: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    write(a, `INSERT INTO num VALUES (${i}, 'x')`);
    mergeParts(b, flushPart(a));
  }
  for (const from of [0, 1, 2]) {
    spans.push(b.readPiece(from as StoreVersion, { without: [], changesMax: 100 }).parts[0]!.span);
  }
  b.connection.exec('DELETE FROM crmesh_book');
  spans.push(b.readPiece(START, { without: [], changesMax: 100 }).parts[0]!.span);
  expect(spans).toEqual([
    [0, 3],
    [1, 3],
    [2, 3],
    [0, Number.MAX_SAFE_INTEGER],
  ]);
  a.close();
  b.close();
});

test('own parts are cut at versions, claim exactly what they complete, and empty ranges have their claim too', () => {
  const store = openTestStore();
  for (let i = 0; i < 6; i++) write(store, `INSERT INTO num VALUES (${i}, 'x')`);
  write(store, `UPDATE num SET v = 'y' WHERE id < 2`);
  store.flush();
  const own = store.readOwn(
    [
      [0, 2],
      [3, 99],
    ],
    { changesMax: 2, partsMax: 10 },
  );
  expect(own.map(({ span, claims, rows }) => [span, claims, rows.length])).toEqual([
    [[0, 2], [[0, 2]], 0],
    [[3, 5], [[3, 5]], 2],
    [[5, 6], [[5, 6]], 1],
    [[6, 7], [[6, 7]], 2],
  ]);
  expect(store.readOwn([[0, 7]], { changesMax: 1, partsMax: 2 })).toHaveLength(2);
  expect(store.readOwn([], { changesMax: 1, partsMax: 2 })).toEqual([]);
  store.close();
});

test('a want is answered with claims that are exactly what is held of it', () => {
  const [a, b, c] = [openTestStore(), openTestStore(), openTestStore()];
  for (let i = 0; i < 6; i++) write(a, `INSERT INTO num VALUES (${i}, 'x')`);
  a.flush();
  mergeParts(
    b,
    ...a
      .readOwn(
        [
          [0, 2],
          [3, 6],
        ],
        { changesMax: 100, partsMax: 9 },
      )
      .slice(0, 1),
  );
  mergeParts(b, ...a.readOwn([[3, 6]], { changesMax: 100, partsMax: 9 }));
  expect(b.serveWant(siteOf(a), [[2, 3]], { changesMax: 100 })).toBeUndefined();
  const part = b.serveWant(siteOf(a), [[1, 5]], { changesMax: 100 })!;
  expect(part).toMatchObject({
    site: siteOf(a),
    span: [0, 6],
    claims: [
      [1, 2],
      [3, 5],
    ],
  });
  mergeParts(c, part);
  expect(c.coverage.get(siteOf(a))).toEqual([
    [1, 2],
    [3, 5],
  ]);
  expect(b.serveWant('00'.repeat(16) as SiteId, [[0, 9]], { changesMax: 5 })).toBeUndefined();
  const own = a.serveWant(siteOf(a), [[1, 4]], { changesMax: 2 })!;
  expect(own).toMatchObject({ span: [1, 3], claims: [[1, 3]], rows: [{ version: 2 }, { version: 3 }] });
  for (const store of [a, b, c]) store.close();
});

test('the union of the entries a want meets is more than its rows complete', () => {
  const coverageAfter = (broken: boolean): unknown => {
    const faults = { 'exact-claims-of-want': broken };
    const [a, b, c] = [openTestStore(), openTestStore({ faults }), openTestStore()];
    for (let i = 0; i < 3; i++) write(a, `INSERT INTO num VALUES (${i}, 'x')`);
    const whole = flushPart(a);
    const [first, ...others] = whole.rows;
    mergeParts(b, { ...whole, rows: [first!], claims: [[0, 1]] });
    mergeParts(c, b.serveWant(siteOf(a), [[0, 1]], { changesMax: 100 })!);
    mergeParts(b, { ...whole, rows: others });
    const result = [c.coverage.get(siteOf(a)), c.countChanges()];
    for (const store of [a, b, c]) store.close();
    return result;
  };
  expect(coverageAfter(false)).toEqual([[[0, 1]], 1]);
  expect(coverageAfter(true)).toEqual([[[0, 3]], 1]);
});

test('a large want is answered step by step at ends of book entries', () => {
  const [a, b, c] = [openTestStore(), openTestStore(), openTestStore()];
  for (let i = 0; i < 6; i++) {
    write(a, `INSERT INTO num VALUES (${i}, 'x')`, `INSERT INTO tag VALUES ('${i}', 'x')`);
    mergeParts(b, flushPart(a));
  }
  const claims: unknown[] = [];
  for (let steps = 0; steps < 10; steps++) {
    const held = c.coverage.get(siteOf(a))?.at(-1)?.[1] ?? 0;
    if (held === 6) break;
    const part = b.serveWant(siteOf(a), [[held, 6]], { changesMax: 5 })!;
    claims.push(part.claims, part.rows.length);
    mergeParts(c, part);
  }
  expect(claims).toEqual([[[0, 2]], 4, [[2, 4]], 4, [[4, 6]], 4]);
  expect(contents(c)).toBe(contents(b));
  for (const store of [a, b, c]) store.close();
});

test('early chunks are booked with their span, so a third store gets their rows', () => {
  const third = (broken: boolean): boolean => {
    const faults = { 'span-booking': broken };
    const [a, b, c] = [openTestStore(), openTestStore({ faults }), openTestStore()];
    write(a, ...Array.from({ length: 4 }, (_, i) => `INSERT INTO num VALUES (${i}, 'x')`));
    const part = flushPart(a);
    b.merge([{ parts: [{ ...part, rows: part.rows.slice(0, 2) }], claims: new Map() }]);
    mergeParts(b, { ...part, rows: part.rows.slice(2) });
    mergeParts(c, b.serveWant(siteOf(a), [[0, 1]], { changesMax: 100 })!);
    const equal = contents(c) === contents(a);
    for (const store of [a, b, c]) store.close();
    return equal;
  };
  expect([third(false), third(true)]).toEqual([true, false]);
});

test('a book that is folded to one entry a site only serves more rows', () => {
  const limits = { bookEntriesMax: 1 };
  const [a, b, c] = [openTestStore(), openTestStore({ limits }), openTestStore({ limits })];
  for (let i = 0; i < 30; i++) {
    write(a, `INSERT INTO num VALUES (${i % 7}, ${i}) ON CONFLICT DO UPDATE SET v = ${i}`);
    mergeParts(b, flushPart(a));
  }
  expect(b.connection.prepare('SELECT lmin, lmax, lo, hi FROM crmesh_book').all()).toEqual([[1, 30, 0, 30]]);
  mergeParts(c, b.serveWant(siteOf(a), [[0, 30]], { changesMax: 1000 })!);
  expect(contents(c)).toBe(contents(a));
  for (const store of [a, b, c]) store.close();
});

test('a piece leaves out the sites it is told to', () => {
  const [a, b, c] = [openTestStore(), openTestStore(), openTestStore()];
  write(a, `INSERT INTO num VALUES (1, 'a')`);
  write(b, `INSERT INTO num VALUES (2, 'b')`);
  pull(c, a);
  pull(c, b);
  const options = { without: [siteOf(a), siteOf(c)], changesMax: 10 };
  expect(c.readPiece(START, options).parts.map(({ site }) => site)).toEqual([siteOf(b)]);
  for (const store of [a, b, c]) store.close();
});
