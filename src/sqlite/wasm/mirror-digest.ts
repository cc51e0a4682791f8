/**
 * The digest of a stored image: 64 bits over every page and its place, kept up page by page.
 *
 * Finds what storage may do to an image (a page lost, left old, or taken from another place); it is no defence
 * against somebody who writes there on purpose.
 */

/** Two halves of 32 bits. */
export type Digest = readonly [high: number, low: number];

export const NO_DIGEST: Digest = [0, 0];

/** The digest of one page at its place; `page` is a whole number of 4-byte words. */
export function digestOfPage(index: number, page: Uint8Array): Digest {
  const words = new Uint32Array(page.buffer, page.byteOffset, page.byteLength >> 2);
  let high = (0x9e3779b9 ^ index) | 0;
  let low = (0x85ebca6b + index) | 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    high = Math.imul(high ^ word, 0x01000193);
    high = (high << 13) | (high >>> 19);
    low = Math.imul(low + word, 0xc2b2ae35);
    low = (low << 17) | (low >>> 15);
  }
  return [mixed(high ^ low), mixed(low + Math.imul(high, 0x27d4eb2f))];
}

/** The digest of several pages; adding one twice takes it away again. */
export function combineDigests(a: Digest, b: Digest): Digest {
  return [(a[0] ^ b[0]) >>> 0, (a[1] ^ b[1]) >>> 0];
}

function mixed(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** The digests of the pages of one file, and their sum. */
export class PageDigests {
  readonly #byPage: (Digest | undefined)[] = [];
  #sum: Digest = NO_DIGEST;

  get sum(): Digest {
    return this.#sum;
  }

  set(index: number, page: Uint8Array): void {
    const digest = digestOfPage(index, page);
    this.#sum = combineDigests(combineDigests(this.#sum, this.#byPage[index] ?? NO_DIGEST), digest);
    this.#byPage[index] = digest;
  }

  /** Forgets the pages from `count` on. */
  cut(count: number): void {
    for (let index = count; index < this.#byPage.length; index++) {
      this.#sum = combineDigests(this.#sum, this.#byPage[index] ?? NO_DIGEST);
    }
    this.#byPage.length = Math.min(this.#byPage.length, count);
  }
}
