/**
 * Part bodies that between them take every form of the columnar body: each value type, runs and differences, texts by
 * dictionary, keys with a shared beginning, the raw area, every numbering of seq and version.
 */
import { PACKED_KEY_VALUES_MAX, encodePackedKey } from '../../src/core/packed-key.ts';
import type { Change } from '../../src/core/change.ts';
import type { PartBody } from '../../src/core/part.ts';
import type { Range } from '../../src/core/range-set.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';

const SITE = 'c1'.repeat(16) as SiteId;
const OTHER = 'd2'.repeat(16) as SiteId;

const count = <T>(length: number, item: (i: number) => T): T[] => Array.from({ length }, (_, i) => item(i));

/** Bytes that no compression shortens, the same at every run: a linear congruential generator. */
function scrambled(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

/** One column of values, one row each. */
function column(values: readonly SqlValue[], changes: (i: number) => Partial<Change> = () => ({})): PartBody {
  const rows = values.map((val, i): Change => {
    return { table: 't', pk: encodePackedKey([i + 1]), cid: 'v', val, colVersion: 1, cl: 1, seq: i, ...changes(i) };
  });
  return { site: SITE, span: [0, 9], rows };
}

/** Rows with these keys. */
function keyed(keys: readonly (readonly SqlValue[])[]): PartBody {
  return column(
    count(keys.length, () => null),
    (i) => ({ pk: encodePackedKey(keys[i]!) }),
  );
}

const valueColumns: Readonly<Record<string, PartBody>> = {
  nulls: column([null, null, null]),
  'one-integer': column([42]),
  'integers-equal': column(count(5, () => -7)),
  'integers-in-runs': column(count(40, (i) => (i < 25 ? 1_000_000 : -3))),
  'integers-each': column([0, -1, 63, 64, -8192, 123_456_789, 5, 77, -64]),
  'integers-by-difference-equal': column(count(12, (i) => 1_700_000_000_000 + 250 * i)),
  'integers-by-difference-each': column([5_000_000, 5_000_001, 5_000_003, 4_999_990, 5_000_700]),
  'integers-by-difference-in-runs': column(count(60, (i) => 900_000 + (i < 30 ? i : 29 + 3 * (i - 29)))),
  'integers-at-the-bounds': column([Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]),
  longs: column([2n ** 63n - 1n, -(2n ** 63n), 5, -9007199254740993n]),
  reals: column([Math.PI, 1e-300, Infinity, -Infinity, real(-0), real(5), real(1e300)]),
  decimals: column([52.37, -4.9, real(13), 0.125]),
  'decimals-of-nine-places': column([0.123456789, 1.5]),
  texts: column(['milk', '', 'two\nlines', 'nul \0 inside']),
  'texts-beyond-ascii': column(['naïve', 'žluťoučký kůň', '😀', '', '\u{feff}mark']),
  'texts-by-dictionary': column(count(24, (i) => ['Paris', 'Zürich', ''][i % 3]!)),
  blobs: column([Uint8Array.of(0, 255), new Uint8Array(0), Uint8Array.of(7)]),
  mixed: column([null, 5, 2n ** 60n, real(5), 'five', Uint8Array.of(5), -1, 0.5, 'ö']),
  'integers-and-nulls': column(count(10, (i) => (i % 3 === 0 ? null : i))),
  'longs-and-nulls': column([null, 2n ** 62n, null]),
  'reals-and-nulls': column([null, Math.E]),
  'decimals-and-nulls': column([1.5, null, 2.25]),
  'texts-and-nulls': column(['a', null, 'b', null, null, 'c', 'd', 'e', null]),
  'dictionary-and-nulls': column(count(40, (i) => (i % 5 === 4 ? null : `word ${i % 2}`))),
  'blobs-and-nulls': column([Uint8Array.of(1), null]),
};

const keyColumns: Readonly<Record<string, PartBody>> = {
  'keys-of-one-integer': keyed([[0], [255], [256], [2 ** 40]]),
  'keys-of-any-kind': keyed([[-1], ['x', 2], [Uint8Array.of(1, 2), real(2.5), 'ü', 2n ** 62n]]),
  'keys-of-one-length': keyed(count(6, (i) => [`item-${i}`])),
  'keys-all-equal': {
    ...keyed(count(5, () => ['same'])),
    rows: keyed(count(5, () => ['same'])).rows.map((row, i) => ({ ...row, cl: 2 * i + 1 })),
  },
  'key-of-many-values': keyed([count(PACKED_KEY_VALUES_MAX, (i) => i)]),
};

const spanned = (span: Range, values: number, changes: (i: number) => Partial<Change>): PartBody => {
  return {
    ...column(
      count(values, (i) => i),
      changes,
    ),
    span,
  };
};

/** Two cells a row. */
function pairs(rows: number, changes: (row: number, cell: number) => Partial<Change>): PartBody {
  const cells = count(2 * rows, (i): Change => {
    const [row, cell] = [i >> 1, i & 1];
    const pk = encodePackedKey([row + 1]);
    const cid = cell === 0 ? 'a' : 'b';
    return { table: 't', pk, cid, val: row * 10 + cell, colVersion: 1, cl: 1, seq: i, ...changes(row, cell) };
  });
  return { site: SITE, span: [10, 20], rows: cells };
}

const numbered: Readonly<Record<string, PartBody>> = {
  'seq-through': spanned([0, 1], 3, (i) => ({ seq: 7 + i })),
  'seq-from-the-start-in-each-row': pairs(4, (_, cell) => ({ seq: 3 + cell })),
  'seq-any': spanned([0, 1], 4, (i) => ({ seq: [9, 0, 1, 2_147_483_647][i]! })),
  'version-none': pairs(2, () => ({})),
  'version-at-the-end': pairs(2, () => ({ version: 20 })),
  'version-of-each-row': pairs(4, (row) => ({ version: 11 + 2 * row })),
  'version-of-some-changes': pairs(3, (row, cell) => (row === 1 && cell === 1 ? {} : { version: 12 + row })),
  'column-versions-vary': pairs(5, (row, cell) => ({ colVersion: cell === 0 ? 3 : 1 + row * row })),
};

const pkOf = (...values: readonly SqlValue[]): Uint8Array => encodePackedKey(values);
const plain = { colVersion: 1, cl: 1, val: null };

const shapes: Readonly<Record<string, PartBody>> = {
  'no-rows': { site: SITE, span: [4, 9], rows: [] },
  'seen-by-the-author': {
    ...column([1]),
    seen: new Map([
      [
        OTHER,
        [
          [0, 3],
          [5, 2 ** 40],
        ],
      ],
    ]),
  },
  'widest-span': { ...column([1]), span: [0, Number.MAX_SAFE_INTEGER] },
  'deletes-and-resurrections': {
    site: SITE,
    span: [0, 4],
    rows: [
      { table: 't', pk: pkOf(1), cid: '-1', val: null, colVersion: 2, cl: 2, seq: 0 },
      { table: 't', pk: pkOf(2), cid: '-1', val: null, colVersion: 3, cl: 3, seq: 1 },
      { table: 't', pk: pkOf(2), cid: 'v', val: 'again', colVersion: 1, cl: 3, seq: 2 },
      { table: 't', pk: pkOf(3), cid: '-1', val: null, colVersion: 2 ** 52, cl: 2 ** 52, seq: 3 },
    ],
  },
  'several-tables-and-templates': {
    site: SITE,
    span: [0, 4],
    rows: [
      { ...plain, table: 'todo', pk: pkOf('a'), cid: 'title', val: 'x', seq: 0 },
      { ...plain, table: 'todo', pk: pkOf('a'), cid: 'done', val: 0, seq: 1 },
      { ...plain, table: 'tag', pk: pkOf('a', 'red'), cid: '-1', seq: 2 },
      { ...plain, table: 'todo', pk: pkOf('b'), cid: 'done', val: 1, seq: 3 },
      { ...plain, table: 'todo', pk: pkOf('c'), cid: 'done', val: 1, seq: 4 },
      { ...plain, table: 'todo', pk: pkOf('c'), cid: 'title', val: 'y', seq: 5 },
      { ...plain, table: 'tag', pk: pkOf('b', 'red'), cid: '-1', seq: 6 },
      { ...plain, table: 'todo', pk: pkOf('d'), cid: 'title', val: 'z', seq: 7 },
      { ...plain, table: 'todo', pk: pkOf('d'), cid: 'done', val: 0, seq: 8 },
    ],
  },
};

/** Name -> body; written without compression. */
export const plainBodies: Readonly<Record<string, PartBody>> = {
  ...valueColumns,
  ...keyColumns,
  ...numbered,
  ...shapes,
};

/** The same, written with compression. */
export const deflatedBodies: Readonly<Record<string, PartBody>> = {
  'deflated-columns': {
    ...column(count(60, (i) => `a text that comes again, number ${i % 7}`)),
    seen: new Map([[OTHER, [[0, 3]]]]),
  },
  'too-short-to-deflate': column(['milk']),
  'deflated-beside-random-keys': keyed(count(40, (i) => [scrambled(16, i + 1)])),
  'deflated-beside-random-blobs': column(
    count(24, (i) => (i % 4 === 3 ? null : scrambled(48, i + 100))),
    (i) => ({ pk: encodePackedKey([`a long key that is much the same for every row ${i % 10}`, i]) }),
  ),
  'random-blobs': column(count(24, (i) => scrambled(32, i + 300))),
  'random-keys-not-deflated': keyed(count(17, (i) => [scrambled(32, i + 7)])),
};
