/** Own changes that no other replica has acknowledged, by table row: what an app marks as 'not sent yet'. */
import type { SqlValue } from '../core/sql-value.ts';
import { Real } from '../core/sql-value.ts';
import type { OwnRow } from '../store/store-port.ts';
import type { Row, RowValue } from './user-statements.ts';

export interface PendingChange {
  readonly table: string;
  /** Primary key column -> value. */
  readonly pk: Row;
  /** Changes (cells) of this table row. */
  readonly changes: number;
}

export function pendingChange({ table, pk, changes }: OwnRow): PendingChange {
  return { table, pk: Object.fromEntries([...pk].map(([column, value]) => [column, rowValue(value)])), changes };
}

function rowValue(value: SqlValue): RowValue {
  return value instanceof Real ? value.value : value;
}
