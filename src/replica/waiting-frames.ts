/** Received frames of one link that wait for the loop: bounded, for a peer sends no more than its credit. */
import type { Limits } from '../core/limits.ts';

export class WaitingFrames {
  readonly #bytesMax: number;
  readonly #framesMax: number;
  readonly #frames: Uint8Array[] = [];
  #bytes = 0;

  constructor(limits: Pick<Limits, 'creditBytes' | 'messageBytesMax' | 'inboxMessagesMax'>) {
    this.#bytesMax = 4 * limits.creditBytes + limits.messageBytesMax;
    this.#framesMax = limits.inboxMessagesMax;
  }

  get size(): number {
    return this.#frames.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False where the peer goes beyond its bounds: the frame is counted and not kept. */
  add(frame: Uint8Array): boolean {
    this.#bytes += frame.length;
    const fits = this.#bytes <= this.#bytesMax && this.#frames.length < this.#framesMax;
    if (fits) this.#frames.push(frame);
    return fits;
  }

  take(): Uint8Array | undefined {
    const frame = this.#frames.shift();
    if (frame !== undefined) this.#bytes -= frame.length;
    return frame;
  }

  drop(): void {
    this.#frames.length = 0;
    this.#bytes = 0;
  }
}
