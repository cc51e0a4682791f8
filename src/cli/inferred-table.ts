/**
 * A CREATE TABLE for data that brings no schema: column names from the first rows, types that hold every value seen.
 *
 * Only a guess is made, and only for `import --create`: text unless every value seen is a number.
 */
import { ReplicationError } from '../core/errors.ts';
import type { DataRow, DataValue } from './data-file.ts';

export interface InferredTable {
  readonly table: string;
  /** The primary key. */
  readonly key: string;
  /** The first rows; columns that only later rows have are unknown to the table. */
  readonly rows: readonly DataRow[];
}

/** Errors  USAGE when the key is no column, or a name cannot be replicated. */
export function inferredTableText({ table, key, rows }: InferredTable): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (!names.includes(key)) {
    throw new ReplicationError(
      'USAGE',
      `--key ${key} is no column of the data; it has ${names.join(', ') || 'no rows'}`,
    );
  }
  for (const name of [table, ...names]) checkName(name);
  const columns = names.map((name) => {
    const type = typeOf(rows.map((row) => row[name]));
    return name === key ? `"${name}" ${type} PRIMARY KEY NOT NULL` : `"${name}" ${type}`;
  });
  return `CREATE TABLE "${table}" (${columns.join(', ')});`;
}

function checkName(name: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return;
  const message = `'${name}' is no name for a table or column here: use letters, digits and _, or rename it in the data`;
  throw new ReplicationError('USAGE', message);
}

function typeOf(values: readonly (DataValue | undefined)[]): 'INTEGER' | 'REAL' | 'TEXT' {
  const present = values.filter((value) => value !== null && value !== undefined && value !== '').map(String);
  if (present.length === 0) return 'TEXT';
  if (present.every(isInteger)) return 'INTEGER';
  return present.every(isReal) ? 'REAL' : 'TEXT';
}

function isInteger(text: string): boolean {
  return /^-?(?:0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text));
}

/** Up to 15 digits: more would not come back as they were. */
function isReal(text: string): boolean {
  const digits = text.replace(/[eE].*$/, '').replaceAll(/\D/g, '').length;
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) && digits <= 15;
}
