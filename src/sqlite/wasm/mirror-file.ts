/**
 * One file of the mirror: its image in memory, and the pages that changed since it was last synced.
 *
 * What was written and not synced can be taken back, so that an engine that stops inside a commit leaves the image
 * of the commit before.
 */
export const PAGE_BYTES = 4096;

/** Pages as they were synced, to be saved; pages at or beyond `pages` are to be removed. */
export interface SyncedPages {
  readonly size: number;
  readonly bytesByPage: ReadonlyMap<number, Uint8Array>;
}

export class MirrorFile {
  #image: Uint8Array = new Uint8Array(0);
  #size = 0;
  /** Size and pages as of the last sync, for those that changed since. */
  #syncedSize = 0;
  readonly #before = new Map<number, Uint8Array>();

  /** A file as it was saved. */
  static fromPages(size: number, pages: Iterable<readonly [number, Uint8Array]>): MirrorFile {
    const file = new MirrorFile();
    file.#resize(size);
    for (const [index, bytes] of pages) file.#image.set(bytes, index * PAGE_BYTES);
    file.#syncedSize = size;
    return file;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether pages were written since the last sync. */
  get isWritten(): boolean {
    return this.#before.size > 0;
  }

  read(target: Uint8Array, offset: number): number {
    const bytes = Math.max(0, Math.min(target.length, this.#size - offset));
    if (bytes > 0) target.set(this.#image.subarray(offset, offset + bytes));
    return bytes;
  }

  write(source: Uint8Array, offset: number): void {
    const end = offset + source.length;
    if (source.length === 0) return;
    this.#remember(Math.min(offset, this.#size), end);
    if (end > this.#size) this.#resize(end);
    this.#image.set(source, offset);
  }

  truncate(size: number): void {
    this.#remember(Math.min(size, this.#size), Math.max(size, this.#size));
    this.#resize(size);
  }

  /** The pages that changed since the last sync, copied. */
  sync(): SyncedPages {
    const bytesByPage = new Map<number, Uint8Array>();
    const pages = Math.ceil(this.#size / PAGE_BYTES);
    for (const index of this.#before.keys()) if (index < pages) bytesByPage.set(index, this.#page(index));
    this.#before.clear();
    this.#syncedSize = this.#size;
    return { size: this.#size, bytesByPage };
  }

  /** All pages, as for a save under another name. */
  whole(): SyncedPages {
    const pages = Array.from({ length: Math.ceil(this.#size / PAGE_BYTES) }, (_, index) => index);
    return { size: this.#size, bytesByPage: new Map(pages.map((index) => [index, this.#page(index)])) };
  }

  /** Takes back what was not synced. */
  revert(): void {
    if (this.#before.size === 0 && this.#size === this.#syncedSize) return;
    this.#resize(this.#syncedSize);
    for (const [index, bytes] of this.#before) {
      const start = index * PAGE_BYTES;
      if (start < this.#size) this.#image.set(bytes.subarray(0, this.#size - start), start);
    }
    this.#before.clear();
  }

  #remember(start: number, end: number): void {
    const last = Math.ceil(end / PAGE_BYTES);
    for (let index = Math.floor(start / PAGE_BYTES); index < last; index++) {
      if (!this.#before.has(index)) this.#before.set(index, this.#page(index));
    }
  }

  /** A whole page of its own; beyond the end it is zeros. */
  #page(index: number): Uint8Array {
    const page = new Uint8Array(PAGE_BYTES);
    page.set(this.#image.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES));
    return page;
  }

  /** Bytes beyond the size are always zero, so that a file grows by zeros. */
  #resize(size: number): void {
    if (size < this.#size) this.#image.fill(0, size, this.#size);
    if (size > this.#image.length) {
      const room = Math.max(size, Math.min(this.#image.length * 2, this.#image.length + GROWTH_BYTES_MAX));
      const grown = new Uint8Array(Math.ceil(room / PAGE_BYTES) * PAGE_BYTES);
      grown.set(this.#image.subarray(0, this.#size));
      this.#image = grown;
    }
    this.#size = size;
  }
}

/** An image grows by doubling up to here, then by so much at a time. */
const GROWTH_BYTES_MAX = 32 << 20;
