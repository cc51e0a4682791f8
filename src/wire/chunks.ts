/**
 * Chunks: one encoded message that is larger than a frame, cut and put together again.
 *
 * A transfer belongs to one sender and comes in order; anything else drops what was collected (the window or part is
 * then missing, which the session notices and repairs). Memory is bounded by messageBytesMax.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Chunk } from './message.ts';

/** Room for the chunk's own header in a frame. */
const HEADER_BYTES = 64;

export function cutIntoChunks(bytes: Uint8Array, transfer: number, frameBytesMax: number): Chunk[] {
  const size = frameBytesMax - HEADER_BYTES;
  const n = Math.ceil(bytes.length / size);
  return Array.from({ length: n }, (_, i) => {
    return { type: 'chunk', transfer, i, n, bytes: bytes.subarray(i * size, (i + 1) * size) };
  });
}

export class ChunkAssembler {
  readonly #bytesMax: number;
  #transfer = -1;
  #chunks = 0;
  /** What was collected, with room to grow: many small chunks cost no more than their bytes. */
  #whole: Uint8Array = NOTHING;
  #bytes = 0;

  constructor(messageBytesMax: number) {
    this.#bytesMax = messageBytesMax;
  }

  /** Memory of a message whose last chunk is missing. */
  get heldBytes(): number {
    return this.#whole.length;
  }

  /** Forgets what was collected. */
  drop(): void {
    this.#restart(-1);
  }

  /**
   * The whole message once its last chunk is there, undefined before.
   *
   * Errors  TOO_LARGE when a transfer exceeds messageBytesMax; FRAME_MALFORMED when its numbers make no sense.
   */
  add({ transfer, i, n, bytes }: Chunk): Uint8Array | undefined {
    if (i >= n) throw new ReplicationError('FRAME_MALFORMED', `chunk ${i} of ${n}`);
    if (i === 0) this.#restart(transfer);
    if (transfer !== this.#transfer || i !== this.#chunks) {
      this.#restart(-1);
      return undefined;
    }
    if (this.#bytes + bytes.length > this.#bytesMax) {
      this.#restart(-1);
      throw new ReplicationError('TOO_LARGE', `a message may have ${this.#bytesMax} bytes: send smaller transactions`);
    }
    this.#append(bytes);
    return i === n - 1 ? this.#take() : undefined;
  }

  #append(bytes: Uint8Array): void {
    const end = this.#bytes + bytes.length;
    if (end > this.#whole.length) {
      const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(end, 2 * this.#whole.length)));
      grown.set(this.#whole.subarray(0, this.#bytes));
      this.#whole = grown;
    }
    this.#whole.set(bytes, this.#bytes);
    this.#bytes = end;
    this.#chunks += 1;
  }

  #take(): Uint8Array {
    const whole = this.#whole.subarray(0, this.#bytes);
    this.#restart(-1);
    return whole;
  }

  #restart(transfer: number): void {
    this.#transfer = transfer;
    this.#chunks = 0;
    this.#whole = NOTHING;
    this.#bytes = 0;
  }
}

const NOTHING = new Uint8Array(0);
