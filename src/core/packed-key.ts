/**
 * Packed keys: a row's primary key as bytes, in the form of cr-sqlite's crsql_pack_columns.
 *
 * One count byte, then per value a byte (length << 3 | type), the length or integer in that many big-endian bytes,
 * and the bytes of a text or blob. Integers are the shortest UNSIGNED bytes, negatives always eight. A row has
 * exactly one key: any other spelling would be a second row, or a crash inside the engine, so it is refused here.
 */
import { ReplicationError } from './errors.ts';
import type { Limits } from './limits.ts';
import type { SqlValue } from './sql-value.ts';
import { INT64_MAX, INT64_MIN, isIntegerNumber, Real, sqlValueFromInteger, sqlValueFromReal } from './sql-value.ts';
import { isUtf8 } from './utf8.ts';

export type PackedKeyLimits = Pick<Limits, 'packedKeyBytesMax'>;

const INTEGER = 1;
const REAL = 2;
const TEXT = 3;
const BLOB = 4;

/** Values in one key: the engine's functions take no more arguments. */
export const PACKED_KEY_VALUES_MAX = 127;

/**
 * Packs a primary key.
 *
 * Errors  CHANGE_INVALID for no or too many values, NULL, NaN and integers beyond 64 bits.
 */
export function encodePackedKey(values: readonly SqlValue[]): Uint8Array {
  if (values.length === 0 || values.length > PACKED_KEY_VALUES_MAX) throw invalidKey('it has no or too many values');
  const pieces: Uint8Array[] = [Uint8Array.of(values.length)];
  for (const value of values) pieces.push(...piecesOfValue(value));
  const packed = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    packed.set(piece, at);
    at += piece.length;
  }
  return packed;
}

/**
 * Unpacks a primary key.
 *
 * Errors  CHANGE_INVALID for anything but the one spelling that encodePackedKey gives.
 */
export function decodePackedKey(bytes: Uint8Array, limits: PackedKeyLimits): SqlValue[] {
  const fault = packedKeyFault(bytes, limits);
  if (fault !== undefined) throw invalidKey(fault);
  const values: SqlValue[] = [];
  for (let at = 1; at < bytes.length;) {
    const type = bytes[at]! & 7;
    const size = bytes[at]! >> 3;
    at += 1;
    if (type === REAL) {
      values.push(sqlValueFromReal(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getFloat64(0)));
      at += 8;
    } else if (type === INTEGER) {
      values.push(integerAt(bytes, at, size));
      at += size;
    } else {
      const start = at + size;
      at = start + unsignedAt(bytes, at, size);
      values.push(type === TEXT ? textOf(bytes.subarray(start, at)) : bytes.slice(start, at));
    }
  }
  // A copy: V8 counts which arrays of a literal are kept, and would make all of them where only much time frees them.
  return values.slice();
}

/**
 * Why the bytes are not a packed key in its one spelling; undefined when they are.
 *
 * Cost    O(bytes), nothing allocated: it runs for every row that arrives.
 */
export function packedKeyFault(bytes: Uint8Array, limits: PackedKeyLimits): string | undefined {
  const end = packedKeyEnd(bytes, limits);
  if (typeof end === 'string') return end;
  return end === bytes.length ? undefined : 'it has bytes behind its last value';
}

/** Where the packed key at the start of the bytes ends, or what is wrong with it. */
export function packedKeyEnd(bytes: Uint8Array, limits: PackedKeyLimits): number | string {
  const count = bytes[0] ?? 0;
  if (count === 0 || count > PACKED_KEY_VALUES_MAX) return 'it has no or too many values';
  let at = 1;
  for (let i = 0; i < count; i++) {
    const end = valueEnd(bytes, at);
    if (typeof end === 'string') return end;
    at = end;
  }
  return at > limits.packedKeyBytesMax ? `it is longer than ${limits.packedKeyBytesMax} bytes` : at;
}

/** Where the value at `at` ends, or what is wrong with it. */
function valueEnd(bytes: Uint8Array, at: number): number | string {
  const head = bytes[at];
  if (head === undefined) return 'it is cut off';
  const type = head & 7;
  const size = head >> 3;
  const start = at + 1;
  if (type === REAL) return size === 0 ? realEnd(bytes, start) : 'a value has an unknown type';
  if (type !== INTEGER && type !== TEXT && type !== BLOB) {
    return head === 5 ? 'a key value is NULL' : 'a value has an unknown type';
  }
  if (size > (type === INTEGER ? 8 : 4)) return 'a number is too long';
  if (start + size > bytes.length) return 'it is cut off';
  if (size > 0 && bytes[start] === 0) return 'a number is not in its shortest form';
  if (type === INTEGER) return start + size;
  const end = start + size + unsignedAt(bytes, start, size);
  if (end > bytes.length) return 'it is cut off';
  return type === BLOB || isUtf8(bytes, start + size, end) ? end : 'a text is not UTF-8';
}

function realEnd(bytes: Uint8Array, start: number): number | string {
  const end = start + 8;
  if (end > bytes.length) return 'it is cut off';
  const isNaNBits =
    (bytes[start]! & 0x7f) === 0x7f &&
    bytes[start + 1]! >= 0xf0 &&
    !(bytes[start + 1] === 0xf0 && bytes.subarray(start + 2, end).every((byte) => byte === 0));
  return isNaNBits ? 'a key value is NaN' : end;
}

/** At most six bytes, so that the number is exact. */
function unsignedAt(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = at; i < at + size; i++) value = value * 256 + bytes[i]!;
  return value;
}

function integerAt(bytes: Uint8Array, at: number, size: number): number | bigint {
  if (size <= 6) return unsignedAt(bytes, at, size);
  let value = 0n;
  for (let i = at; i < at + size; i++) value = (value << 8n) | BigInt(bytes[i]!);
  return sqlValueFromInteger(BigInt.asIntN(64, value));
}

function piecesOfValue(value: SqlValue): Uint8Array[] {
  if (value === null) throw invalidKey('a key value is NULL');
  if (typeof value === 'string') return lengthAndBytes(TEXT, new TextEncoder().encode(value));
  if (value instanceof Uint8Array) return lengthAndBytes(BLOB, value);
  if (value instanceof Real) return realPieces(value.value);
  if (typeof value === 'number' && !isIntegerNumber(value)) return realPieces(value);
  return integerPieces(BigInt(value), INTEGER);
}

function realPieces(value: number): Uint8Array[] {
  if (Number.isNaN(value)) throw invalidKey('a key value is NaN');
  const bytes = new Uint8Array(9);
  bytes[0] = REAL;
  new DataView(bytes.buffer).setFloat64(1, value);
  return [bytes];
}

function integerPieces(value: bigint, type: number): Uint8Array[] {
  if (value < INT64_MIN || value > INT64_MAX) throw invalidKey('an integer has more than 64 bits');
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setBigInt64(1, value);
  let start = 1;
  while (start < 9 && bytes[start] === 0) start += 1;
  bytes[start - 1] = ((9 - start) << 3) | type;
  return [bytes.subarray(start - 1)];
}

function lengthAndBytes(type: number, bytes: Uint8Array): Uint8Array[] {
  return [...integerPieces(BigInt(bytes.length), type), bytes];
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

function invalidKey(fault: string): ReplicationError {
  return new ReplicationError(
    'CHANGE_INVALID',
    `not a packed primary key: ${fault}; pack it as crsql_pack_columns does`,
  );
}
