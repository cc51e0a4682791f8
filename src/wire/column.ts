/**
 * Decoded columns: what they hold stands together, and a value is made of it when it is looked at.
 *
 * Why     There may be very many values, most of them waiting: as objects they take several times their bytes, and V8
 *         moves them about before it keeps them. Arrays and typed arrays are columns as they are.
 */
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';

export interface Column<Value> {
  /** Assumes a place within the column; each look may make the value anew. */
  at(place: number): Value | undefined;
  /** What it holds beside the bytes that came; absent where that is not counted. */
  readonly byteLength?: number;
}

/** Lengths, as where each piece ends behind the others. Errors  FRAME_MALFORMED. */
export function readEnds(
  reader: ByteReader,
  count: number,
  { bytesMax, what }: { readonly bytesMax: number; readonly what: string },
): Float64Array {
  if (count > reader.left) throw malformed('it ends too early');
  const ends = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += reader.count(bytesMax, what);
    ends[i] = sum;
  }
  return ends;
}

/** Where the piece at a place begins. */
export function endBefore(ends: ArrayLike<number>, place: number): number {
  return place === 0 ? 0 : ends[place - 1]!;
}
