/** Own changes by table row: which rows were written in ranges of own versions, and how many cells of each. */
import type { RangeSet } from '../core/range-set.ts';
import { intersectRanges } from '../core/range-set.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { Knowledge } from './knowledge.ts';
import { clockIndex, clockTable, keyTable, numberOf, quoted } from './sql-text.ts';
import type { StoreContext } from './store-context.ts';
import type { OwnRow } from './store-port.ts';
import type { ReplicatedTable } from './table-catalog.ts';

/** Cost  O(own changes in the ranges), however many merged ones lie between them. */
export function ownRowsIn(context: StoreContext, { ownBook }: Knowledge, ranges: RangeSet): OwnRow[] {
  const windows = intersectRanges(ranges, ownBook);
  const [first] = windows;
  if (first === undefined) return [];
  return context.clocks.tablesAbove(first[0]).flatMap((table) => rowsOfTable(context, table, windows));
}

function rowsOfTable({ connection }: StoreContext, table: ReplicatedTable, windows: RangeSet): OwnRow[] {
  const keys = table.keyColumns.map(({ name }) => name);
  const statement = connection.prepare(
    `SELECT c.key, count(*), ${keys.map((key) => `k.${quoted(key)}`).join(', ')}
       FROM ${clockTable(table.name)} AS c INDEXED BY ${clockIndex(table.name)}
       JOIN ${keyTable(table.name)} AS k ON k.__crsql_key = c.key
      WHERE c.db_version > ?1 AND c.db_version <= ?2 AND c.site_id = 0
      GROUP BY c.key`,
  );
  const found = new Map<number, { readonly pk: ReadonlyMap<string, SqlValue>; changes: number }>();
  for (const [from, to] of windows) {
    for (const [key, changes, ...values] of statement.iterate([from, to])) {
      const row = found.get(numberOf(key));
      if (row !== undefined) row.changes += numberOf(changes);
      else {
        const pk = new Map(keys.map((name, i) => [name, values[i] ?? null]));
        found.set(numberOf(key), { pk, changes: numberOf(changes) });
      }
    }
  }
  return [...found.values()].map(({ pk, changes }) => ({ table: table.name, pk, changes }));
}
