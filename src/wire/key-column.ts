/**
 * The packed keys of one table's groups: single integers as numbers, keys of one length without what they share, any
 * others one behind the other (a packed key says where it ends).
 */
import type { Limits } from '../core/limits.ts';
import { packedKeyEnd, packedKeyFault } from '../core/packed-key.ts';
import type { ReadAreas, WriteAreas } from './areas.ts';
import { looksRandom } from './areas.ts';
import { malformed } from './byte-reader.ts';
import type { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { DecodeBudget } from './decode-budget.ts';
import { invalidChange } from './invalid-change.ts';
import { readNumbers, writeNumbers } from './number-column.ts';

const ANY = 0;
const INTEGERS = 1;
const SAME_LENGTH = 2;
/** Same length, the differing ends in the raw area. */
const SAME_LENGTH_RAW = 3;

/** From here on a shared beginning is worth its own bytes. */
const SHARED_FROM_KEYS = 4;

export function writeKeys(areas: WriteAreas, keys: readonly Uint8Array[]): void {
  const { packed } = areas;
  const integers = integersOf(keys);
  if (integers !== undefined) {
    packed.u8(INTEGERS);
    writeNumbers(packed, integers);
    return;
  }
  const length = keys[0]!.length;
  if (keys.length >= SHARED_FROM_KEYS && keys.every((key) => key.length === length)) return writeEnds(areas, keys);
  packed.u8(ANY);
  for (const key of keys) packed.raw(key);
}

/** Decoded keys in one buffer: there may be very many. */
export interface KeyColumn {
  readonly bytes: Uint8Array;
  /** Where each ends. */
  readonly ends: Uint32Array;
}

/** The key at a place, not copied. */
export function keyAt({ bytes, ends }: KeyColumn, place: number): Uint8Array {
  return bytes.subarray(place === 0 ? 0 : ends[place - 1], ends[place]);
}

/** Errors  FRAME_MALFORMED, TOO_LARGE, CHANGE_INVALID for a key that is not in its one spelling. */
export function readKeys(areas: ReadAreas, count: number, budget: DecodeBudget): KeyColumn {
  const form = areas.packed.u8();
  if (form === INTEGERS) return integerKeys(readNumbers(areas.packed, count));
  if (form === SAME_LENGTH) return readEnds(areas.packed, areas.packed, { count, budget });
  if (form === SAME_LENGTH_RAW) return readEnds(areas.packed, areas.raw, { count, budget });
  if (form !== ANY) throw malformed('keys in an unknown form');
  return readAny(areas.packed, count, budget.limits);
}

function writeEnds(areas: WriteAreas, keys: readonly Uint8Array[]): void {
  const shared = sharedLength(keys);
  const length = keys[0]!.length;
  const ends = new Uint8Array((length - shared) * keys.length);
  keys.forEach((key, i) => ends.set(shared === 0 ? key : key.subarray(shared), i * (length - shared)));
  const raw = areas.raw !== undefined && looksRandom(ends) ? areas.raw : undefined;
  areas.packed.u8(raw === undefined ? SAME_LENGTH : SAME_LENGTH_RAW);
  areas.packed.bytes(keys[0]!.subarray(0, shared));
  areas.packed.varint(length - shared);
  (raw ?? areas.packed).raw(ends);
}

function readEnds(
  packed: ByteReader,
  ends: ByteReader,
  { count, budget }: { readonly count: number; readonly budget: DecodeBudget },
): KeyColumn {
  const shared = packed.bytes();
  const own = packed.varint();
  const length = shared.length + own;
  budget.takeBytes(length * count);
  if (own * count > ends.left) throw malformed('it ends too early');
  const all = new Uint8Array(length * count);
  const keyEnds = new Uint32Array(count);
  if (length === 0 && count > 0) throw invalidChange('pk is not a packed primary key: it is empty');
  for (let i = 0, at = 0; i < count; i++, at += length) {
    all.set(shared, at);
    if (own > 0) all.set(ends.raw(own), at + shared.length);
    const fault = packedKeyFault(all.subarray(at, at + length), budget.limits);
    if (fault !== undefined) throw invalidChange(`pk is not a packed primary key: ${fault}`);
    keyEnds[i] = at + length;
  }
  return { bytes: all, ends: keyEnds };
}

function readAny(packed: ByteReader, count: number, limits: Limits): KeyColumn {
  const rest = packed.peek();
  const ends = new Uint32Array(count);
  let length = 0;
  for (let i = 0; i < count; i++) {
    const end = packedKeyEnd(packed.peek(), limits);
    if (typeof end === 'string') throw invalidChange(`pk is not a packed primary key: ${end}`);
    packed.raw(end);
    length += end;
    ends[i] = length;
  }
  return { bytes: rest.slice(0, length), ends };
}

function sharedLength(keys: readonly Uint8Array[]): number {
  const first = keys[0]!;
  let shared = first.length;
  for (const key of keys) {
    let same = 0;
    while (same < shared && key[same] === first[same]) same += 1;
    shared = same;
  }
  return shared;
}

/** The numbers of keys that are one integer of at most six bytes each; undefined for any others. */
function integersOf(keys: readonly Uint8Array[]): number[] | undefined {
  const integers: number[] = [];
  for (const key of keys) {
    const size = key.length - 2;
    if (key[0] !== 1 || size > 6 || key[1] !== ((size << 3) | 1) || key[2] === 0) return undefined;
    let value = 0;
    for (let i = 2; i < key.length; i++) value = value * 256 + key[i]!;
    integers.push(value);
  }
  return integers;
}

function integerKeys(integers: Float64Array): KeyColumn {
  const writer = new ByteWriter(8 * integers.length);
  const ends = new Uint32Array(integers.length);
  integers.forEach((value, i) => {
    if (value < 0 || value >= 2 ** 48) throw malformed('an integer key is out of range');
    let size = 0;
    while (size < 6 && value >= 256 ** size) size += 1;
    writer.u8(1);
    writer.u8((size << 3) | 1);
    for (let at = size - 1; at >= 0; at--) writer.u8(Math.floor(value / 256 ** at) % 256);
    ends[i] = writer.length;
  });
  return { bytes: writer.take(), ends };
}
