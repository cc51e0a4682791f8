/**
 * The inbox: what peers and callers sent and what is not merged yet, in arrival order (R7).
 *
 * A group of entries shares one transaction. An input with more changes than a group holds is cut: every piece is
 * merged and booked with the same span, claims and cursor go with the last. The first piece names the whole input, to
 * be checked before anything of it is merged; after a piece that was not taken the others are dropped. The
 * rows of a piece are taken out of the whole when they are looked at.
 */
import { emptyCoverage } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import type { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { wholeBytesMax } from '../core/limits.ts';
import type { SiteId } from '../core/site-id.ts';
import type { InputResult, MergeInput } from '../store/store-port.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import { partsInGroups } from './part-pieces.ts';

export interface InboxEntry<Source> {
  readonly source: Source | undefined;
  readonly input: MergeInput;
  /** The received encodings of input.parts, where there are any. */
  readonly blobs: readonly PartBlob[];
  /** About what it holds in memory; absent for what a caller of this process gave. */
  readonly heldBytes?: number;
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
  readonly #bytesMax: number;
  #entries: InboxEntry<Source>[] = [];
  #changes = 0;
  #bytes = 0;

  constructor(limits: Pick<Limits, 'groupChangesMax' | 'messageBytesMax'>) {
    this.#changesMax = limits.groupChangesMax;
    this.#bytesMax = wholeBytesMax(limits);
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Changes that wait, for the loop to decode no more than it can merge soon. */
  get changes(): number {
    return this.#changes;
  }

  /** As many wait as make a group, or as much as a message may unfold to half of: more is not decoded meanwhile. */
  isFull(changesWanted: number): boolean {
    return this.#changes >= Math.min(changesWanted, this.#changesMax) || this.#bytes >= this.#bytesMax;
  }

  add(entry: InboxEntry<Source>): void {
    this.#changes += changesIn(entry.input);
    this.#bytes += bytesOf(entry);
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
    this.#bytes = this.#entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
  }

  #take(count: number): InboxEntry<Source>[] {
    const taken = this.#entries.splice(0, count);
    for (const entry of taken) {
      this.#changes -= changesIn(entry.input);
      this.#bytes -= bytesOf(entry);
    }
    return taken;
  }
}

function changesIn({ parts }: MergeInput): number {
  return parts.reduce((sum, { rows }) => sum + rows.length, 0);
}

function bytesOf({ heldBytes = 0 }: Pick<InboxEntry<unknown>, 'heldBytes'>): number {
  return heldBytes;
}

function cutEntry<Source>(entry: InboxEntry<Source>, changesMax: number): InboxEntry<Source>[] {
  const groups = partsInGroups(entry.input.parts, changesMax);
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
    // The pieces share what is held, until the last has been merged.
    const held = last ? { heldBytes: bytesOf(entry) } : {};
    return { source: entry.source, input, blobs: [], done, failed, pieces, ...first, ...held };
  });
}

/** What is true of each piece, whichever it is. */
function startOf({ fromLeaf }: MergeInput): Pick<MergeInput, 'claims' | 'fromLeaf'> {
  return { claims: emptyCoverage, ...(fromLeaf === undefined ? {} : { fromLeaf }) };
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
