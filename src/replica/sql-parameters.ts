/**
 * Parameters of user SQL, checked and made exact before they reach the engine.
 *
 * Refuses what SQLite would quietly turn into something else: undefined, NaN, dates, lone surrogates, integers
 * beyond what a number or 64 bits hold. Booleans are taken as 1 and 0, SQLite's own spelling of them.
 */
import { ReplicationError } from '../core/errors.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { INT64_MAX, INT64_MIN, Real } from '../core/sql-value.ts';

/** What exec, query and watch take for a `?`: `real(5)` marks a REAL, a bigint an INTEGER beyond 2^53. */
export type SqlParameter = SqlValue | boolean;

/** Errors  VALUE_UNSUPPORTED naming the parameter by its place (1 is the first) and saying what to pass instead. */
export function sqlValuesFromParameters(parameters: readonly SqlParameter[] = []): SqlValue[] {
  if (!Array.isArray(parameters)) {
    throw new ReplicationError('VALUE_UNSUPPORTED', 'parameters are an array in the order of the ?: [id, title]');
  }
  const given: readonly unknown[] = parameters;
  return Array.from(given, (value, i) => sqlValueFromParameter(value, i + 1));
}

function sqlValueFromParameter(value: unknown, place: number): SqlValue {
  switch (typeof value) {
    case 'string':
      return /\p{Surrogate}/u.test(value)
        ? refuse(place, 'a string with half a surrogate pair', 'repair the text first')
        : value;
    case 'number':
      return sqlValueFromNumber(value, place);
    case 'bigint':
      if (value >= INT64_MIN && value <= INT64_MAX) return value;
      return refuse(place, 'an integer beyond 64 bits', 'store it as text');
    case 'boolean':
      return value ? 1 : 0;
    case 'object':
      return sqlValueFromObject(value, place);
    default:
      return refuse(place, value === undefined ? 'undefined' : `a ${typeof value}`, 'pass null for NULL');
  }
}

function sqlValueFromNumber(value: number, place: number): SqlValue {
  if (Number.isNaN(value)) return refuse(place, 'NaN', 'pass null for NULL');
  if (Object.is(value, -0)) return new Real(value);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return refuse(
      place,
      `the number ${value}, inexact beyond 2^53`,
      'pass a bigint for an INTEGER, real(x) for a REAL',
    );
  }
  return value;
}

function sqlValueFromObject(value: object | null, place: number): SqlValue {
  if (value === null || value instanceof Uint8Array) return value;
  if (value instanceof Real) {
    return Number.isNaN(value.value) || typeof value.value !== 'number'
      ? refuse(place, 'real(NaN)', 'pass null')
      : value;
  }
  if (value instanceof Date) {
    return refuse(place, 'a Date', 'choose how it is stored: date.toISOString() for text, date.getTime() for a number');
  }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return refuse(place, 'a buffer of another kind', 'wrap its bytes: new Uint8Array(buffer)');
  }
  return refuse(place, Array.isArray(value) ? 'an array' : 'an object', 'store it as text: JSON.stringify(value)');
}

function refuse(place: number, what: string, instead: string): never {
  const message = `parameter ${place} is ${what}, which SQLite cannot hold: ${instead}`;
  throw new ReplicationError('VALUE_UNSUPPORTED', message, { parameter: place });
}
