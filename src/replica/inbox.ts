/**
 * The inbox: what peers and callers sent and what is not merged yet. Each source stays in arrival order (R7); one that has
 * little waiting may go before others.
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
import { changesIn, InboxCounts } from './inbox-counts.ts';
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

/** A source with no more changes waiting keeps nobody waiting. */
const LIGHT_CHANGES = 200;
/** What goes before others has no more, and goes first only where as much waits in all: a commit of its own has its price. */
const FIRST_CHANGES = 1_000;

export class Inbox<Source> {
  readonly #changesMax: number;
  readonly #bytesMax: number;
  readonly #firstMax: number;
  readonly #counts: InboxCounts<Source>;
  #entries: InboxEntry<Source>[] = [];

  constructor(limits: Pick<Limits, 'groupChangesMax' | 'messageBytesMax'>) {
    this.#changesMax = limits.groupChangesMax;
    this.#bytesMax = wholeBytesMax(limits);
    this.#firstMax = Math.min(FIRST_CHANGES, this.#changesMax);
    this.#counts = new InboxCounts(Math.min(LIGHT_CHANGES, this.#changesMax));
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Changes that wait, for the loop to decode no more than it can merge soon. */
  get changes(): number {
    return this.#counts.changes;
  }

  /** As many wait as make a group, or as much as a message may unfold to half of: more is not decoded meanwhile. */
  isFull(changesWanted: number): boolean {
    return this.#counts.changes >= Math.min(changesWanted, this.#changesMax) || this.#counts.bytes >= this.#bytesMax;
  }

  /** Whether a source that has little waiting may add to what is full in number only. */
  mayOverfill(source: Source): boolean {
    return this.#counts.bytes < this.#bytesMax && this.#counts.isLight(source);
  }

  add(entry: InboxEntry<Source>): void {
    const pieces = changesIn(entry.input) <= this.#changesMax ? [entry] : cutEntry(entry, this.#changesMax);
    for (const piece of pieces) this.#counts.add(piece);
    this.#entries.push(...pieces);
  }

  /** The next group: at least one entry, then as many as fit; a base stands alone. */
  takeGroup(changesWanted: number = this.#changesMax): InboxEntry<Source>[] {
    const changesMax = Math.min(changesWanted, this.#changesMax);
    this.#dropEnded();
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

  /**
   * What sources with little waiting have sent, where others with much would take it along; empty elsewhere.
   *
   * Why     A source's own order is kept: it has nothing that stays before what is taken. Between sources there is none.
   */
  takeLight(): InboxEntry<Source>[] {
    if (this.#counts.changes < this.#firstMax || !this.#counts.hasHeavy) return [];
    this.#dropEnded();
    const light: InboxEntry<Source>[] = [];
    let changes = 0;
    for (const entry of this.#entries) {
      if (!this.#counts.isLight(entry.source)) continue;
      changes += changesIn(entry.input);
      if (changes > this.#firstMax) break;
      light.push(entry);
    }
    const taken = new Set(light);
    this.#keep((entry) => !taken.has(entry));
    return light;
  }

  /** R1: what a closed session queued is dropped. */
  dropFrom(source: Source): void {
    this.#keep((entry) => entry.source !== source);
  }

  /** Everything, for a replica that closes. */
  takeAll(): InboxEntry<Source>[] {
    return this.#take(this.#entries.length);
  }

  #dropEnded(): void {
    this.#keep(({ pieces }) => pieces?.ended !== true);
  }

  #keep(isKept: (entry: InboxEntry<Source>) => boolean): void {
    if (this.#entries.every(isKept)) return;
    for (const entry of this.#entries) if (!isKept(entry)) this.#counts.remove(entry);
    this.#entries = this.#entries.filter(isKept);
  }

  #take(count: number): InboxEntry<Source>[] {
    const taken = this.#entries.splice(0, count);
    for (const entry of taken) this.#counts.remove(entry);
    return taken;
  }
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
    const held = last && entry.heldBytes !== undefined ? { heldBytes: entry.heldBytes } : {};
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
