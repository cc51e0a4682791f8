/** Own changes that no other replica has acknowledged, by table row: what an app marks as 'not sent yet'. */
import type { Limits } from '../core/limits.ts';
import { decodePackedKey } from '../core/packed-key.ts';
import type { RangeSet } from '../core/range-set.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { Real } from '../core/sql-value.ts';
import type { Connection } from '../sqlite/database.ts';
import type { Row, RowValue } from './user-statements.ts';

export interface PendingChange {
  readonly table: string;
  /** Primary key column -> value. */
  readonly pk: Row;
  /** Changes (cells) of this table row. */
  readonly changes: number;
}

const KEY_COLUMNS = 'SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk';
const CHANGES = `
  SELECT "table", pk, count(*) FROM crsql_changes
   WHERE db_version > ? AND db_version <= ? AND site_id = crsql_site_id()
   GROUP BY "table", pk`;

/** `ranges`: own origin versions, which for own changes are this database's store versions. */
export function pendingChanges(
  connection: Connection,
  ranges: RangeSet,
  limits: Pick<Limits, 'packedKeyBytesMax'>,
): PendingChange[] {
  const found = new Map<string, PendingChange>();
  const columnsByTable = new Map<string, readonly string[]>();
  for (const [lo, hi] of ranges) {
    for (const [table, pk, changes] of connection.prepare(CHANGES).iterate([lo, hi]) as Iterable<PendingRow>) {
      const columns = columnsByTable.get(table) ?? keyColumns(connection, table);
      columnsByTable.set(table, columns);
      const id = `${table} ${pk.join()}`;
      const before = found.get(id)?.changes ?? 0;
      found.set(id, { table, pk: keyRow(columns, decodePackedKey(pk, limits)), changes: before + changes });
    }
  }
  return [...found.values()];
}

type PendingRow = [table: string, pk: Uint8Array, changes: number];

function keyColumns(connection: Connection, table: string): readonly string[] {
  return connection
    .prepare(KEY_COLUMNS)
    .all([table])
    .map(([name]) => name as string);
}

function keyRow(columns: readonly string[], values: readonly SqlValue[]): Row {
  return Object.fromEntries(columns.map((column, i) => [column, rowValue(values[i] ?? null)]));
}

function rowValue(value: SqlValue): RowValue {
  return value instanceof Real ? value.value : value;
}
