/**
 * One column of values with their exact types.
 *
 * A column of one type (and NULLs, told by a bit each) has a form for the type; a column of several types has a type
 * byte before each value. REALs that are short decimal fractions travel as whole numbers and a power of ten.
 */
import type { SqlValue } from '../core/sql-value.ts';
import { isIntegerNumber, Real, sqlValueFromInteger, sqlValueFromReal } from '../core/sql-value.ts';
import type { ReadAreas, WriteAreas } from './areas.ts';
import { looksRandom } from './areas.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { Column } from './column.ts';
import { endBefore, readEnds } from './column.ts';
import type { DecodeBudget } from './decode-budget.ts';
import { decimalsOf, realsFromDecimals } from './decimals.ts';
import { invalidChange } from './invalid-change.ts';
import { readNumbers, writeNumbers } from './number-column.ts';
import { dictionaryOf, readDictionary, readTexts, writeDictionary, writeTexts } from './text-column.ts';

const FORM = {
  nulls: 0,
  integers: 1,
  longs: 2,
  reals: 3,
  decimals: 4,
  texts: 5,
  dictionary: 6,
  blobs: 7,
  blobsRaw: 8,
  mixed: 9,
} as const;

/** Added to the form: a bit a value tells which are NULL, and only the others follow. */
const WITH_NULLS = 0x10;
/** Free for the caller of this module. */
export const COLUMN_FLAG = 0x40;

const NULL_BIT = 1;
const INTEGER_BIT = 2;
const LONG_BIT = 4;
const REAL_BIT = 8;
const TEXT_BIT = 16;
const BLOB_BIT = 32;

/** `flag` is COLUMN_FLAG or 0. */
export function writeValues(areas: WriteAreas, values: readonly SqlValue[], flag: number): void {
  let kinds = 0;
  for (const value of values) kinds |= kindOf(value);
  const { packed } = areas;
  const others = kinds & ~NULL_BIT;
  if (others === 0) packed.u8(flag | FORM.nulls);
  else if (!isOneKind(others)) {
    packed.u8(flag | FORM.mixed);
    for (const value of values) writeMixed(packed, value);
  } else if ((kinds & NULL_BIT) === 0) writeForm(areas, others, values, flag);
  else {
    const filled = values.filter((value) => value !== null);
    writeForm(areas, others, filled, flag | WITH_NULLS, () => writeBits(packed, values));
  }
}

/** The values and the flag. Errors  FRAME_MALFORMED, TOO_LARGE, CHANGE_INVALID for NaN. */
export function readValues(
  areas: ReadAreas,
  count: number,
  budget: DecodeBudget,
): { readonly values: Column<SqlValue>; readonly flag: boolean } {
  const { packed } = areas;
  const head = packed.u8();
  const flag = (head & COLUMN_FLAG) !== 0;
  const form = head & 0x0f;
  if ((head & ~(COLUMN_FLAG | WITH_NULLS | 0x0f)) !== 0) throw malformed('a column in an unknown form');
  if (form === FORM.nulls) return { values: NULLS, flag };
  if ((head & WITH_NULLS) === 0) return { values: readForm(areas, form, count, budget), flag };
  const bits = packed.raw(Math.ceil(count / 8));
  const places = new Int32Array(count);
  let filledCount = 0;
  for (let i = 0; i < count; i++) places[i] = (bits[i >> 3]! & (1 << (i & 7))) === 0 ? -1 : filledCount++;
  const filled = readForm(areas, form, filledCount, budget);
  const at = (place: number): SqlValue | undefined => (places[place]! < 0 ? null : filled.at(places[place]!));
  return { values: { at, byteLength: places.byteLength + columnBytes(filled, filledCount) }, flag };
}

const NULLS: Column<null> = { at: () => null, byteLength: 0 };

/** A value of an array: where it is, and mostly an object of its own. */
const UNCOUNTED_BYTES = 24;

/** What a column of so many values holds beside the bytes that came. */
export function columnBytes({ byteLength }: Column<SqlValue>, count: number): number {
  return byteLength ?? UNCOUNTED_BYTES * count;
}

function isOneKind(kinds: number): boolean {
  return (kinds & (kinds - 1)) === 0 || kinds === (INTEGER_BIT | LONG_BIT);
}

function kindOf(value: SqlValue): number {
  if (value === null) return NULL_BIT;
  if (typeof value === 'string') return TEXT_BIT;
  if (typeof value === 'number') return isIntegerNumber(value) ? INTEGER_BIT : REAL_BIT;
  if (typeof value === 'bigint') return LONG_BIT;
  return value instanceof Real ? REAL_BIT : BLOB_BIT;
}

function writeForm(
  areas: WriteAreas,
  kinds: number,
  values: readonly SqlValue[],
  head: number,
  afterHead: () => void = () => {},
): void {
  const { packed } = areas;
  const begin = (form: number): void => {
    packed.u8(head | form);
    afterHead();
  };
  if (kinds === TEXT_BIT) return writeTextForm(packed, values as readonly string[], begin);
  if (kinds === BLOB_BIT) return writeBlobForm(areas, values as readonly Uint8Array[], begin);
  if (kinds === REAL_BIT) return writeRealForm(packed, values as readonly (number | Real)[], begin);
  if (kinds === INTEGER_BIT) {
    begin(FORM.integers);
    return writeNumbers(packed, values as readonly number[]);
  }
  begin(FORM.longs);
  for (const value of values as readonly (number | bigint)[]) packed.int64(BigInt(value));
}

