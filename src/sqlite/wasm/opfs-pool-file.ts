/**
 * One file of the access-handle pool: a header page that says whose content it holds, then the content.
 *
 * A file whose header cannot be read and that holds content is damage and is told; without content it is free.
 */
import { ReplicationError } from '../../core/errors.ts';
import { noRoom } from './no-room.ts';

/** What a dedicated worker has on a file of the origin's private file system; TypeScript's page types leave it out. */
export interface SyncAccessHandle {
  read(target: Uint8Array, options: { readonly at: number }): number;
  write(source: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

const HEADER_BYTES = 4096;
const MARK = 0x63726d32;
const PATH_OFFSET = 16;
const PATH_BYTES_MAX = 1024;
/** Chromium's number for a full disk or a quota that is used up. */
const NO_SPACE = -8;

export class OpfsPoolFile {
  readonly name: string;
  readonly #handle: SyncAccessHandle;
  #path: string | undefined;
  #turn = 0;

  /** Errors  DATABASE_CORRUPT for content under a header that cannot be read. */
  constructor(name: string, handle: SyncAccessHandle) {
    this.name = name;
    this.#handle = handle;
    this.#path = this.#readHeader();
    if (this.#path === undefined) this.#cut();
  }

  /** Undefined = free. */
  get path(): string | undefined {
    return this.#path;
  }

  /** Among files of one name the highest is the one that has it. */
  get turn(): number {
    return this.#turn;
  }

  get size(): number {
    return Math.max(0, this.#handle.getSize() - HEADER_BYTES);
  }

  /** Takes the file for `path`; durable with the first sync. */
  assign(path: string, turn = 0): void {
    const bytes = new TextEncoder().encode(path);
    if (bytes.length > PATH_BYTES_MAX) {
      throw new ReplicationError('STORAGE_FAILED', `a path has at most ${PATH_BYTES_MAX} bytes: choose a shorter name`);
    }
    const header = new Uint8Array(HEADER_BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(0, MARK);
    view.setUint32(4, bytes.length);
    view.setUint32(8, checksum(bytes, turn));
    view.setUint32(12, turn);
    header.set(bytes, PATH_OFFSET);
    this.#writeWhole(header, 0);
    this.#path = path;
    this.#turn = turn;
  }

  /** Empties the file and gives it back: the content goes before the name. */
  release(): void {
    this.#handle.truncate(HEADER_BYTES);
    this.#cut();
    this.#path = undefined;
  }

  read(target: Uint8Array, offset: number): number {
    return counted(this.#handle.read(target, { at: HEADER_BYTES + offset }), target.length);
  }

  write(source: Uint8Array, offset: number): number {
    return counted(this.#handle.write(source, { at: HEADER_BYTES + offset }), source.length);
  }

  truncate(size: number): void {
    this.#handle.truncate(HEADER_BYTES + size);
  }

  flush(): void {
    this.#handle.flush();
  }

  close(): void {
    this.#handle.close();
  }

  #cut(): void {
    if (this.#handle.getSize() > 0) this.#handle.truncate(0);
  }

  #readHeader(): string | undefined {
    const header = new Uint8Array(HEADER_BYTES);
    if (this.#handle.read(header, { at: 0 }) < HEADER_BYTES) return undefined;
    const view = new DataView(header.buffer);
    const length = view.getUint32(4);
    const turn = view.getUint32(12);
    const bytes = header.subarray(PATH_OFFSET, PATH_OFFSET + Math.min(length, PATH_BYTES_MAX));
    if (view.getUint32(0) === MARK && length <= PATH_BYTES_MAX && view.getUint32(8) === checksum(bytes, turn)) {
      this.#turn = turn;
      return new TextDecoder().decode(bytes);
    }
    if (this.size === 0) return undefined;
    const message = `the file ${this.name} of the private file system has lost its name but holds ${this.size} bytes`;
    throw new ReplicationError('DATABASE_CORRUPT', `${message}: clear the site's data and sync again`);
  }

  #writeWhole(bytes: Uint8Array, at: number): void {
    if (counted(this.#handle.write(bytes, { at }), bytes.length) < bytes.length) throw noRoom();
  }
}

/**
 * Why     In a private window Chromium does not throw when a write fails: it answers the number of the error, which is
 *         negative, as a count without a sign.
 */
function counted(bytes: number, asked: number): number {
  if (bytes <= asked) return bytes;
  const fileError = bytes - 2 ** 32;
  if (fileError === NO_SPACE) throw noRoom();
  throw new ReplicationError('STORAGE_FAILED', `the private file system failed with the error ${fileError}`);
}

function checksum(bytes: Uint8Array, turn: number): number {
  let sum = 0x811c9dc5 ^ turn;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return (sum ^ bytes.length) >>> 0;
}
