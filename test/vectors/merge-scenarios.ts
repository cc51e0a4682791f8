/** The change sets of the merge vectors: what each writer wrote, as it would arrive. */
import type { Change } from '../../src/core/change.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { Part } from '../../src/core/part.ts';
import type { Range } from '../../src/core/range-set.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';
import type { MergeInput } from '../../src/store/store-port.ts';

export interface MergeScenario {
  readonly name: string;
  readonly anyOrder: boolean;
  readonly schema: string;
  readonly steps: readonly ({ readonly part: Part } | { readonly input: MergeInput } | { readonly schema: string })[];
}

const SITES = ['a1', 'b2', 'c3', 'd4', 'e5'].map((digits) => digits.repeat(16) as SiteId);

const TODO = `CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT DEFAULT 'untitled', done INTEGER NOT NULL DEFAULT 0, weight REAL, any);`;
const TAG = `CREATE TABLE tag (todo TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (todo, name));`;
const NUM = `CREATE TABLE num (id INTEGER PRIMARY KEY NOT NULL, v);`;
const PLACE = `CREATE TABLE place (id BLOB NOT NULL, part ANY NOT NULL, note TEXT, PRIMARY KEY (id, part));`;

/** A cell of the row 'k' of todo unless it says otherwise. */
function cell(cid: string, val: SqlValue, rest: Partial<Change> & { readonly key?: readonly SqlValue[] } = {}): Change {
  const { key = ['k'], ...more } = rest;
  return { table: 'todo', pk: encodePackedKey(key), cid, val, colVersion: 1, cl: 1, seq: 0, ...more };
}

/** The row itself: born again (odd) or deleted (even). */
function sentinel(cl: number, rest: Parameters<typeof cell>[2] = {}): Change {
  return cell('-1', null, { colVersion: cl, cl, ...rest });
}

/** What a site wrote: its span is its claim. */
function from(site: number, span: Range, ...rows: readonly Change[]): { readonly part: Part } {
  const numbered = rows.map((row, seq) => ({ ...row, seq }));
  return { part: { site: SITES[site]!, span, claims: [span], rows: numbered } };
}

function inAnyOrder(name: string, ...steps: readonly { readonly part: Part }[]): MergeScenario {
  return { name, anyOrder: true, schema: [TODO, TAG, NUM].join('\n'), steps };
}

function inOrder(name: string, ...steps: MergeScenario['steps']): MergeScenario {
  return { name, anyOrder: false, schema: [TODO, TAG, NUM].join('\n'), steps };
}

/** One write of the same cell by each of several sites. */
const contest = (...values: readonly SqlValue[]): { readonly part: Part }[] =>
  values.map((val, site) => from(site, [0, 1], cell('any', val)));

const cells: readonly MergeScenario[] = [
  inAnyOrder(
    'rows of several tables',
    from(0, [0, 1], cell('title', 'milk'), cell('done', 0), cell('weight', 1.5), cell('any', null)),
    from(0, [1, 2], sentinel(1, { table: 'tag', key: ['k', 'red'] })),
    from(1, [0, 1], cell('v', 7, { table: 'num', key: [5] }), cell('v', -7, { table: 'num', key: [-5] })),
  ),
  inAnyOrder(
    'the higher column version wins, whatever the value',
    from(0, [0, 1], cell('title', 'zzz')),
    from(0, [1, 2], cell('title', 'second', { colVersion: 2 })),
    from(1, [0, 1], cell('title', 'aaa', { colVersion: 3 })),
  ),
  inAnyOrder(
    'of equal column versions INTEGER beats REAL beats TEXT beats BLOB beats NULL',
    ...contest(null, Uint8Array.of(255), 'text', 7.5, 5),
  ),
  inAnyOrder('REAL beats TEXT', ...contest(real(-1e9), 'text')),
  inAnyOrder('TEXT beats BLOB', ...contest(Uint8Array.of(255), '')),
  inAnyOrder('BLOB beats NULL', ...contest(null, new Uint8Array(0))),
  inAnyOrder('the larger INTEGER wins', ...contest(-5, 2n ** 60n, 2n ** 60n - 1n)),
  inAnyOrder('the larger REAL wins', ...contest(-Infinity, 0.1, real(-0), 1e-300)),
  inAnyOrder('the larger TEXT wins, byte by byte', ...contest('Z', 'a', 'ab', 'é', 'aß')),
  inAnyOrder(
    'the larger BLOB wins, byte by byte',
    ...contest(Uint8Array.of(1, 255), Uint8Array.of(2), Uint8Array.of(2, 0)),
  ),
  inAnyOrder('of equal values the larger site stands as author', ...contest('same', 'same', 'same')),
  inAnyOrder('zeros of either sign are equal, and the larger site gives the sign', ...contest(real(-0), real(0))),
  inAnyOrder('zeros of either sign, the other way round', ...contest(real(0), real(-0))),
];

