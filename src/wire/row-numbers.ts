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

export function numberingOf(rows: readonly Change[], starts: readonly number[], span: Range): Numbering {
  return { seq: seqForm(rows, starts), version: versionForm(rows, starts, span) };
}

export function writeSeqs(packed: ByteWriter, rows: readonly Change[], form: number): void {
  if (rows.length === 0) return;
  if (form !== SEQ_ANY) return packed.varint(rows[0]!.seq);
  writeNumbers(
    packed,
    rows.map(({ seq }, i) => seq - (i === 0 ? 0 : rows[i - 1]!.seq + 1)),
  );
}

/** Errors  FRAME_MALFORMED, CHANGE_INVALID beyond seqMax. */
export function readSeqs(packed: ByteReader, starts: readonly number[], form: number, seqMax: number): number[] {
  const count = starts.at(-1)!;
  const seqs: number[] = [];
  if (form === SEQ_THROUGH) {
    const first = packed.varint();
    for (let i = 0; i < count; i++) seqs.push(first + i);
  } else if (form === SEQ_RESTART) {
    const first = packed.varint();
    for (let group = 1; group < starts.length; group++) {
      for (let i = starts[group - 1]!; i < starts[group]!; i++) seqs.push(first + i - starts[group - 1]!);
    }
  } else if (form === SEQ_ANY) {
    let expected = 0;
    for (const difference of readNumbers(packed, count)) {
      seqs.push(expected + difference);
      expected += difference + 1;
    }
  } else throw malformed('seq in an unknown form');
  for (const seq of seqs) {
    if (!(seq >= 0 && seq <= seqMax)) throw invalidChange(`seq is not a whole number up to ${seqMax}`);
  }
  return seqs;
}

interface VersionPlaces {
  readonly starts: readonly number[];
  readonly span: Range;
  readonly form: number;
}

export function writeVersions(
  packed: ByteWriter,
  rows: readonly Change[],
  { starts, span, form }: VersionPlaces,
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

/** One number where all are equal, undefined where no row has one. Errors  CHANGE_INVALID for a version outside of the span. */
export function readVersions(
  packed: ByteReader,
  { starts, span, form }: VersionPlaces,
): number | (number | undefined)[] | undefined {
  const count = starts.at(-1)!;
  const [lo, hi] = span;
  if (form === VERSION_NONE) return undefined;
  if (form === VERSION_END) return hi;
  const perRow = form === VERSION_ROW;
  const offsets = readNumbers(packed, perRow ? count : starts.length - 1);
  for (const offset of offsets) {
    const isInSpan = offset > 0 && offset <= hi - lo;
    if (!isInSpan && !(perRow && offset === 0)) throw invalidChange('its version lies outside of the span of its part');
  }
  if (perRow) return offsets.map((offset) => (offset === 0 ? undefined : lo + offset));
  const versions: number[] = [];
  for (let group = 1; group < starts.length; group++) {
    for (let i = starts[group - 1]!; i < starts[group]!; i++) versions.push(lo + offsets[group - 1]!);
  }
  return versions;
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
