/** Virtual time: jobs in the order of their moments, one after the other, in one process. */
import type { Runtime } from '../../src/core/runtime.ts';
import type { Random } from './random.ts';

/** Who a job belongs to: when it dies, its jobs are never run. */
export interface Owner {
  alive: boolean;
}

interface Job {
  readonly at: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  run: (() => void) | undefined;
}

const START_MS = Date.UTC(2025, 0, 1);

export class VirtualClock {
  /** Milliseconds since the Unix epoch; a replica sees what its machine's own clock says. */
  now: number = START_MS;
  /** Jobs run so far: a measure of work, and a guard against a schedule that never rests. */
  jobsRun = 0;
  #orders = 0;
  readonly #heap: Job[] = [];

  /** Milliseconds since the schedule began. */
  get elapsedMs(): number {
    return this.now - START_MS;
  }

  /** Runs a job `ms` from now; the returned function cancels it. */
  after(ms: number, run: () => void, owner?: Owner): () => void {
    const job: Job = { at: this.now + Math.max(0, ms), order: this.#orders++, owner, run };
    this.#push(job);
    return () => {
      job.run = undefined;
    };
  }

  /** Runs everything that is due within the next `ms`. */
  runFor(ms: number): void {
    const until = this.now + ms;
    for (let job = this.#heap[0]; job !== undefined && job.at <= until; job = this.#heap[0]) {
      this.#pop();
      this.now = job.at;
      if (job.run === undefined || job.owner?.alive === false) continue;
      this.jobsRun += 1;
      job.run();
    }
    this.now = until;
  }

  /** What a replica gets as its machine; a turn of its loop takes up to `turnMs`. */
  runtimeFor(
    owner: Owner,
    { random, turnMs, aheadMs }: { readonly random: Random; readonly turnMs: number; readonly aheadMs: () => number },
  ): Runtime {
    return {
      now: () => this.now + aheadMs(),
      setTimer: (ms, callback) => this.after(ms, callback, owner),
      defer: (callback) => {
        this.after(random.fraction() * turnMs, callback, owner);
      },
      randomBytes: (length) => random.bytes(length),
    };
  }

  #push(job: Job): void {
    const heap = this.#heap;
    heap.push(job);
    let i = heap.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(heap[i]!, heap[parent]!)) break;
      [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
      i = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === i) return;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
}

function isBefore(a: Job, b: Job): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