const lives: readonly MergeScenario[] = [
  inAnyOrder(
    'a deletion beats every write of the life that it ends',
    from(0, [0, 1], cell('title', 'x')),
    from(1, [0, 1], cell('title', 'y', { colVersion: 99 })),
    from(2, [0, 1], sentinel(2)),
  ),
  inAnyOrder(
    'of two deletions the larger site stands as author',
    from(0, [0, 1], cell('title', 'x')),
    from(1, [0, 1], sentinel(2)),
    from(3, [0, 1], sentinel(2)),
  ),
  inAnyOrder('a deletion of a row that is not known is kept', from(1, [0, 1], sentinel(2, { key: ['unknown'] }))),
  inAnyOrder(
    'a row lives again with what its new life says, the rest is default',
    from(0, [0, 1], cell('title', 'old'), cell('done', 1), cell('any', 'old')),
    from(1, [0, 1], sentinel(2)),
    from(2, [0, 1], sentinel(3), cell('any', 'new', { cl: 3 })),
  ),
  inAnyOrder(
    'a resurrection that arrives without its deletion ends the earlier life too',
    from(0, [0, 1], cell('title', 'old'), cell('done', 1)),
    from(2, [0, 1], sentinel(3), cell('weight', 2.5, { cl: 3 })),
  ),
  inAnyOrder(
    'a cell alone brings a row back to life',
    from(0, [0, 1], cell('title', 'old')),
    from(2, [1, 2], cell('any', 'new', { cl: 5 })),
  ),
  inAnyOrder(
    'a later deletion ends the second life',
    from(0, [0, 1], cell('title', 'one')),
    from(0, [1, 2], sentinel(2)),
    from(1, [0, 1], sentinel(3), cell('title', 'two', { cl: 3 })),
    from(2, [0, 1], sentinel(4)),
  ),
  inAnyOrder(
    'rows of keys alone: born twice, deleted, born again by two',
    from(0, [0, 1], sentinel(1, { table: 'tag', key: ['k', 'x'] }), sentinel(1, { table: 'tag', key: ['k', 'y'] })),
    from(1, [0, 1], sentinel(1, { table: 'tag', key: ['k', 'x'] }), sentinel(2, { table: 'tag', key: ['k', 'y'] })),
    from(2, [0, 1], sentinel(3, { table: 'tag', key: ['k', 'y'] })),
    from(3, [0, 1], sentinel(3, { table: 'tag', key: ['k', 'y'] })),
  ),
];

const forms: readonly MergeScenario[] = [
  inAnyOrder(
    'a value takes the form that its column stores before it is compared',
    from(0, [0, 1], cell('weight', 5), cell('done', real(5)), cell('title', 12)),
    from(1, [0, 1], cell('weight', '4.5'), cell('done', '4'), cell('title', '7')),
    from(2, [0, 1], cell('weight', real(-0), { key: ['l'] }), cell('done', 'no number', { key: ['l'] })),
  ),
  inAnyOrder(
    'a number becomes text in a text column as SQLite writes it',
    ...[real(-0), 0.1, 0.1 + 0.2, 1e-5, real(1e15), real(1e300), -Infinity, -12, 2n ** 62n].map((val, i) =>
      from(i % 5, [i, i + 1], cell('title', val, { key: [`k${i}`] })),
    ),
  ),
  inAnyOrder(
    'a text becomes a number in a number column where it is a whole literal',
    ...[' 4.50 ', '1e2', '-0', '.5', '5.', '9223372036854775808', '0x10', '1 2', '+7'].map((val, i) =>
      from(i % 5, [i, i + 1], cell('done', val, { key: [`k${i}`] }), cell('weight', val, { key: [`k${i}`] })),
    ),
  ),
  {
    name: 'keys of several values, blobs and untyped ones',
    anyOrder: true,
    schema: PLACE,
    steps: [
      from(0, [0, 1], cell('note', 'a', { table: 'place', key: [Uint8Array.of(1), 5] })),
      from(1, [0, 1], cell('note', 'b', { table: 'place', key: [Uint8Array.of(1), 'five'] })),
      from(2, [0, 1], cell('note', 'c', { table: 'place', key: [Uint8Array.of(1), 2.5] })),
    ],
  },
];

