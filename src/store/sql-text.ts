/** Pieces of SQL text about replicated tables. Names are quoted although the schema allows plain ones only. */
import type { SqlValue } from '../core/sql-value.ts';
import { ReplicationError } from '../core/errors.ts';

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The engine's table of cell versions. */
export function clockTable(table: string): string {
  return quoted(`${table}__crsql_clock`);
}

export function clockIndex(table: string): string {
  return quoted(`${table}__crsql_clock_dbv_idx`);
}

/** The engine's table of row keys. */
export function keyTable(table: string): string {
  return quoted(`${table}__crsql_pks`);
}

/** A number of our own tables or of a clock table: always a safe integer. */
export function numberOf(value: SqlValue | undefined): number {
  if (typeof value === 'number') return value;
  throw damaged('a stored version is not a number');
}

/** NULL (an empty table's maximum) counts as 0. */
export function numberOrZero(value: SqlValue | undefined): number {
  return value === null || value === undefined ? 0 : numberOf(value);
}

export function textOf(value: SqlValue | undefined): string {
  if (typeof value === 'string') return value;
  throw damaged('a stored name is not text');
}

export function bytesOf(value: SqlValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw damaged('a stored id is not a blob');
}

/** Only this store writes its tables: what is of another form comes from the disk. */
function damaged(what: string): ReplicationError {
  return new ReplicationError('DATABASE_CORRUPT', `${what}: restore a backup or sync into a new file`);
}
