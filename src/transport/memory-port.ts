/**
 * Two frame ports joined in one process: for tests, for the simulator and between replicas of one program.
 *
 * The schedule decides when something is delivered, never in which order: each direction is a queue.
 */

import { DEFAULT_LIMITS } from '../core/limits.ts';
import { CLOSE_LOST } from './close-code.ts';
import type { InboxLimits } from './frame-inbox.ts';
import { FrameInbox, pressedBytes } from './frame-inbox.ts';
import type { FramePort, FramePortListener } from './frame-port.ts';

export interface MemoryPortOptions {
  /** Calls back later, once for each call; the default is the next microtask. */
  readonly schedule?: (deliver: () => void) => void;
  readonly limits?: InboxLimits;
  /** What `description` says of the two ends. */
  readonly names?: readonly [string, string];
}

export interface MemoryPortPair {
  readonly ports: readonly [FramePort, FramePort];
  /** Loses the connection: what is under way is gone, both ends hear 1006 soon. */
  cut(): void;
}

type Item = { readonly frame: Uint8Array } | { readonly code: number; readonly reason: string };

export function memoryPortPair(options: MemoryPortOptions = {}): MemoryPortPair {
  const schedule = options.schedule ?? queueMicrotask;
  const limits = options.limits ?? DEFAULT_LIMITS;
  const [first, second] = options.names ?? ['memory a', 'memory b'];
  const a = new MemoryPort(first, schedule, limits);
  const b = new MemoryPort(second, schedule, limits);
  a.join(b);
  b.join(a);
  const cut = (): void => {
    a.lose();
    b.lose();
  };
  return { ports: [a, b], cut };
}

class MemoryPort implements FramePort {
  readonly description: string;
  readonly lossless = true;
  readonly #schedule: (deliver: () => void) => void;
  readonly #inbox: FrameInbox;
  #other: MemoryPort | undefined;
  #queue: Item[] = [];
  #bufferedBytes = 0;
  #closed = false;
  #pressed = false;
  readonly #pressedBytes: number;

  constructor(description: string, schedule: (deliver: () => void) => void, limits: InboxLimits) {
    this.description = description;
    this.#schedule = schedule;
    this.#inbox = new FrameInbox(limits);
    this.#pressedBytes = pressedBytes(limits);
  }

  join(other: MemoryPort): void {
    this.#other = other;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  listen(listener: FramePortListener): void {
    this.#inbox.listen(listener);
  }

  send(frame: Uint8Array): void {
    if (this.#closed || this.#inbox.ended) return;
    this.#bufferedBytes += frame.length;
    if (this.#bufferedBytes > this.#pressedBytes) this.#pressed = true;
    // A copy: a real connection does not share memory with its reader.
    this.#put({ frame: frame.slice() });
  }

  close(code: number, reason: string): void {
    if (this.#closed || this.#inbox.ended) return;
    this.#closed = true;
    this.#inbox.mute();
    this.#put({ code, reason });
  }

  lose(): void {
    this.#closed = true;
    this.#queue = [];
    this.#bufferedBytes = 0;
    this.#inbox.mute();
    this.#schedule(() => this.#inbox.end(CLOSE_LOST, 'connection lost'));
  }

  #put(item: Item): void {
    this.#queue.push(item);
    this.#schedule(() => this.#deliverNext());
  }

  #deliverNext(): void {
    const item = this.#queue.shift();
    const other = this.#other;
    if (item === undefined || other === undefined) return;
    if (!('frame' in item)) {
      other.#inbox.end(item.code, item.reason);
      this.#inbox.end(item.code, item.reason);
      return;
    }
    this.#bufferedBytes -= item.frame.length;
    if (!other.#inbox.push(item.frame)) other.close(4429, 'LIMIT_EXCEEDED');
    if (this.#bufferedBytes > 0 || !this.#pressed) return;
    this.#pressed = false;
    this.#inbox.drained();
  }
}
