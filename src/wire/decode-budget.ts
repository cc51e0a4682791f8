/**
 * What one message may cost its reader: shared by everything in it, so that many small pieces cannot add up to more
 * than one large one.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';

export class DecodeBudget {
  readonly limits: Limits;
  #changes = 0;
  #bytes = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** Bytes that may still be unfolded. */
  get bytesLeft(): number {
    return this.limits.messageBytesMax - this.#bytes;
  }

  /** It has more changes than one group merges, as far as is known: they are kept as columns until their turn. */
  get isLarge(): boolean {
    return this.#changes > this.limits.groupChangesMax;
  }

  /** Errors  TOO_LARGE. */
  takeChanges(count: number): void {
    this.#changes += count;
    const { partChangesMax } = this.limits;
    if (this.#changes <= partChangesMax) return;
    throw new ReplicationError('TOO_LARGE', `a message of more than ${partChangesMax} changes: send it in pieces`);
  }

  /** Errors  TOO_LARGE. */
  takeBytes(count: number): void {
    this.#bytes += count;
    const { messageBytesMax } = this.limits;
    if (this.#bytes <= messageBytesMax) return;
    throw new ReplicationError('TOO_LARGE', `a message that unfolds to more than ${messageBytesMax} bytes`);
  }
}