/** What a window brings: bodies of several parts, and claims that need not be theirs. */
function window(claims: Coverage, ...parts: readonly { readonly part: Part }[]): { readonly input: MergeInput } {
  return { input: { parts: parts.map(({ part: { claims: _own, ...body } }) => body), claims } };
}

const inputs: readonly MergeScenario[] = [
  inOrder(
    'a window brings parts of several sites, and claims of others too',
    window(
      new Map([
        [SITES[0]!, [[0, 2]]],
        [SITES[2]!, [[3, 7]]],
      ]),
      from(0, [0, 2], cell('title', 'x')),
      from(1, [4, 5], cell('done', 1)),
      from(0, [0, 2], cell('any', 5)),
    ),
    from(1, [0, 5]),
  ),
  inOrder(
    'of a window with one invalid change no part is taken, and no claim',
    window(
      new Map([[SITES[0]!, [[0, 2]]]]),
      from(0, [0, 2], cell('title', 'x')),
      from(1, [0, 1], cell('title', 'key in another form', { key: [5] })),
    ),
    from(1, [1, 2], cell('title', 'y')),
  ),
  inOrder(
    'rows that come without a claim are taken, and the claim alone later',
    window(new Map(), from(0, [0, 9], cell('title', 'x'))),
    window(new Map([[SITES[0]!, [[0, 9]]]])),
    window(new Map([[SITES[0]!, [[0, 9]]]])),
  ),
  inOrder(
    'a window parks what is unknown in its place, and takes the claims beside it',
    window(
      new Map([
        [SITES[0]!, [[0, 5]]],
        [SITES[1]!, [[0, 1]]],
      ]),
      from(0, [0, 5], cell('colour', 'red', { version: 3 }), cell('title', 'x', { version: 4 })),
      from(1, [0, 1], cell('done', 1)),
    ),
  ),
];

const knowledge: readonly MergeScenario[] = [
  inAnyOrder(
    'claims add up, and what lies between them is a gap',
    from(0, [0, 3], cell('title', 'x')),
    from(0, [5, 9]),
    from(0, [3, 4]),
    from(1, [2, 7], cell('done', 1)),
  ),
  inOrder(
    'what comes again is a duplicate and changes nothing',
    from(0, [0, 1], cell('title', 'x', { version: 1 })),
    from(0, [0, 1], cell('title', 'x', { version: 1 })),
  ),
  inOrder(
    'of an input with one invalid change nothing is taken',
    from(0, [0, 1], cell('title', 'fine'), cell('title', 'key in another form', { key: [5] })),
    from(0, [1, 2], cell('title', 'fine too')),
  ),
  inOrder('a change behind the span of its part is invalid', from(0, [0, 1], cell('title', 'x', { version: 2 }))),
  inAnyOrder(
    'what this schema does not know is parked, and claims that meet it wait',
    from(0, [0, 1], cell('title', 'known', { version: 1 })),
    from(0, [1, 4], cell('colour', 'red', { version: 3 }), cell('title', 'k2', { key: ['k2'], version: 2 })),
    from(1, [0, 5], cell('v', 1, { table: 'later' })),
    from(0, [4, 6], cell('done', 1, { version: 6 })),
  ),
  inOrder(
    'a claim over a parked change waits from whoever it comes, and is taken after the migration',
    from(0, [0, 2], cell('colour', 'red', { version: 2 }), cell('title', 'x', { version: 1 })),
    from(0, [0, 5]),
    { schema: [TODO.replace('any)', 'any, colour TEXT)'), TAG, NUM].join('\n') },
    from(1, [0, 1], cell('colour', 'sky')),
  ),
  inOrder(
    'a table that comes later takes what was parked for it',
    from(
      0,
      [0, 3],
      cell('v', 'parked', { table: 'later', version: 2 }),
      sentinel(2, { table: 'later', key: ['gone'] }),
    ),
    { schema: [TODO, TAG, NUM, 'CREATE TABLE later (id TEXT PRIMARY KEY NOT NULL, v);'].join('\n') },
  ),
  inOrder(
    'a row that the schema cannot store is parked, the others of its part are taken',
    from(0, [0, 3], cell('done', null, { version: 1 }), cell('title', 'kept', { version: 2 })),
  ),
  inOrder(
    'a parked change that comes again keeps what its spans have in common',
    from(0, [0, 9], cell('colour', 'red')),
    from(0, [4, 12], cell('colour', 'red')),
  ),
];

export const mergeScenarios: readonly MergeScenario[] = [...cells, ...lives, ...forms, ...inputs, ...knowledge];
