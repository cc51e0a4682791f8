/**
 * Column affinities, and which values a column stores unchanged.
 *
 * A packed key whose value the column would convert (INTEGER 5 for a TEXT column) makes a second key entry for the
 * same row, and a cell that is converted on arrival is compared as something else than what was written.
 */
import type { SqlValue } from './sql-value.ts';
import { isIntegerNumber, Real } from './sql-value.ts';

/** 'rowid' = the one column of an INTEGER PRIMARY KEY, which takes integers only. */
export type Affinity = 'integer' | 'real' | 'text' | 'numeric' | 'blob' | 'rowid';

/** SQLite's rules for a declared type, in their order; '' = no type. */
export function affinityOfType(type: string): Affinity {
  const upper = type.toUpperCase();
  if (upper.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(upper)) return 'text';
  if (upper === '' || upper.includes('BLOB')) return 'blob';
  return /REAL|FLOA|DOUB/.test(upper) ? 'real' : 'numeric';
}

/** Whether a column of this affinity keeps the value as it is, type and bytes. NULL always is. */
export function isStoredForm(value: SqlValue, affinity: Affinity): boolean {
  if (affinity === 'rowid') return isInteger(value);
  if (value === null || value instanceof Uint8Array || affinity === 'blob') return true;
  if (typeof value === 'string') return affinity === 'text' || !looksNumeric(value);
  if (affinity === 'text') return false;
  if (affinity === 'real') return isReal(value) && !isNegativeZero(value);
  return isInteger(value) || !(value instanceof Real) || !becomesInteger(value.value);
}

/**
 * Whether a column stores the value unchanged as part of a primary key.
 *
 * Why     Where nothing is converted, REAL 5.0 and INTEGER 5 are one row with two keys: only the INTEGER is a key.
 */
export function isKeyForm(value: SqlValue, affinity: Affinity): boolean {
  if (value === null) return false;
  if (affinity === 'blob' && value instanceof Real && becomesInteger(value.value)) return false;
  return isStoredForm(value, affinity);
}

function isInteger(value: SqlValue): boolean {
  return typeof value === 'bigint' || (typeof value === 'number' && isIntegerNumber(value));
}

function isReal(value: SqlValue): boolean {
  return value instanceof Real || (typeof value === 'number' && !isIntegerNumber(value));
}

function isNegativeZero(value: SqlValue): boolean {
  return value instanceof Real && Object.is(value.value, -0);
}

/** A REAL that SQLite turns into an INTEGER where the affinity asks for numbers. */
function becomesInteger(value: number): boolean {
  return Number.isInteger(value) && value > -(2 ** 63) && value < 2 ** 63;
}

/** Text that numeric affinities turn into a number: a whole decimal literal, with SQLite's white space around. */
function looksNumeric(text: string): boolean {
  return /^[\t-\r ]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[\t-\r ]*$/.test(text);
}
