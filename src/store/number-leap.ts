/**
 * How far a leaf may raise the numbers of a cell: to colVersionMax and causalLengthMax at once, and from what is held
 * here by a step.
 *
 * Why  The greatest number wins, and the next write of anybody is one above it. A bound that stands still could be
 *      taken by one hostile write, and would lock the cell for all others; so it moves with what is held.
 */
import type { Change } from '../core/change.ts';
import { SENTINEL_CID } from '../core/change.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { clockTable, keyTable, numberOrZero, quoted } from './sql-text.ts';
import type { StoreContext } from './store-context.ts';
import type { ReplicatedTable } from './table-catalog.ts';

/** Where the change's row is, if this schema has a place for it. */
export interface LeapingRow {
  readonly change: Change;
  readonly table?: ReplicatedTable;
  readonly key?: readonly SqlValue[];
}

/** What is wrong with the numbers of a leaf's change; undefined when nothing is. */
export function leapFault(context: StoreContext, row: LeapingRow): string | undefined {
  const { colVersionMax, causalLengthMax, versionStepMax } = context.limits;
  const { colVersion, cl } = row.change;
  if (colVersion <= colVersionMax && cl <= causalLengthMax) return undefined;
  const held = heldNumbers(context, row);
  if (colVersion > Math.max(colVersionMax, held.colVersion) + versionStepMax) return leap('colVersion', colVersion);
  return cl > Math.max(causalLengthMax, held.cl) + versionStepMax ? leap('cl', cl) : undefined;
}

function leap(name: string, value: number): string {
  return `${name} ${value} is far above what is held of this cell: no number of writes leads there`;
}

function heldNumbers(
  { connection }: StoreContext,
  { change, table, key }: LeapingRow,
): { colVersion: number; cl: number } {
  if (table === undefined || key === undefined) return { colVersion: 0, cl: 0 };
  const clock = clockTable(table.name);
  const match = table.keyColumns.map(({ name }, i) => `k.${quoted(name)} = ?${i + 2}`).join(' AND ');
  const row = connection
    .prepare(
      `SELECT (SELECT col_version FROM ${clock} WHERE key = k.__crsql_key AND col_name = ?1),
              (SELECT col_version FROM ${clock} WHERE key = k.__crsql_key AND col_name = '${SENTINEL_CID}')
         FROM ${keyTable(table.name)} AS k WHERE ${match}`,
    )
    .get([change.cid, ...key]);
  return { colVersion: numberOrZero(row?.[0]), cl: numberOrZero(row?.[1]) };
}
