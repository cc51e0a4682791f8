/**
 * About how many bytes the rows of a store take on a link: what an image of it is compared with.
 *
 * Values are sampled and counted as they are; packing, dictionaries and compression make them less, as they do in an
 * image. Overwritten and deleted rows count as little as they cost on a link.
 */
import type { Connection } from '../sqlite/database.ts';
import { numberOf, numberOrZero, quoted } from './sql-text.ts';
import type { ReplicatedTable, TableCatalog } from './table-catalog.ts';

const SAMPLED_ROWS = 500;
/** What a change costs beside its value, deltas and compression done. */
const BYTES_PER_CHANGE = 2;

/** Cost  O(rows): each table is counted, none is read. */
export function estimateRowBytes(connection: Connection, catalog: TableCatalog, changes: number): number {
  let bytes = changes * BYTES_PER_CHANGE;
  for (const table of catalog.values()) {
    const rows = numberOf(connection.prepare(`SELECT count(*) FROM ${quoted(table.name)}`).get()?.[0]);
    bytes += rows * sampledRowBytes(connection, table);
  }
  return Math.round(bytes);
}

function sampledRowBytes(connection: Connection, { name, keyColumns, columns }: ReplicatedTable): number {
  const names = [...keyColumns.map((column) => column.name), ...columns.keys()];
  const lengths = names.map((column) => `coalesce(length(CAST(${quoted(column)} AS BLOB)), 0)`).join(' + ');
  const sql = `SELECT count(*), sum(bytes) FROM (SELECT ${lengths} AS bytes FROM ${quoted(name)} LIMIT ${SAMPLED_ROWS})`;
  const [rows, bytes] = (connection.prepare(sql).get() ?? []).map(numberOrZero);
  return (bytes ?? 0) / Math.max(1, rows ?? 0);
}
