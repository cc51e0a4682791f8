/** Own writes: SQL of an application, and the part that the next flush announces. The site is the replica's own. */
import { bytesFromBase64 } from '../../src/core/base64.ts';
import type { Change } from '../../src/core/change.ts';
import type { Part } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { sqlValueFromJson } from '../../src/wire/json-value.ts';
import { openTestStore, write } from '../store/test-store.ts';
import { meaningOf } from '../wire/golden-frames.ts';
import { rowsOf, tablesOf } from './merge-vectors.ts';

export interface WriteVector {
  readonly name: string;
  readonly schema: string;
  /** As in merges: what a reader needs of the schema. */
  readonly tables: unknown;
  readonly flushes: readonly {
    /** Local transactions, each a list of statements. */
    readonly transactions: readonly (readonly string[])[];
    /** Undefined when there is nothing to announce. */
    readonly part?: unknown;
  }[];
  /** The rows of the writer, and of whoever merges the parts. */
  readonly expected: unknown;
}

interface Writes {
  readonly name: string;
  /** Flush -> transactions -> statements. */
  readonly flushes: readonly (readonly (readonly string[])[])[];
}

const SCHEMA = [
  `CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT DEFAULT 'untitled', done INTEGER NOT NULL DEFAULT 0, any);`,
  'CREATE TABLE tag (todo TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (todo, name));',
].join('\n');

const MILK = `INSERT INTO todo (id, title) VALUES ('a', 'milk')`;

const cases: readonly Writes[] = [
  { name: 'a row has a change for each column, defaults too', flushes: [[[MILK]]] },
  {
    name: 'the changes of one transaction are numbered through',
    flushes: [[[MILK, `INSERT INTO todo (id, any) VALUES ('b', 2.5)`, `INSERT INTO tag VALUES ('a', 'red')`]]],
  },
  {
    name: 'each transaction is a version, and one flush announces them all',
    flushes: [[[MILK], [`UPDATE todo SET done = 1 WHERE id = 'a'`], [`UPDATE todo SET title = 'oat milk'`]]],
  },
  {
    name: 'what a later transaction overwrote is not announced',
    flushes: [[[MILK], [`UPDATE todo SET any = 1`], [`UPDATE todo SET any = x'00ff'`]]],
  },
  {
    name: 'a flush begins where the one before ended',
    flushes: [[[MILK]], [[`UPDATE todo SET title = NULL`]]],
  },
  {
    name: 'an update that changes nothing announces nothing, and may leave a number out',
    flushes: [[[MILK]], [[`UPDATE todo SET title = 'milk'`]], [[`UPDATE todo SET title = 'tea'`]]],
  },
  {
    name: 'a deletion is a sentinel with an even causal length',
    flushes: [[[MILK]], [[`DELETE FROM todo WHERE id = 'a'`]]],
  },
  {
    name: 'a row that comes again has a sentinel and new cells',
    flushes: [[[MILK]], [[`DELETE FROM todo`]], [[`INSERT INTO todo (id, title) VALUES ('a', 'again')`]]],
  },
  {
    name: 'rows of keys alone are sentinels',
    flushes: [
      [[`INSERT INTO tag VALUES ('a', 'red')`]],
      [[`DELETE FROM tag`]],
      [[`INSERT INTO tag VALUES ('a', 'red')`]],
    ],
  },
  {
    name: 'an upsert writes what it sets',
    flushes: [
      [[MILK]],
      [[`INSERT INTO todo (id, title) VALUES ('a', 'tea') ON CONFLICT (id) DO UPDATE SET title = excluded.title`]],
    ],
  },
];

export function writeVectors(): { readonly writes: readonly WriteVector[] } {
  return { writes: cases.map(vectorOf) };
}

function vectorOf({ name, flushes }: Writes): WriteVector {
  const store = openTestStore({ tables: [] });
  try {
    store.migrate(SCHEMA);
    const told = flushes.map((transactions) => {
      for (const statements of transactions) write(store, ...statements);
      const part = store.flush()?.part;
      return { transactions, ...(part === undefined ? {} : { part: withoutSite(meaningOf(part)) }) };
    });
    return { name, schema: SCHEMA, tables: tablesOf(store), flushes: told, expected: rowsOf(store) };
  } finally {
    store.close();
  }
}

/** The site is random in each replica. */
function withoutSite(meaning: unknown): unknown {
  const { site: _site, rows, ...rest } = meaning as { readonly site: string; readonly rows: readonly Json[] };
  return { ...rest, rows: rows.map(({ siteId: _own, ...row }) => row) };
}

/** A part as it stands in a vector, by some site. */
export function partOfWrites(part: unknown): Part {
  const { span, claims, rows } = part as { readonly rows: readonly Json[] } & Pick<Part, 'span' | 'claims'>;
  const changes = rows.map((row) => {
    const value = sqlValueFromJson(row['val']);
    if ('fault' in value) throw new Error(value.fault);
    return { ...row, pk: bytesFromBase64(row['pk'] as string), val: value.value } as unknown as Change;
  });
  return { site: 'a1'.repeat(16) as SiteId, span, claims, rows: changes };
}

type Json = Readonly<Record<string, unknown>>;
