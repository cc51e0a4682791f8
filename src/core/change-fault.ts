/**
 * The bounds of a change in itself: names, numbers, values and sizes. Doors check them where it enters, the store
 * before it writes. Whether it fits a schema is the store's question.
 */
import type { Change } from './change.ts';
import { SENTINEL_CID } from './change.ts';
import type { Limits } from './limits.ts';
import { isReplicatedName, NAME_LENGTH_MAX } from './names.ts';
import { packedKeyFault } from './packed-key.ts';
import type { SqlValue } from './sql-value.ts';
import { INT64_MAX, INT64_MIN, Real } from './sql-value.ts';
import { CHANGE_NUMBER_MAX } from './version.ts';
import { isWellFormedText, utf8Bytes } from './utf8.ts';

/** What is wrong with a change; undefined when nothing is. Numbers are expected to be numbers. */
export function changeFault(change: Change, limits: Limits): string | undefined {
  const { table, pk, cid } = change;
  return tableFault(table) ?? columnFault(cid) ?? keyFault(pk, limits) ?? cellFault(change, limits);
}

/** The same beside its names and key. */
export function cellFault(change: Omit<Change, 'table' | 'pk'>, limits: Limits): string | undefined {
  const sentinel = change.cid === SENTINEL_CID && change.val !== null;
  return (
    numbersFault(change, limits) ??
    (sentinel ? "the sentinel '-1' has a value: send null" : undefined) ??
    valueFault(change.val, limits)
  );
}

export function tableFault(table: string): string | undefined {
  return isReplicatedName(table) ? undefined : `no table name: use letters, digits and _, ${NAME_LENGTH_MAX} at most`;
}

export function columnFault(cid: string): string | undefined {
  if (cid === SENTINEL_CID || isReplicatedName(cid)) return undefined;
  return `no column name: use letters, digits and _, ${NAME_LENGTH_MAX} at most, or '-1' for the row itself`;
}

export function keyFault(pk: Uint8Array, limits: Limits): string | undefined {
  const fault = packedKeyFault(pk, limits);
  return fault === undefined ? undefined : `pk is not a packed primary key: ${fault}`;
}

function numbersFault(change: Pick<Change, 'cid' | 'colVersion' | 'cl' | 'seq'>, limits: Limits): string | undefined {
  const { cid, colVersion, cl, seq } = change;
  if (!isWhole(colVersion, 0, CHANGE_NUMBER_MAX)) return `colVersion is not a whole number up to ${CHANGE_NUMBER_MAX}`;
  if (!isWhole(cl, 1, CHANGE_NUMBER_MAX)) return `cl is not a whole number from 1 to ${CHANGE_NUMBER_MAX}`;
  if (!isWhole(seq, 0, limits.seqMax)) return `seq is not a whole number up to ${limits.seqMax}`;
  if (cid !== SENTINEL_CID) return cl % 2 === 1 ? undefined : 'cl is even, and a deleted row has no cells';
  return colVersion === cl ? undefined : "the sentinel '-1' has a colVersion that is not its cl";
}

function valueFault(val: SqlValue, limits: Limits): string | undefined {
  if (val === null) return undefined;
  if (typeof val === 'string') return textFault(val, limits);
  if (val instanceof Uint8Array) return val.length > limits.valueBytesMax ? tooLarge(limits) : undefined;
  if (typeof val === 'bigint') {
    return val < INT64_MIN || val > INT64_MAX ? 'val is an integer of more than 64 bits' : undefined;
  }
  if (Number.isNaN(val instanceof Real ? val.value : val)) return 'val is not a number';
  const exact = typeof val !== 'number' || !Number.isInteger(val) || (Number.isSafeInteger(val) && !Object.is(val, -0));
  return exact ? undefined : 'val is not exact: mark it as integer or real';
}

/** A text has at most three bytes a code unit, so most are within bounds without counting. */
function textFault(text: string, limits: Limits): string | undefined {
  if (!isWellFormedText(text)) return 'val is no valid Unicode text';
  if (text.length * 3 <= limits.valueBytesMax) return undefined;
  return utf8Bytes(text) > limits.valueBytesMax ? tooLarge(limits) : undefined;
}

function tooLarge(limits: Limits): string {
  return `val is larger than ${limits.valueBytesMax} bytes`;
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}
