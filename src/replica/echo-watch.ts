/**
 * Keeps P4 on one link between peers, and counts where it would be broken: a change must not go back to the site that
 * wrote it, nor, in live traffic, to the peer that delivered it.
 *
 * In a mesh the same part arrives on several links; the one that came first is merged, but the others have delivered
 * it too. Parts are told apart by their encoding, which relays pass on unchanged. Memory is bounded: a part that was
 * forgotten is sent once too often, which is harmless.
 */
import type { SiteId } from '../core/site-id.ts';
import type { PartBlob } from '../wire/part-blob.ts';

const PARTS_REMEMBERED = 1_000;

export class EchoWatch {
  readonly #own: SiteId;
  /** Most links are told much and tell nothing: it is made for the first part. */
  #delivered: Set<string> | undefined;
  #echoed = 0;

  constructor(own: SiteId) {
    this.#own = own;
  }

  /** Changes of our own that came back, and live changes that we sent to their deliverer. 0 unless P4 is broken. */
  get changesEchoed(): number {
    return this.#echoed;
  }

  /** The peer has delivered nothing in this session. */
  get isSilent(): boolean {
    return this.#delivered === undefined;
  }

  noteReceived(blob: PartBlob): void {
    if (blob.body.site === this.#own) this.#echoed += blob.body.rows.length;
    this.#delivered ??= new Set();
    this.#delivered.add(blobKey(blob));
    if (this.#delivered.size <= PARTS_REMEMBERED) return;
    for (const oldest of this.#delivered) {
      this.#delivered.delete(oldest);
      break;
    }
  }

  noteSentLive(blob: PartBlob): void {
    if (this.hasDelivered(blob)) this.#echoed += blob.body.rows.length;
  }

  /** Whether the peer delivered exactly this part in this session. */
  hasDelivered(blob: PartBlob): boolean {
    return this.#delivered !== undefined && this.#delivered.has(blobKey(blob));
  }
}

/**
 * Site, length and a 64-bit hash of the encoding, which does not hold the site: two sites that write the same have
 * equal encodings. A peer that forges a collision only keeps a change from itself.
 */
function blobKey({ body, bytes }: PartBlob): string {
  let low = 0x811c9dc5;
  let high = 0x9dc5811c;
  const add = (word: number): void => {
    low = Math.imul(low ^ word ^ (word >>> 16), 0x01000193);
    high = Math.imul(high + word, 0x85ebca6b) ^ (low >>> 15);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += 4) add(view.getUint32(at, true));
  for (let at = whole; at < bytes.length; at++) add(bytes[at]!);
  return `${body.site}:${bytes.length}:${low >>> 0}:${high >>> 0}`;
}
