/**
 * The lock of one database: one holder at a time, the others wait in the order in which they came.
 *
 * A statement holds it for one tick, a transaction over its awaits. Assumes that every holder releases; the owner
 * of a transaction sees to that with a time limit. Refuses more waiting calls than `waitingMax`.
 */
import { ReplicationError } from '../core/errors.ts';

type Grant = () => void;

export class TransactionLock {
  readonly #waitingMax: number;
  #held = false;
  #closed = false;
  /** Waiting calls from `#head` on: a plain shift() would copy a long queue each time. */
  #queue: { readonly grant: Grant; readonly refuse: (error: ReplicationError) => void }[] = [];
  #head = 0;

  constructor(options: { readonly waitingMax: number }) {
    this.#waitingMax = options.waitingMax;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * Resolves when it is this call's turn, with the function that gives the turn on.
   *
   * Errors  UNAVAILABLE when too many calls wait; CLOSED after close().
   */
  async acquire(): Promise<() => void> {
    if (this.#closed) throw closedError();
    if (this.#held) await this.#turn();
    this.#held = true;
    return this.#releaseOnce();
  }

  /** Runs `work` while holding the lock. */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    const release = await this.acquire();
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Waits for the calls that came before, then refuses all later ones for ever. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const release = await this.acquire();
    this.#closed = true;
    release();
  }

  #turn(): Promise<void> {
    if (this.waiting >= this.#waitingMax) {
      const message = `${this.#waitingMax} calls already wait for this database: await earlier calls before new ones`;
      return Promise.reject(new ReplicationError('UNAVAILABLE', message));
    }
    return new Promise((resolve, reject) => this.#queue.push({ grant: resolve, refuse: reject }));
  }

  #releaseOnce(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#next();
    };
  }

  /** The turn passes without being free in between, so that nobody overtakes. */
  #next(): void {
    if (this.#closed) this.#refuseAll();
    const waiter = this.#queue[this.#head];
    if (waiter === undefined) {
      this.#held = false;
      this.#queue = [];
      this.#head = 0;
      return;
    }
    this.#head++;
    if (this.#head > 1_000 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    waiter.grant();
  }

  #refuseAll(): void {
    for (const { refuse } of this.#queue.slice(this.#head)) refuse(closedError());
    this.#queue = [];
    this.#head = 0;
  }
}

function closedError(): ReplicationError {
  return new ReplicationError('CLOSED', 'this database is closed: open it again');
}
