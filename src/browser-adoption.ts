/**
 * Where an image lies in a browser while it becomes the database: in files of the same storage, page by page, so that
 * a page that is loaded again goes on with what it had.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { isReplicationError } from './core/errors.ts';
import { bytesFromHex, hexFromBytes } from './core/site-id.ts';
import type { ImagePlaces } from './image-adoption.ts';
import { NOT_INFLATABLE, TOO_LARGE_INFLATED } from './image-adoption.ts';
import { JOURNAL_ENDINGS } from './sqlite/journal-endings.ts';
import { writeAll } from './sqlite/wasm/file-copy.ts';
import type { FileHandle, RenamingFileSystem } from './sqlite/wasm/file-system.ts';
import { imageRefused } from './store/image-check.ts';
import type { ImageFile, ImageHead } from './transport/image-file.ts';
import { IMAGE_FILE_HEAD_BYTES } from './transport/image-file.ts';

/** Bytes of a file that are written before they are synced: what a page that is killed fetches again. */
const SYNC_BYTES = 1 << 20;
const READ_BYTES = 256 << 10;

/** For the database `path` of a storage. */
export function browserImagePlaces(fileSystem: RenamingFileSystem, path: string): ImagePlaces {
  const [fetched, draft] = [`${path}-image`, `${path}-adopting`];
  const remove = (...files: readonly string[]): void => {
    for (const file of files) fileSystem.remove(file);
    fileSystem.syncDirectory(fileSystem.directoryOf(path));
  };
  return {
    draft,
    openFetched: async () => new StoredImageFile(fileSystem, fetched),
    inflate: (bytesMax) => inflate(fileSystem, { fetched, draft, bytesMax }),
    isDraftWhole: () => journalsOf(draft).every((file) => (fileSystem.sizeOf(file) ?? 0) === 0),
    swap() {
      // A database that could not be checkpointed when it was closed leaves its log.
      remove(...journalsOf(path), ...journalsOf(draft));
      fileSystem.rename(draft, path);
      fileSystem.syncDirectory(fileSystem.directoryOf(path));
    },
    removeFetched: () => remove(fetched),
    removeDraft: () => remove(draft, ...journalsOf(draft)),
  };
}

function journalsOf(path: string): string[] {
  return JOURNAL_ENDINGS.map((ending) => path + ending);
}

/** A file that grows, synced now and then so that what waits to be saved is bounded. */
class GrowingFile {
  readonly #fileSystem: RenamingFileSystem;
  readonly handle: FileHandle;
  size: number;
  #unsynced = 0;

  constructor(fileSystem: RenamingFileSystem, path: string) {
    this.#fileSystem = fileSystem;
    this.handle = fileSystem.open(path, { create: true });
    this.size = fileSystem.size(this.handle);
  }

  async append(piece: Uint8Array): Promise<void> {
    writeAll(this.#fileSystem, this.handle, piece, this.size);
    this.size += piece.length;
    this.#unsynced += piece.length;
    if (this.#unsynced >= SYNC_BYTES) await this.sync();
  }

  async sync(): Promise<void> {
    this.#unsynced = 0;
    this.#fileSystem.sync(this.handle, { dataOnly: false });
    await this.#fileSystem.whenDurable?.();
  }

  /** Pieces of the file from `start` on. */
  *pieces(start: number): Generator<Uint8Array<ArrayBuffer>> {
    for (let at = start; at < this.size;) {
      const piece = new Uint8Array(Math.min(READ_BYTES, this.size - at));
      const bytes = this.#fileSystem.read(this.handle, piece, at);
      if (bytes === 0) return;
      yield piece.subarray(0, bytes);
      at += bytes;
    }
  }

  clear(): void {
    this.#fileSystem.truncate(this.handle, 0);
    this.size = 0;
  }

  close(): void {
    this.#fileSystem.close(this.handle);
  }
}

/** What was fetched: the hash of the image, then its bytes. */
class StoredImageFile implements ImageFile {
  readonly #file: GrowingFile;

  constructor(fileSystem: RenamingFileSystem, path: string) {
    this.#file = new GrowingFile(fileSystem, path);
  }

  async head(): Promise<ImageHead | undefined> {
    const { size } = this.#file;
    if (size <= IMAGE_FILE_HEAD_BYTES) return undefined;
    const [first] = this.#file.pieces(0);
    return {
      hash: hexFromBytes(first!.subarray(0, IMAGE_FILE_HEAD_BYTES)),
      receivedBytes: size - IMAGE_FILE_HEAD_BYTES,
    };
  }

  async begin(hash: string): Promise<void> {
    await this.clear();
    await this.append(bytesFromHex(hash));
  }

  append(piece: Uint8Array): Promise<void> {
    return this.#file.append(piece);
  }

  /** Web Crypto takes a message whole; an image may be larger than memory. */
  async hashOfBytes(): Promise<string> {
    const hash = sha256.create();
    for (const piece of this.#file.pieces(IMAGE_FILE_HEAD_BYTES)) {
      hash.update(piece);
      // The pages that share the database are answered in between.
      await new Promise((resolve) => setTimeout(resolve));
    }
    return hexFromBytes(hash.digest());
  }

  async clear(): Promise<void> {
    this.#file.clear();
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  /** What was received is kept, whatever ended the transfer. */
  async close(): Promise<void> {
    try {
      await this.#file.sync();
    } finally {
      this.#file.close();
    }
  }
}

interface Inflating {
  readonly fetched: string;
  readonly draft: string;
  readonly bytesMax: number;
}

async function inflate(fileSystem: RenamingFileSystem, { fetched, draft, bytesMax }: Inflating): Promise<void> {
  const source = new GrowingFile(fileSystem, fetched);
  const target = new GrowingFile(fileSystem, draft);
  try {
    const reader = inflated(source).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      if (target.size + piece.value.length > bytesMax) throw imageRefused(TOO_LARGE_INFLATED);
      await target.append(piece.value);
    }
    await target.sync();
  } catch (error) {
    throw isReplicationError(error) ? error : imageRefused(NOT_INFLATABLE, error);
  } finally {
    source.close();
    target.close();
  }
}

function inflated(source: GrowingFile): ReadableStream<Uint8Array> {
  const pieces = source.pieces(IMAGE_FILE_HEAD_BYTES);
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const piece = pieces.next();
      if (piece.done === true) controller.close();
      else controller.enqueue(piece.value);
    },
  });
  return stream.pipeThrough(new DecompressionStream('deflate-raw'));
}
