/**
 * The inbox: what peers and callers sent and what is not merged yet, in arrival order (R7).
 *
 * A group of entries shares one transaction. An input with more changes than a group holds is cut: every piece is
 * merged and booked with the same span, claims and cursor go with the last. The first piece names the whole input, to
 * be checked before anything of it is merged; after a piece that was not taken the others are dropped.
 */
import type { Change } from '../core/change.ts';
import { changeBytes } from '../core/change.ts';
import { emptyCoverage } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import type { ReplicationError } from '../core/errors.ts';
import type { PartBody } from '../core/part.ts';
import type { SiteId } from '../core/site-id.ts';
import type { InputResult, MergeInput } from '../store/store-port.ts';
import type { PartBlob } from '../wire/part-blob.ts';

export interface InboxEntry<Source> {
  readonly source: Source | undefined;
  readonly input: MergeInput;
  /** The received encodings of input.parts, where there are any. */
  readonly blobs: readonly PartBlob[];
  /** A base (R2): stored alone, before any later window. */
  readonly base?: { readonly peer: SiteId; readonly cursor: Cursor };
  /** The input that this entry is the first piece of. */
  readonly whole?: MergeInput;
  /** Pieces of one input share it. */
  readonly pieces?: { ended: boolean };
  /** Told once, after the commit of the last piece. */
  readonly done: (result: InputResult) => void;
  readonly failed: (error: ReplicationError) => void;
}

export class Inbox<Source> {
  readonly #changesMax: number;
  #entries: InboxEntry<Source>[] = [];
  #changes = 0;

  constructor(groupChangesMax: number) {
    this.#changesMax = groupChangesMax;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Changes that wait, for the loop to decode no more than it can merge soon. */
  get changes(): number {
    return this.#changes;
  }

  add(entry: InboxEntry<Source>): void {
    this.#changes += changesIn(entry.input);
    if (changesIn(entry.input) <= this.#changesMax) this.#entries.push(entry);
    else this.#entries.push(...cutEntry(entry, this.#changesMax));
  }

  /** The next group: at least one entry, then as many as fit; a base stands alone. */
  takeGroup(changesWanted: number = this.#changesMax): InboxEntry<Source>[] {
    const changesMax = Math.min(changesWanted, this.#changesMax);
    this.#keep(({ pieces }) => pieces?.ended !== true);
    let changes = 0;
    let count = 0;
    for (const entry of this.#entries) {
      changes += changesIn(entry.input);
      const alone = entry.base !== undefined;
      if (count > 0 && (changes > changesMax || alone)) break;
      count += 1;
      if (alone) break;
    }
    return this.#take(count);
  }

  /** R1: what a closed session queued is dropped. */
  dropFrom(source: Source): void {
    this.#keep((entry) => entry.source !== source);
  }

  /** Everything, for a replica that closes. */
  takeAll(): InboxEntry<Source>[] {
    return this.#take(this.#entries.length);
  }

  #keep(isKept: (entry: InboxEntry<Source>) => boolean): void {
    if (this.#entries.every(isKept)) return;
    this.#entries = this.#entries.filter(isKept);
    this.#changes = this.#entries.reduce((sum, { input }) => sum + changesIn(input), 0);
  }

  #take(count: number): InboxEntry<Source>[] {
    const taken = this.#entries.splice(0, count);
    for (const { input } of taken) this.#changes -= changesIn(input);
    return taken;
  }
}

function changesIn({ parts }: MergeInput): number {
  return parts.reduce((sum, { rows }) => sum + rows.length, 0);
}

function cutEntry<Source>(entry: InboxEntry<Source>, changesMax: number): InboxEntry<Source>[] {
  const groups = partsInPieces(entry.input.parts, { changesMax, bytesMax: Number.POSITIVE_INFINITY });
  const pieces = { ended: false };
  const results: InputResult[] = [];
  return groups.map((parts, i): InboxEntry<Source> => {
    const last = i === groups.length - 1;
    const input = last ? { ...entry.input, parts } : { ...startOf(entry.input), parts };
    const done = (result: InputResult): void => {
      results.push(result);
      pieces.ended = last || result.outcome === 'invalid';
      if (pieces.ended) entry.done(results.reduce(sumOfResults));
    };
    const failed = (error: ReplicationError): void => {
      pieces.ended = true;
      entry.failed(error);
    };
    const first = i === 0 ? { whole: entry.input } : {};
    return { source: entry.source, input, blobs: [], done, failed, pieces, ...first };
  });
}

/** What is true of each piece, whichever it is. */
function startOf({ fromLeaf }: MergeInput): Pick<MergeInput, 'claims' | 'fromLeaf'> {
  return { claims: emptyCoverage, ...(fromLeaf === undefined ? {} : { fromLeaf }) };
}

/** What one group of parts may have; a single larger change stands alone. */
export interface PieceBounds {
  readonly changesMax: number;
  readonly bytesMax: number;
}

/** Cuts parts so that each group is within the bounds; every piece keeps its part's span. */
export function partsInPieces(parts: readonly PartBody[], bounds: PieceBounds): PartBody[][] {
  const groups: PartBody[][] = [[]];
  let taken = { changes: 0, bytes: 0 };
  for (const part of parts) {
    let start = 0;
    for (;;) {
      const { end, ...after } = rowsWithin(part.rows, start, taken, bounds);
      const whole = start === 0 && end === part.rows.length;
      if (end > start || whole)
        groups[groups.length - 1]!.push(whole ? part : { ...part, rows: part.rows.slice(start, end) });
      taken = after;
      start = end;
      if (start === part.rows.length) break;
      groups.push([]);
      taken = { changes: 0, bytes: 0 };
    }
  }
  return groups;
}

/** Where the rows from `start` stop fitting beside what is taken already. */
function rowsWithin(
  rows: readonly Change[],
  start: number,
  taken: { readonly changes: number; readonly bytes: number },
  { changesMax, bytesMax }: PieceBounds,
): { readonly end: number; readonly changes: number; readonly bytes: number } {
  let { changes, bytes } = taken;
  let end = start;
  for (; end < rows.length && changes < changesMax; end++, changes++) {
    const more = bytesMax === Number.POSITIVE_INFINITY ? 0 : changeBytes(rows[end]!);
    if (changes > 0 && bytes + more > bytesMax) break;
    bytes += more;
  }
  return { end, changes, bytes };
}

function sumOfResults(a: InputResult, b: InputResult): InputResult {
  const worst =
    [a, b].find(({ outcome }) => outcome === 'invalid') ?? [a, b].find(({ outcome }) => outcome === 'parked');
  const applied = a.outcome === 'duplicate' && b.outcome === 'duplicate' ? 'duplicate' : 'applied';
  return {
    outcome: worst?.outcome ?? applied,
    applied: a.applied + b.applied,
    duplicates: a.duplicates + b.duplicates,
    parked: a.parked + b.parked,
    leftOut: a.leftOut + b.leftOut,
    changedByPart: [...a.changedByPart, ...b.changedByPart],
    growth: b.growth,
    invalid: [...a.invalid, ...b.invalid],
  };
}
