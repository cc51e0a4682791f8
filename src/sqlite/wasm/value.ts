/** SQL values in and out of the engine's memory, exactly (core/sql-value.ts). */
import { INT64_MAX, INT64_MIN, isIntegerNumber, Real, sqlValueFromReal, type SqlValue } from '../../core/sql-value.ts';
import type { RowMode } from '../database.ts';
import { hasLoneSurrogate, unsupportedParameter } from '../parameter.ts';
import type { Pointer } from './engine-module.ts';
import type { Engine } from './engine.ts';

/** SQLite copies what is bound before the call returns. */
const TRANSIENT = -1;
const INTEGER = 1;
const FLOAT = 2;
const TEXT = 3;
const BLOB = 4;
const TWO_32 = 2 ** 32;

/** Binds the parameter at `index` (0-based) and returns SQLite's result code; VALUE_UNSUPPORTED for what it cannot hold. */
export function bindValue(engine: Engine, stmt: Pointer, index: number, value: SqlValue): number {
  const { module } = engine;
  const place = index + 1;
  if (value === null) return module._sqlite3_bind_null(stmt, place);
  if (typeof value === 'number') return bindNumber(engine, stmt, index, value);
  if (typeof value === 'string') return bindText(engine, stmt, index, value);
  if (typeof value === 'bigint') {
    if (value < INT64_MIN || value > INT64_MAX) throw unsupportedParameter(index, value);
    return module._sqlite3_bind_int64(stmt, place, Number(value & 0xffffffffn) | 0, Number(value >> 32n));
  }
  if (value instanceof Uint8Array) {
    return engine.withBytes(value, (address) =>
      module._sqlite3_bind_blob(stmt, place, address, value.length, TRANSIENT),
    );
  }
  if (!(value instanceof Real)) throw unsupportedParameter(index, value);
  if (typeof value.value !== 'number' || Number.isNaN(value.value)) throw unsupportedParameter(index, NaN);
  return module._sqlite3_bind_double(stmt, place, value.value);
}

function bindNumber(engine: Engine, stmt: Pointer, index: number, value: number): number {
  const { module } = engine;
  if (!isIntegerNumber(value)) {
    if (Number.isNaN(value)) throw unsupportedParameter(index, value);
    return module._sqlite3_bind_double(stmt, index + 1, value);
  }
  if ((value | 0) === value) return module._sqlite3_bind_int(stmt, index + 1, value);
  return module._sqlite3_bind_int64(stmt, index + 1, value | 0, Math.floor(value / TWO_32));
}

function bindText(engine: Engine, stmt: Pointer, index: number, value: string): number {
  if (hasLoneSurrogate(value)) throw unsupportedParameter(index, value);
  return engine.withText(value, (address, bytes) =>
    engine.module._sqlite3_bind_text(stmt, index + 1, address, bytes, TRANSIENT),
  );
}

/** The current row of a statement that has just answered ROW. */
export function readRow(engine: Engine, stmt: Pointer, mode: RowMode, columns: number): SqlValue[] {
  const row: SqlValue[] = [];
  for (let column = 0; column < columns; column++) row.push(readValue(engine, stmt, column, mode));
  return row;
}

function readValue(engine: Engine, stmt: Pointer, column: number, mode: RowMode): SqlValue {
  const { module } = engine;
  switch (module._sqlite3_column_type(stmt, column)) {
    case INTEGER: {
      const low = module._sqlite3_column_int64(stmt, column);
      return integerFromHalves(low, module.getTempRet0());
    }
    case FLOAT: {
      const value = module._sqlite3_column_double(stmt, column);
      return mode === 'exact' ? sqlValueFromReal(value) : value;
    }
    case TEXT: {
      const address = module._sqlite3_column_text(stmt, column);
      return engine.text(address, module._sqlite3_column_bytes(stmt, column));
    }
    case BLOB: {
      const address = module._sqlite3_column_blob(stmt, column);
      return module.HEAPU8.slice(address, address + module._sqlite3_column_bytes(stmt, column));
    }
    default:
      return null;
  }
}

function integerFromHalves(low: number, high: number): number | bigint {
  const value = high * TWO_32 + (low >>> 0);
  if (Number.isSafeInteger(value)) return value;
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
