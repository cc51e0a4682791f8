/**
 * What the loop receives and merges: frames of links into the inbox, and from there group by group into the store.
 *
 * Who has little waiting is merged before who has much, in a commit of its own: it would share the time of the larger
 * group. Each turn moves both.
 */
import { LONG_TURN_CHANGES } from './loop-turns.ts';
import type { GroupMergeParts } from './group-merge.ts';
import { GroupMerge } from './group-merge.ts';
import type { Limits } from '../core/limits.ts';
import type { InboxEntry } from './inbox.ts';
import { Inbox } from './inbox.ts';
import type { ReceivingLink } from './receiving-links.ts';
import { ReceivingLinks } from './receiving-links.ts';
import type { TurnSizeOptions } from './turn-size.ts';
import { TurnSize } from './turn-size.ts';

export interface LoopInputsOptions<Link> extends Omit<GroupMergeParts<Link>, 'inbox'>, TurnSizeOptions {
  readonly limits: Limits;
}

export class LoopInputs<Link extends ReceivingLink> {
  readonly #inbox: Inbox<Link>;
  readonly #receiving = new ReceivingLinks<Link>();
  readonly #merge: GroupMerge<Link>;
  readonly #size: TurnSize;
  readonly #overfillMax: number;
  #isPutOff = false;
  readonly #guard: (job: () => void) => void;

  constructor({ limits, now, links, ...merging }: LoopInputsOptions<Link>) {
    this.#inbox = new Inbox(limits);
    this.#merge = new GroupMerge({ ...merging, inbox: this.#inbox });
    this.#size = new TurnSize({ now, links });
    this.#overfillMax = Math.min(LONG_TURN_CHANGES, limits.groupChangesMax);
    this.#guard = merging.guard;
  }

  /** Changes received and not merged yet. */
  get changes(): number {
    return this.#inbox.changes;
  }

  get isWaiting(): boolean {
    return this.#inbox.length + this.#receiving.size > 0;
  }

  add(entry: InboxEntry<Link>): void {
    this.#inbox.add(entry);
  }

  noteWrite(): void {
    this.#size.noteWrite();
  }

  framesWait(link: Link): void {
    this.#receiving.add(link);
  }

  /** R1: what a closed session sent is dropped. */
  drop(link: Link): void {
    this.#receiving.drop(link);
    this.#inbox.dropFrom(link);
  }

  takeAll(): InboxEntry<Link>[] {
    return this.#inbox.takeAll();
  }

  /** Takes frames, no more than is merged soon; returns how many changes they have. */
  receive(): number {
    const before = this.#inbox.changes;
    const wanted = this.#size.changes;
    const brought = (): number => this.#inbox.changes - before;
    this.#receiving.take({
      more: (link) => !this.#inbox.isFull(wanted) || (brought() < this.#overfillMax && this.#inbox.mayOverfill(link)),
      changes: brought,
      guard: this.#guard,
    });
    return brought();
  }

  /** One turn's work, after so many changes were decoded in it; returns how many it has merged. */
  merge(decoded: number): number {
    const before = this.#inbox.changes;
    this.#measured(() => this.#merge.mergeLight());
    // What took long to decode is merged in the next turn, whatever that one decodes.
    this.#isPutOff = decoded >= LONG_TURN_CHANGES && !this.#isPutOff;
    if (!this.#isPutOff) this.#measured(() => this.#merge.mergeNext(this.#size.changes));
    return before - this.#inbox.changes;
  }

  #measured(merge: () => void): void {
    const before = this.#inbox.changes;
    this.#size.measure(() => {
      merge();
      return before - this.#inbox.changes;
    });
  }
}
