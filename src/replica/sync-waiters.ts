/** Callers of synced(): each waits until its own writes are settled over there and its question is answered. */
import type { ReplicationError } from '../core/errors.ts';
import { coversRanges, rangeSetOf } from '../core/range-set.ts';
import type { Upload } from '../session/session-state.ts';

interface Waiter {
  /** Own origin versions up to here must be settled. */
  readonly announced: number;
  /** The number of the question 'do I have all that you have'. */
  readonly ask: number;
  readonly resolve: () => void;
  readonly reject: (error: ReplicationError) => void;
}

export class SyncWaiters {
  #waiting: Waiter[] = [];
  readonly #answered = new Set<number>();

  add(waiter: Waiter): void {
    this.#waiting.push(waiter);
  }

  answered(ask: number): void {
    if (this.#waiting.some((waiter) => waiter.ask === ask)) this.#answered.add(ask);
  }

  check({ settled }: Upload): void {
    if (this.#waiting.length === 0) return;
    const done = this.#waiting.filter(
      ({ announced, ask }) => this.#answered.has(ask) && coversRanges(settled, rangeSetOf(0, announced)),
    );
    this.#waiting = this.#waiting.filter((waiter) => !done.includes(waiter));
    for (const { ask, resolve } of done) {
      this.#answered.delete(ask);
      resolve();
    }
  }

  fail(error: ReplicationError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }
}
