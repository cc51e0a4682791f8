/**
 * A column of whole numbers: all equal, in runs, or one by one; themselves or as differences to the one before.
 *
 * The writer takes the form that is shortest, or nearly so and easier to deflate; the reader knows how many there are.
 */
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

const EQUAL = 0;
const RUNS = 1;
const EACH = 2;
/** Added to the form when the numbers are differences. */
const DIFFERENCES = 4;

/** Numbers within +-(2^53 - 1). */
export function writeNumbers(writer: ByteWriter, values: readonly number[]): void {
  const differences = differencesOf(values);
  const plainBytes = bytesOf(values);
  if (differences === undefined || bytesOf(differences) >= plainBytes) writeForm(writer, values, 0);
  else writeForm(writer, differences, DIFFERENCES);
}

/** Errors  FRAME_MALFORMED; nothing is unfolded beyond `count` numbers. */
export function readNumbers(reader: ByteReader, count: number): Float64Array {
  if (count === 0) return new Float64Array();
  const form = reader.u8();
  const values = readForm(reader, form & 3, count);
  if ((form & DIFFERENCES) === 0) return values;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += values[i]!;
    values[i] = sum;
  }
  // A sum that left the exact numbers on the way and came back is wrong as well, and only a peer's fault can do it.
  if (!values.every(Number.isSafeInteger)) throw malformed('a number is too large');
  return values;
}

function writeForm(writer: ByteWriter, values: readonly number[], base: number): void {
  if (values.length === 0) return;
  const runs = countRuns(values);
  if (runs === 1) {
    writer.u8(base + EQUAL);
    writer.signed(values[0]!);
  } else if (runs * 4 < values.length) {
    writer.u8(base + RUNS);
    writeRuns(writer, values);
  } else {
    writer.u8(base + EACH);
    for (const value of values) writer.signed(value);
  }
}

function writeRuns(writer: ByteWriter, values: readonly number[]): void {
  for (let start = 0; start < values.length;) {
    const value = values[start]!;
    let end = start + 1;
    while (end < values.length && values[end] === value) end++;
    writer.signed(value);
    writer.varint(end - start);
    start = end;
  }
}

function readForm(reader: ByteReader, form: number, count: number): Float64Array {
  if (form === EQUAL) return new Float64Array(count).fill(reader.signed());
  if (form === EACH) {
    if (count > reader.left) throw malformed('it ends too early');
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = reader.signed();
    return values;
  }
  if (form !== RUNS) throw malformed('a column of numbers in an unknown form');
  const values = new Float64Array(count);
  for (let at = 0; at < count;) {
    const value = reader.signed();
    const length = reader.count(count - at, 'numbers in a run');
    if (length === 0) throw malformed('an empty run');
    values.fill(value, at, at + length);
    at += length;
  }
  return values;
}

/** Undefined where a difference is not exact. */
function differencesOf(values: readonly number[]): number[] | undefined {
  if (values.length < 2) return undefined;
  const differences: number[] = [];
  let before = 0;
  for (const value of values) {
    const difference = value - before;
    if (!Number.isSafeInteger(difference)) return undefined;
    differences.push(difference);
    before = value;
  }
  return differences;
}

function countRuns(values: readonly number[]): number {
  let runs = 1;
  for (let i = 1; i < values.length; i++) if (values[i] !== values[i - 1]) runs += 1;
  return runs;
}

/** About what the numbers take, a repeated one hardly anything. */
function bytesOf(values: readonly number[]): number {
  let bytes = 0;
  let before: number | undefined;
  for (const value of values) {
    const magnitude = Math.abs(value);
    bytes += value === before ? 0.2 : magnitude < 64 ? 1 : magnitude < 8192 ? 2 : magnitude < 1048576 ? 3 : 5;
    before = value;
  }
  return bytes;
}
