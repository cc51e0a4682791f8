/**
 * One file of the memory file system: what a reader sees, what is durable, and the writes between the two.
 *
 * Every unsynced write is kept by sector, so that a loss of power may keep some of them and lose others.
 */

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

type PendingChange =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'size'; readonly size: number };

/** Bytes with room to grow. */
interface Image {
  bytes: Uint8Array;
  size: number;
}

export class MemoryFile {
  #live: Image = { bytes: new Uint8Array(0), size: 0 };
  #durable: Image = { bytes: new Uint8Array(0), size: 0 };
  #pending: PendingChange[] = [];

  get size(): number {
    return this.#live.size;
  }

  read(target: Uint8Array, offset: number): number {
    const bytes = Math.max(0, Math.min(target.length, this.#live.size - offset));
    if (bytes > 0) target.set(this.#live.bytes.subarray(offset, offset + bytes));
    return bytes;
  }

  write(source: Uint8Array, offset: number): void {
    const change: PendingChange = { kind: 'write', offset, bytes: source.slice() };
    applyChange(this.#live, change);
    this.#pending.push(change);
  }

  truncate(size: number): void {
    const change: PendingChange = { kind: 'size', size };
    applyChange(this.#live, change);
    this.#pending.push(change);
  }

  sync(): void {
    for (const change of this.#pending) applyChange(this.#durable, change);
    this.#pending = [];
  }

  /** A sync that failed: readers see what was written, and no later sync makes it durable. */
  failSync(): void {
    this.#pending = [];
  }

  /** The file as it is after a loss of power; `survives` is asked for each sector that was not synced. */
  afterPowerLoss(survives: () => boolean): MemoryFile {
    const file = new MemoryFile();
    file.#durable = copyOf(this.#durable);
    for (const change of this.#pending) {
      for (const piece of sectorsOf(change)) if (survives()) applyChange(file.#durable, piece);
    }
    file.#live = copyOf(file.#durable);
    return file;
  }

  copy(): MemoryFile {
    const file = new MemoryFile();
    file.#live = copyOf(this.#live);
    file.#durable = copyOf(this.#durable);
    file.#pending = [...this.#pending];
    return file;
  }
}

function applyChange(image: Image, change: PendingChange): void {
  if (change.kind === 'size') {
    resize(image, change.size);
    return;
  }
  const end = change.offset + change.bytes.length;
  if (end > image.size) resize(image, end);
  image.bytes.set(change.bytes, change.offset);
}

/** Bytes beyond the size are always zero, so that a file grows by zeros. */
function resize(image: Image, size: number): void {
  if (size < image.size) image.bytes.fill(0, size, image.size);
  if (size > image.bytes.length) {
    const grown = new Uint8Array(Math.max(size, image.bytes.length * 2, 4096));
    grown.set(image.bytes.subarray(0, image.size));
    image.bytes = grown;
  }
  image.size = size;
}

function copyOf(image: Image): Image {
  return { bytes: image.bytes.slice(0, image.size), size: image.size };
}

function sectorsOf(change: PendingChange): PendingChange[] {
  if (change.kind === 'size') return [change];
  const pieces: PendingChange[] = [];
  for (let start = 0; start < change.bytes.length;) {
    const end = Math.min(change.bytes.length, start + SECTOR_BYTES - ((change.offset + start) % SECTOR_BYTES));
    pieces.push({ kind: 'write', offset: change.offset + start, bytes: change.bytes.subarray(start, end) });
    start = end;
  }
  return pieces;
}
