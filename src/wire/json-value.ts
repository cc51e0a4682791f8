/**
 * SQL values in JSON, exact in both directions: null, string, integral number within 2^53 = INTEGER, non-integral
 * number = REAL, {"int": "..."} any INTEGER, {"real": 5} or {"real": "Infinity"} any REAL, {"blob": base64}.
 */
import { base64FromBytes, bytesFromBase64 } from '../core/base64.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { INT64_MAX, INT64_MIN, Real, sqlValueFromInteger, sqlValueFromReal } from '../core/sql-value.ts';
import { isWellFormedText } from '../core/utf8.ts';

/** A value, or why the JSON is none. */
export type ValueOrFault = { readonly value: SqlValue } | { readonly fault: string };

const SPECIAL_REALS: Readonly<Record<string, number>> = { Infinity, '-Infinity': -Infinity, '-0': -0 };

export function sqlValueToJson(value: SqlValue): unknown {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'bigint') return { int: value.toString() };
  if (value instanceof Uint8Array) return { blob: base64FromBytes(value) };
  if (value instanceof Real) return { real: realToJson(value.value) };
  return Number.isFinite(value) ? value : { real: realToJson(value) };
}

export function sqlValueFromJson(json: unknown): ValueOrFault {
  if (json === null) return { value: null };
  if (typeof json === 'string')
    return isWellFormedText(json) ? { value: json } : { fault: 'a text with a lone surrogate' };
  if (typeof json === 'number') return valueOfNumber(json);
  if (typeof json === 'object' && !Array.isArray(json)) return valueOfObject(json);
  return { fault: 'neither null, number, string, {int}, {real} nor {blob}' };
}

function realToJson(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? '-0' : String(value);
}

function valueOfNumber(value: number): ValueOrFault {
  if (!Number.isFinite(value)) return { fault: 'a number that is not finite: send {"real": "Infinity"}' };
  if (!Number.isInteger(value)) return { value };
  if (Number.isSafeInteger(value)) return { value: value + 0 };
  return { fault: 'an integral number beyond 2^53: send {"int": "..."} or {"real": ...}' };
}

function valueOfObject(json: object): ValueOrFault {
  const [entry, ...others] = Object.entries(json) as [string, unknown][];
  if (entry === undefined || others.length > 0) return { fault: 'an object without exactly one of int, real, blob' };
  const [kind, content] = entry;
  if (kind === 'int') return valueOfInt(content);
  if (kind === 'real') return valueOfReal(content);
  if (kind !== 'blob') return { fault: 'an object without exactly one of int, real, blob' };
  const bytes = typeof content === 'string' ? bytesFromBase64(content) : undefined;
  return bytes === undefined ? { fault: 'a blob that is not base64 with padding' } : { value: bytes };
}

function valueOfInt(content: unknown): ValueOrFault {
  if (typeof content !== 'string' || !/^(?:0|-?[1-9][0-9]{0,18})$/.test(content)) {
    return { fault: 'an int that is not a decimal text' };
  }
  const value = BigInt(content);
  return value >= INT64_MIN && value <= INT64_MAX
    ? { value: sqlValueFromInteger(value) }
    : { fault: 'an int of more than 64 bits' };
}

function valueOfReal(content: unknown): ValueOrFault {
  if (typeof content === 'number' && Number.isFinite(content)) return { value: sqlValueFromReal(content) };
  const special =
    typeof content === 'string' && Object.hasOwn(SPECIAL_REALS, content) ? SPECIAL_REALS[content] : undefined;
  return special === undefined
    ? { fault: 'a real that is neither a number nor "Infinity"' }
    : { value: sqlValueFromReal(special) };
}
