/**
 * How many changes a turn of the loop merges: as many as this machine merges in a short time, so that who waits for
 * the next turn waits no longer on a slow or a busy one. With nobody there to wait it is longer: larger groups need
 * fewer commits.
 *
 * Learnt from the turns before, what their commits cost the links included. What a commit costs by itself, learnt from
 * those of a few changes, is not laid to the changes: on a slow disk turns would grow ever smaller, and their changes
 * ever dearer. A clock that stands still within a turn (a simulation's) leaves the most there may be.
 */
import { steadyClock } from '../core/steady-clock.ts';

/** The changes of a turn are to take so long, and so long where nobody else may wait; no less than their commit does. */
const TURN_MS = 20;
const ALONE_MS = 100;
/** Who has written will write again soon. */
const WRITING_MS = 1_000;
/** A commit for fewer costs more than it is worth. */
const CHANGES_MIN = 1_000;
const CHANGES_MAX = 10_000;
/** A commit of no more changes costs what a commit costs. */
const FEW_CHANGES = 100;
/** Before anything is known, on a machine that does nothing else. */
const FIRST_MS_PER_CHANGE = 0.006;
/** What a turn says counts for so much beside all turns before it. */
const WEIGHT = 0.3;

export interface TurnSizeOptions {
  readonly now: () => number;
  /** How many links may wait for each other. */
  readonly links: () => number;
}

export class TurnSize {
  readonly #now: () => number;
  readonly #links: () => number;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #msPerChange = FIRST_MS_PER_CHANGE;
  #msPerCommit = 0;

  constructor({ now, links }: TurnSizeOptions) {
    this.#now = steadyClock(now);
    this.#links = links;
  }

  get changes(): number {
    const isAlone = this.#links() <= 1 && this.#now() - this.#wroteAt > WRITING_MS;
    const wantedMs = Math.max(isAlone ? ALONE_MS : TURN_MS, this.#msPerCommit);
    const changes = Math.round(wantedMs / this.#msPerChange);
    return Math.min(Math.max(changes, CHANGES_MIN), CHANGES_MAX);
  }

  /** What is written here waits for turns as well. */
  noteWrite(): void {
    this.#wroteAt = this.#now();
  }

  /** Runs `merge`, which returns how many changes it has merged. */
  measure(merge: () => number): number {
    const start = this.#now();
    const changes = merge();
    const took = this.#now() - start;
    if (changes >= CHANGES_MIN) {
      const msPerChange = Math.max(took - this.#msPerCommit, 0) / changes;
      this.#msPerChange += WEIGHT * (msPerChange - this.#msPerChange);
    } else if (changes > 0 && changes <= FEW_CHANGES) this.#msPerCommit += WEIGHT * (took - this.#msPerCommit);
    return changes;
  }
}
