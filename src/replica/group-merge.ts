/**
 * One group of inputs as one commit, from the inbox through the store to those who wait for it (R7).
 *
 * Nothing stands on an input that was not taken: a mark behind it moves no cursor, and of an input larger than a group
 * no piece is merged before all of it was checked.
 */
import { emptyCoverage } from '../core/coverage.ts';
import type { ReplicationError } from '../core/errors.ts';
import { ReplicationError as CodedError, codedError } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import type { InputResult, MergeResult, StorePort } from '../store/store-port.ts';
import type { Inbox, InboxEntry } from './inbox.ts';
import type { LazyCursors } from './lazy-cursors.ts';
import { movesCursorOnly } from './lazy-cursors.ts';

export interface GroupMergeParts<Source> {
  readonly store: StorePort;
  readonly inbox: Inbox<Source>;
  readonly cursors: LazyCursors;
  /** After the commit, before anybody hears of its result. */
  readonly publish: (entries: readonly InboxEntry<Source>[], merged: MergeResult) => void;
  /** Runs a job whose fault must not stop the others. */
  readonly guard: (job: () => void) => void;
}

export class GroupMerge<Source> {
  readonly #parts: GroupMergeParts<Source>;

  constructor(parts: GroupMergeParts<Source>) {
    this.#parts = parts;
  }

  /** Merges what the inbox gives next, about `changes` together; each sender hears of its input. */
  mergeNext(changes: number): void {
    const group = this.#parts.inbox.takeGroup(changes);
    const [first] = group;
    if (first?.base !== undefined) return this.#storeBase(first, first.base);
    this.#mergeGroup(group);
  }

  /** Merges what would wait for others' larger inputs. */
  mergeLight(): void {
    this.#mergeGroup(this.#parts.inbox.takeLight());
  }

  #mergeGroup(group: readonly InboxEntry<Source>[]): void {
    const { guard } = this.#parts;
    const results = this.#mergeAll(group.filter(({ input }) => !movesCursorOnly(input)));
    this.#noteCursors(group, results);
    for (const entry of group) {
      const result = results.get(entry) ?? DONE_LAZILY;
      guard(() => (result instanceof CodedError ? entry.failed(result) : entry.done(result)));
    }
  }

  #storeBase(entry: InboxEntry<Source>, { peer, cursor }: NonNullable<InboxEntry<Source>['base']>): void {
    try {
      this.#parts.cursors.setNow(peer, cursor);
    } catch (error) {
      this.#parts.guard(() => entry.failed(codedError(error)));
    }
  }

  #mergeAll(queued: readonly InboxEntry<Source>[]): Results<Source> {
    const { store, publish, guard } = this.#parts;
    const results: Results<Source> = new Map();
    const entries = queued.filter((entry) => {
      const invalid = entry.whole === undefined ? [] : store.check(entry.whole);
      if (invalid.length > 0) results.set(entry, { ...DONE_LAZILY, outcome: 'invalid', invalid });
      return invalid.length === 0;
    });
    if (entries.length === 0) return results;
    try {
      const merged = store.merge(entries.map(({ input }) => input));
      entries.forEach((entry, i) => results.set(entry, merged.inputs[i]!));
      guard(() => publish(entries, merged));
    } catch (error) {
      // Rolled back whole: every sender is told, none was acknowledged.
      for (const entry of entries) results.set(entry, codedError(error));
    }
    return results;
  }

  /** In arrival order; a mark behind an input that was not taken goes the way of that input. */
  #noteCursors(group: readonly InboxEntry<Source>[], results: Results<Source>): void {
    const { cursors } = this.#parts;
    const ended = new Map<SiteId, InputResult | ReplicationError>();
    for (const entry of group) {
      const { cursor } = entry.input;
      if (cursor === undefined) continue;
      const result = results.get(entry) ?? ended.get(cursor.peer);
      if (result === undefined) cursors.takeLazily(cursor);
      else if (isTaken(result)) cursors.noteStored(cursor);
      else {
        results.set(entry, result);
        ended.set(cursor.peer, result);
      }
    }
  }
}

type Results<Source> = Map<InboxEntry<Source>, InputResult | ReplicationError>;

function isTaken(result: InputResult | ReplicationError): boolean {
  return !(result instanceof CodedError) && result.outcome !== 'invalid';
}

const DONE_LAZILY: InputResult = {
  outcome: 'duplicate',
  applied: 0,
  duplicates: 0,
  parked: 0,
  leftOut: 0,
  changedByPart: [],
  growth: emptyCoverage,
  invalid: [],
};
