/** Positions (seq) and exact origin versions of a part's rows, each in the shortest of a few forms. */
import type { Change } from '../core/change.ts';
import type { Range } from '../core/range-set.ts';
import { malformed } from './byte-reader.ts';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { invalidChange } from './invalid-change.ts';
import { readNumbers, writeNumbers } from './number-column.ts';

/** The forms in use, two bits each in a body's first byte. */
export interface Numbering {
  readonly seq: number;
  readonly version: number;
}

/** One by one through the part; one by one, and from the start again in each group; any. */
const SEQ_THROUGH = 0;
const SEQ_RESTART = 1;
const SEQ_ANY = 2;

/** None; the end of the span; one a group; one a row, 0 = none. */
const VERSION_NONE = 0;
const VERSION_END = 1;
const VERSION_GROUP = 2;
const VERSION_ROW = 3;

const NUMBER_BYTES = Float64Array.BYTES_PER_ELEMENT;

export function numberingOf(rows: readonly Change[], starts: readonly number[], span: Range): Numbering {
  return { seq: seqForm(rows, starts), version: versionForm(rows, starts, span) };
}

/** What the numbers of so many changes hold, once read. */
export function numberingBytes(
  { seq, version }: Numbering,
  { changes, groups }: { readonly changes: number; readonly groups: number },
): number {
  const versions = version === VERSION_ROW ? changes : version === VERSION_GROUP ? groups : 0;
  return NUMBER_BYTES * (versions + (seq === SEQ_ANY ? changes : 0));
}

export function writeSeqs(packed: ByteWriter, rows: readonly Change[], form: number): void {
  if (rows.length === 0) return;
  if (form !== SEQ_ANY) return packed.varint(rows[0]!.seq);
  writeNumbers(
    packed,
    rows.map(({ seq }, i) => seq - (i === 0 ? 0 : rows[i - 1]!.seq + 1)),
  );
}

/** The seq of a change, by its place among all and in its group. */
export type SeqColumn = (row: number, cell: number) => number;

/** Errors  FRAME_MALFORMED, CHANGE_INVALID beyond seqMax. */
export function readSeqs(packed: ByteReader, starts: ArrayLike<number>, form: number, seqMax: number): SeqColumn {
  const count = countIn(starts);
  if (form === SEQ_ANY) return seqsOneByOne(readNumbers(packed, count), seqMax);
  if (form !== SEQ_THROUGH && form !== SEQ_RESTART) throw malformed('seq in an unknown form');
  const first = packed.varint();
  const steps = form === SEQ_THROUGH ? count : longestGroup(starts);
  checkSeq(first + steps - 1, seqMax);
  return form === SEQ_THROUGH ? (row) => first + row : (_row, cell) => first + cell;
}

function seqsOneByOne(seqs: Float64Array, seqMax: number): SeqColumn {
  let expected = 0;
  for (let i = 0; i < seqs.length; i++) {
    seqs[i] = expected + seqs[i]!;
    expected = seqs[i]! + 1;
    checkSeq(seqs[i]!, seqMax);
  }
  return (row) => seqs[row]!;
}

function checkSeq(seq: number, seqMax: number): void {
  if (!(seq >= 0 && seq <= seqMax)) throw invalidChange(`seq is not a whole number up to ${seqMax}`);
}

function longestGroup(starts: ArrayLike<number>): number {
  let longest = 0;
  for (let group = 1; group < starts.length; group++) longest = Math.max(longest, starts[group]! - starts[group - 1]!);
  return longest;
}

function countIn(starts: ArrayLike<number>): number {
  return starts[starts.length - 1]!;
}

interface VersionPlaces<Starts> {
  readonly starts: Starts;
  readonly span: Range;
  readonly form: number;
}

export function writeVersions(
  packed: ByteWriter,
  rows: readonly Change[],
  { starts, span, form }: VersionPlaces<readonly number[]>,
): void {
  if (form === VERSION_GROUP) {
    writeNumbers(
      packed,
      starts.slice(0, -1).map((start) => rows[start]!.version! - span[0]),
    );
  } else if (form === VERSION_ROW) {
    writeNumbers(
      packed,
      rows.map(({ version }) => (version === undefined ? 0 : version - span[0])),
    );
  }
}

/** The origin version of a change, by its place among all and that of its group; undefined where it has none. */
export type VersionColumn = (row: number, group: number) => number | undefined;

/** Errors  CHANGE_INVALID for a version outside of the span. */
export function readVersions(
  packed: ByteReader,
  { starts, span, form }: VersionPlaces<ArrayLike<number>>,
): VersionColumn {
  const count = countIn(starts);
  const [lo, hi] = span;
  if (form === VERSION_NONE) return () => undefined;
  if (form === VERSION_END) return () => hi;
  const perRow = form === VERSION_ROW;
  const offsets = readNumbers(packed, perRow ? count : starts.length - 1);
  for (const offset of offsets) {
    const isInSpan = offset > 0 && offset <= hi - lo;
    if (!isInSpan && !(perRow && offset === 0)) throw invalidChange('its version lies outside of the span of its part');
  }
  return perRow
    ? (row) => (offsets[row] === 0 ? undefined : lo + offsets[row]!)
    : (_row, group) => lo + offsets[group]!;
}

function seqForm(rows: readonly Change[], starts: readonly number[]): number {
  const first = rows[0]?.seq ?? 0;
  if (rows.every(({ seq }, i) => seq === first + i)) return SEQ_THROUGH;
  for (let group = 1; group < starts.length; group++) {
    const start = starts[group - 1]!;
    for (let i = start; i < starts[group]!; i++) if (rows[i]!.seq !== first + i - start) return SEQ_ANY;
  }
  return SEQ_RESTART;
}

function versionForm(rows: readonly Change[], starts: readonly number[], [lo, hi]: Range): number {
  if (rows.every(({ version }) => version === undefined)) return VERSION_NONE;
  if (rows.every(({ version }) => version === hi)) return VERSION_END;
  for (let group = 1; group < starts.length; group++) {
    const { version } = rows[starts[group - 1]!]!;
    if (version === undefined || version <= lo) return VERSION_ROW;
    for (let i = starts[group - 1]!; i < starts[group]!; i++) if (rows[i]!.version !== version) return VERSION_ROW;
  }
  return VERSION_GROUP;
}
