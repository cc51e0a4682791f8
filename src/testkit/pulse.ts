/**
 * The pulse: moves virtual time on, job by job, and lets the promises of the application run between two jobs.
 *
 * What takes real time (an authorize function, a hash in another thread) is waited for while the virtual clock stands
 * still, so that the order of everything depends on the seed alone. Calls that move the time take turns.
 */
import { ReplicationError } from '../core/errors.ts';
import type { VirtualClock } from './clock.ts';

/** Real work may take so many turns of Node's loop, the later ones of a millisecond. */
const REAL_TURNS_MAX = 20_000;
const FAST_TURNS = 200;

export class Pulse {
  readonly #clock: VirtualClock;
  #working = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Real work begins that virtual time waits for. */
  begin(): void {
    this.#working += 1;
  }

  end(): void {
    this.#working = Math.max(0, this.#working - 1);
  }

  /** Work of real time that virtual time waits for. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.begin();
    try {
      return await work();
    } finally {
      this.end();
    }
  }

  /**
   * Lets `ms` pass, or less when `isEnough` says so after a job; resolves whether it did.
   *
   * Errors  UNAVAILABLE when real work does not end.
   */
  pass(ms: number, isEnough: () => boolean = () => false): Promise<boolean> {
    const passed = this.#turn.then(() => this.#pass(ms, isEnough));
    this.#turn = passed.catch(() => undefined);
    return passed;
  }

  async #pass(ms: number, isEnough: () => boolean): Promise<boolean> {
    const clock = this.#clock;
    const until = clock.now + ms;
    await this.#rest();
    while (!isEnough()) {
      if (!clock.runNext(until)) {
        clock.now = Math.max(clock.now, until);
        return isEnough();
      }
      await this.#rest();
    }
    return true;
  }

  /** Promises and real work end before time goes on. */
  async #rest(): Promise<void> {
    for (let turns = 0; turns < REAL_TURNS_MAX; turns++) {
      await (turns < FAST_TURNS ? nextTurn() : nextMillisecond());
      if (this.#working === 0) return;
    }
    throw new ReplicationError('UNAVAILABLE', 'an authorize function or a token function does not answer: mend it');
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function nextMillisecond(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
}