function writeTextForm(packed: ByteWriter, texts: readonly string[], begin: (form: number) => void): void {
  const dictionary = dictionaryOf(texts);
  begin(dictionary === undefined ? FORM.texts : FORM.dictionary);
  if (dictionary === undefined) writeTexts(packed, texts);
  else writeDictionary(packed, dictionary);
}

function writeRealForm(packed: ByteWriter, reals: readonly (number | Real)[], begin: (form: number) => void): void {
  const decimals = decimalsOf(reals);
  if (decimals === undefined) {
    begin(FORM.reals);
    for (const value of reals) packed.float64(value instanceof Real ? value.value : value);
  } else {
    begin(FORM.decimals);
    packed.u8(decimals.places);
    writeNumbers(packed, decimals.numbers);
  }
}

function writeBlobForm(areas: WriteAreas, blobs: readonly Uint8Array[], begin: (form: number) => void): void {
  const size = blobs.reduce((sum, blob) => sum + blob.length, 0);
  const all = new Uint8Array(size);
  let at = 0;
  for (const blob of blobs) {
    all.set(blob, at);
    at += blob.length;
  }
  const raw = areas.raw !== undefined && looksRandom(all) ? areas.raw : undefined;
  begin(raw === undefined ? FORM.blobs : FORM.blobsRaw);
  for (const blob of blobs) areas.packed.varint(blob.length);
  (raw ?? areas.packed).raw(all);
}

function readForm(areas: ReadAreas, form: number, count: number, budget: DecodeBudget): Column<SqlValue> {
  const { packed } = areas;
  switch (form) {
    case FORM.integers:
      return readNumbers(packed, count);
    case FORM.longs:
      return readEach(packed, count, () => sqlValueFromInteger(packed.int64()));
    case FORM.reals:
      return readReals(packed, count);
    case FORM.decimals:
      return realsFromDecimals(packed.u8(), readNumbers(packed, count));
    case FORM.texts:
      return readTexts(packed, count, budget);
    case FORM.dictionary:
      return readDictionary(packed, count, budget);
    case FORM.blobs:
      return readBlobs(packed, packed, count, budget);
    case FORM.blobsRaw:
      return readBlobs(packed, areas.raw, count, budget);
    case FORM.mixed:
      return readEach(packed, count, () => readMixed(packed, budget));
    default:
      throw malformed('a column in an unknown form');
  }
}

/** Every value takes a byte at least. */
function readEach(packed: ByteReader, count: number, read: () => SqlValue): SqlValue[] {
  if (count > packed.left) throw malformed('it ends too early');
  const values: SqlValue[] = [];
  for (let i = 0; i < count; i++) values.push(read());
  return values;
}

function readReals(packed: ByteReader, count: number): Column<number | Real> {
  if (count > packed.left) throw malformed('it ends too early');
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = checkedReal(packed.float64());
  const { byteLength } = values;
  return { at: (place) => sqlValueFromReal(values[place]!), byteLength };
}

function readBlobs(packed: ByteReader, from: ByteReader, count: number, { limits }: DecodeBudget): Column<Uint8Array> {
  const ends = readEnds(packed, count, { bytesMax: limits.valueBytesMax, what: 'bytes in a blob' });
  const all = from.raw(endBefore(ends, count)).slice();
  const { byteLength } = ends;
  return { at: (place) => all.slice(endBefore(ends, place), ends[place]), byteLength };
}

function writeMixed(packed: ByteWriter, value: SqlValue): void {
  const kind = kindOf(value);
  packed.u8(kind);
  if (typeof value === 'string') packed.text(value);
  else if (value instanceof Uint8Array) packed.bytes(value);
  else if (typeof value === 'bigint') packed.int64(value);
  else if (value instanceof Real) packed.float64(value.value);
  else if (kind === INTEGER_BIT) packed.signed(value!);
  else if (kind === REAL_BIT) packed.float64(value!);
}

function readMixed(packed: ByteReader, { limits }: DecodeBudget): SqlValue {
  switch (packed.u8()) {
    case NULL_BIT:
      return null;
    case INTEGER_BIT:
      return packed.signed();
    case LONG_BIT:
      return sqlValueFromInteger(packed.int64());
    case REAL_BIT:
      return sqlValueFromReal(checkedReal(packed.float64()));
    case TEXT_BIT:
      return packed.text(limits.valueBytesMax);
    case BLOB_BIT:
      return packed.raw(packed.count(limits.valueBytesMax, 'bytes in a blob')).slice();
    default:
      throw malformed('a value of an unknown type');
  }
}

function checkedReal(value: number): number {
  if (Number.isNaN(value)) throw invalidChange('val is NaN, which is no SQL value: send null');
  return value;
}

/** A set bit is a value that is not NULL. */
function writeBits(packed: ByteWriter, values: readonly SqlValue[]): void {
  for (let i = 0; i < values.length; i += 8) {
    let bits = 0;
    for (let k = 0; k < 8 && i + k < values.length; k++) if (values[i + k] !== null) bits |= 1 << k;
    packed.u8(bits);
  }
}
