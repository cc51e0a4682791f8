/**
 * Flush: own writes since the last flush become announced, in one commit.
 *
 * Runs lazily, and always before anything remote is merged: afterwards a merged row and an own one may share
 * numbers above the announced ones, and 'what I had seen when I wrote' would be lost.
 */
import type { Part } from '../core/part.ts';
import type { Range } from '../core/range-set.ts';
import { wholeBytesMax } from '../core/limits.ts';
import type { Knowledge } from './knowledge.ts';
import { announce } from './knowledge.ts';
import { bookOwnRows } from './own-book.ts';
import type { StoreContext } from './store-context.ts';
import { clockTable, numberOf, numberOrZero, quotedText } from './sql-text.ts';
import type { ReplicatedTable } from './table-catalog.ts';

export interface Flushed {
  readonly knowledge: Knowledge;
  /** Undefined when no own row was written. */
  readonly announced: Range | undefined;
  /** Undefined when there is more than one group or message may hold. */
  readonly part: Part | undefined;
}

/**
 * Announces own rows above the last flush; inside a transaction.
 *
 * Shape   versions (announced before, stored maximum] are announced only when an own row lies in them: a merge alone
 *         announces nothing, or replicas would answer each other for ever.
 * Why     The end is the highest version in the tables, never the engine's counter, which a no-op UPDATE raises in
 *         memory only: the next write would reuse a version already announced as empty.
 */
export function announceOwnWrites(context: StoreContext, knowledge: Knowledge): Flushed {
  const { connection, clocks, faults, limits, site } = context;
  const from = knowledge.storedMax;
  const to = faults['empty-own-version'] ? engineCounter(context) : clocks.storedMax();
  const written = clocks.tablesAbove(from).map((table) => ({ table, ...ownRowsOf(context, table, from) }));
  for (const { table, liveSentinels } of written) {
    if (liveSentinels > 0 && !faults['pk-update-repair']) repairMovedKeys(context, table, from);
  }
  const rows = written.reduce((sum, { count }) => sum + count, 0);
  if (rows === 0 && !(faults['empty-own-version'] && to > from)) {
    return { knowledge: { ...knowledge, storedMax: to }, announced: undefined, part: undefined };
  }
  connection.prepare('UPDATE crmesh_self SET announced = ?, flushed = ?').run([to, to]);
  clocks.storedMaxAfter([]);
  const ownBook = bookOwnRows(connection, knowledge.ownBook, [from, to], limits.bookEntriesMax);
  const announced: Range = [knowledge.announced, to];
  return {
    knowledge: announce(knowledge, site, { announced: to, storedMax: to, ownBook }),
    announced,
    part: rows > limits.groupChangesMax ? undefined : ownPart(context, announced, from),
  };
}

/** The own rows in a range of own versions, all of them, with the claim that they are all. */
function ownPart({ clocks, limits, site }: StoreContext, span: Range, from: number): Part | undefined {
  const selection = { from: Math.max(from, span[0]), to: span[1], only: 0 };
  const rows = clocks.readChanges(selection, wholeBytesMax(limits));
  if (rows === undefined) return undefined;
  return { site, span, claims: [span], rows };
}

function ownRowsOf({ connection }: StoreContext, table: ReplicatedTable, from: number): OwnRows {
  const row = connection
    .prepare(
      `SELECT count(*), sum(col_name = '-1' AND col_version % 2 = 1) FROM ${clockTable(table.name)}
        WHERE db_version > ? AND site_id = 0`,
    )
    .get([from]);
  return { count: numberOf(row?.[0]), liveSentinels: table.columns.size === 0 ? 0 : numberOrZero(row?.[1]) };
}

interface OwnRows {
  readonly count: number;
  /** Own sentinels of live rows: a resurrected row, or a moved primary key. */
  readonly liveSentinels: number;
}

/**
 * Stamps the cells of rows whose primary key moved as written now, by this site.
 *
 * Why     The engine moves the column clocks with their old version and author, so receivers would get NULLs. The
 *         guard trigger refuses such updates; the file may have been written by another tool.
 */
function repairMovedKeys({ connection }: StoreContext, table: ReplicatedTable, from: number): void {
  const clock = clockTable(table.name);
  connection
    .prepare(
      `UPDATE ${clock} AS c
          SET site_id = 0, col_version = max(1, c.col_version), db_version = s.db_version
         FROM ${clock} AS s
        WHERE s.key = c.key AND s.col_name = '-1' AND s.site_id = 0 AND s.col_version % 2 = 1
          AND s.db_version > ? AND c.col_name <> '-1' AND c.db_version < s.db_version`,
    )
    .run([from]);
  for (const column of table.columns.keys()) {
    connection
      .prepare(
        `INSERT OR IGNORE INTO ${clock} (key, col_name, col_version, db_version, seq, site_id)
         SELECT s.key, ${quotedText(column)}, 1, s.db_version, s.seq, 0 FROM ${clock} AS s
          WHERE s.col_name = '-1' AND s.site_id = 0 AND s.col_version % 2 = 1 AND s.db_version > ?`,
      )
      .run([from]);
  }
}

/** What the engine would call the current version. */
function engineCounter({ connection }: StoreContext): number {
  return numberOf(connection.prepare('SELECT crsql_db_version()').get()?.[0]);
}
