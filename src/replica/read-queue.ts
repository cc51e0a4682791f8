/**
 * Reads of the store that wait for the loop: one a link and turn, so that a link that is far behind delays nobody.
 *
 * While the links together hold much unsent, one in all a turn, for a link that has taken what it was sent before: what
 * is read is sent in the same turn, and connections take it between turns only.
 */
import type { Runtime } from '../core/runtime.ts';
import type { LinkBudget } from './link-budget.ts';

export interface ReadingLink {
  /** Sent and not yet taken by the connection. */
  readonly unsentBytes: number;
}

export interface ReadQueueOptions {
  /** Reads of one link. */
  readonly waitingMax: number;
  readonly budget: Pick<LinkBudget, 'isTight' | 'recount'>;
  readonly runtime: Pick<Runtime, 'now' | 'setTimer'>;
  /** There is something to take again. */
  readonly wake: () => void;
}

/** Between turns while memory is short: connections have the time to take something. */
const PAUSE_MS = 10;
/** After so long the other reads wait for the next turn. */
const TURN_MS = 20;

export class ReadQueue<Link extends ReadingLink> {
  readonly #options: ReadQueueOptions;
  readonly #jobsByLink = new Map<Link, (() => void)[]>();
  #isPausing = false;

  constructor(options: ReadQueueOptions) {
    this.#options = options;
  }

  /** Whether the next turn is to come at once; after a pause it is asked for. */
  get isReady(): boolean {
    if (this.#jobsByLink.size === 0) return false;
    if (this.#options.budget.isTight) this.#pause();
    return !this.#options.budget.isTight;
  }

  /** False when too many reads of the link wait already. */
  add(link: Link, job: () => void): boolean {
    const jobs = this.#jobsByLink.get(link) ?? [];
    if (jobs.length >= this.#options.waitingMax) return false;
    jobs.push(job);
    this.#jobsByLink.set(link, jobs);
    return true;
  }

  /** The first read of each link that may have one, as far as a turn reaches; a link may leave while they run. */
  takeOneEach(run: (link: Link, job: () => void) => void): void {
    const { budget, runtime } = this.#options;
    budget.recount();
    const end = runtime.now() + TURN_MS;
    let taken = 0;
    for (const [link, jobs] of Array.from(this.#jobsByLink)) {
      if (taken > 0 && runtime.now() >= end) return;
      if (!this.#jobsByLink.has(link)) continue;
      if (budget.isTight && (taken > 0 || link.unsentBytes > 0)) continue;
      const job = jobs.shift();
      // Behind those that have had none.
      this.#jobsByLink.delete(link);
      if (jobs.length > 0) this.#jobsByLink.set(link, jobs);
      taken += 1;
      if (job !== undefined) run(link, job);
    }
  }

  drop(link: Link): void {
    this.#jobsByLink.delete(link);
  }

  #pause(): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    this.#options.runtime.setTimer(PAUSE_MS, () => {
      this.#isPausing = false;
      this.#options.wake();
    });
  }
}
