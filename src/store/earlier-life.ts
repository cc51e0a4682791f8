/**
 * What a row keeps of a life before, and must not: a resurrection that is merged onto a living row ends the cells of
 * that life.
 *
 * The engine leaves such cells in place, with column version 0 and a new store version. They would be shown here and
 * not where the row was dead before, and an own one would stand at a version that was never announced, outside of its
 * part's span. So they become what they are on a replica that has seen the deletion: defaults, without a clock.
 */
import type { Change } from '../core/change.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { clockTable, keyTable, numberOf, quoted, quotedText, textOf } from './sql-text.ts';
import type { StoreContext } from './store-context.ts';
import type { ReplicatedTable } from './table-catalog.ts';

/** A change that was merged, with where its row stands. */
interface MergedChange {
  readonly table: ReplicatedTable;
  readonly key: readonly SqlValue[];
  readonly change: Change;
}

/** The causal length of a row that lives again. */
const RESURRECTED = 3;

/** After a merge that changed the store; the sync bit is off before and after. */
export function endEarlierLife({ connection }: StoreContext, { table, key, change }: MergedChange): void {
  if (change.cl < RESURRECTED) return;
  const clock = clockTable(table.name);
  const match = (name: string): string =>
    table.keyColumns.map((column, i) => `${name}.${quoted(column.name)} = ?${i + 1}`).join(' AND ');
  const stale = connection
    .prepare(
      `SELECT c.key, c.col_name, d.dflt_value
         FROM ${keyTable(table.name)} AS k JOIN ${clock} AS c ON c.key = k.__crsql_key
         JOIN pragma_table_info(${quotedText(table.name)}) AS d ON d.name = c.col_name
        WHERE ${match('k')} AND c.col_version = 0 AND c.col_name <> '-1'`,
    )
    .all(key);
  if (stale.length === 0) return;
  const sets = stale.map(
    ([, name, value]) => `${quoted(textOf(name))} = ${value === null ? 'NULL' : `(${textOf(value)})`}`,
  );
  connection.prepare('SELECT crsql_internal_sync_bit(1)').get();
  try {
    connection.prepare(`UPDATE ${quoted(table.name)} AS t SET ${sets.join(', ')} WHERE ${match('t')}`).run(key);
  } finally {
    connection.prepare('SELECT crsql_internal_sync_bit(0)').get();
  }
  connection
    .prepare(`DELETE FROM ${clock} WHERE key = ? AND col_version = 0 AND col_name <> '-1'`)
    .run([numberOf(stale[0]![0])]);
}
