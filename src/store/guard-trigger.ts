/**
 * The trigger that refuses an UPDATE of a primary key.
 *
 * Why     The engine would move the row and lose every other column on peers that already have it. An upsert that
 *         sets the key to itself is let through, and so is a merge, which never updates keys.
 */
import type { TableShape } from '../core/schema-shape.ts';
import { quotedName } from '../core/sql-tokenizer.ts';
import { quotedText } from './sql-text.ts';

export function guardTriggerSql(table: TableShape): string {
  const keys = table.primaryKey.map(quotedName);
  const changed = keys.map((key) => `NEW.${key} IS NOT OLD.${key}`).join(' OR ');
  const message =
    `the primary key of ${table.name} cannot be updated: replicas would lose the row's other columns; ` +
    'DELETE the row and INSERT it with its new key';
  return `CREATE TRIGGER IF NOT EXISTS ${quotedName(`crmesh_guard_${table.name}`)}
  BEFORE UPDATE${columnsOf(table, keys)} ON ${quotedName(table.name)}
  WHEN crsql_internal_sync_bit() = 0 AND (${changed})
  BEGIN SELECT RAISE(ABORT, ${quotedText(message)}); END`;
}

/** An INTEGER PRIMARY KEY can also be updated under the names rowid, oid and _rowid_. */
function columnsOf(table: TableShape, keys: readonly string[]): string {
  const isRowid = table.columns.some((column) => column.affinity === 'rowid');
  return isRowid ? '' : ` OF ${keys.join(', ')}`;
}
