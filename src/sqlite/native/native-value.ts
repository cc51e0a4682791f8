/** SQL values in the form that better-sqlite3 keeps exact: integers as bigint, REAL as number. */
import {
  INT64_MAX,
  INT64_MIN,
  isIntegerNumber,
  Real,
  sqlValueFromInteger,
  sqlValueFromReal,
  type SqlValue,
} from '../../core/sql-value.ts';
import type { RowMode } from '../database.ts';
import { hasLoneSurrogate, unsupportedParameter } from '../parameter.ts';
import type { NativeValue } from './better-sqlite.ts';

/** The parameter at `index` (0-based); VALUE_UNSUPPORTED for what SQLite cannot hold. */
export function nativeFromValue(value: SqlValue, index: number): NativeValue {
  if (value === null) return null;
  if (typeof value === 'number') {
    if (Number.isNaN(value)) throw unsupportedParameter(index, value);
    return isIntegerNumber(value) ? BigInt(value) : value;
  }
  if (typeof value === 'string') {
    if (hasLoneSurrogate(value)) throw unsupportedParameter(index, value);
    return value;
  }
  if (typeof value === 'bigint') {
    if (value < INT64_MIN || value > INT64_MAX) throw unsupportedParameter(index, value);
    return value;
  }
  if (value instanceof Uint8Array) return value;
  if (!(value instanceof Real)) throw unsupportedParameter(index, value);
  if (typeof value.value !== 'number' || Number.isNaN(value.value)) throw unsupportedParameter(index, NaN);
  return value.value;
}

export function rowFromNative(row: readonly NativeValue[], mode: RowMode): SqlValue[] {
  return row.map((value) => {
    if (typeof value === 'bigint') return sqlValueFromInteger(value);
    if (typeof value === 'number') return mode === 'exact' ? sqlValueFromReal(value) : value;
    return value instanceof Uint8Array ? new Uint8Array(value) : value;
  });
}
