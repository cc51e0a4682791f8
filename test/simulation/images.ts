/**
 * First syncs by image in a simulated world: the file that a relay would offer, and how it takes the place of an empty
 * one. What an image is, and whether it is taken, says src/store; here is what the Node door does with files.
 */
import type { DiskSnapshot, MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { checkImage } from '../../src/store/image-check.ts';
import { stripImage } from '../../src/store/image.ts';
import type { Store } from '../../src/store/store.ts';
import type { ImageOffer } from '../../src/wire/message.ts';
import type { Computer } from './computers.ts';

export interface Image {
  readonly offer: ImageOffer;
  readonly bytes: Uint8Array;
}

const IMAGE_PATH = '/image.db';
/** The image while it becomes a replica. */
export const DRAFT_PATH = '/draft.db';

/** Assumes that own writes are announced. */
export function imageOf({ driver, disk }: Computer, store: Store): Image {
  const { identity, storedMax, announced } = store;
  removeDatabase(disk, IMAGE_PATH);
  store.copyForOthers(IMAGE_PATH);
  const connection = driver.open(IMAGE_PATH);
  try {
    stripImage(connection, { site: identity.site, cursor: { nonce: identity.era, at: storedMax }, announced });
  } finally {
    connection.close();
  }
  const bytes = readFile(disk, IMAGE_PATH);
  removeDatabase(disk, IMAGE_PATH);
  return { bytes, offer: { era: identity.era, at: storedMax, bytes: bytes.length, hash: '00'.repeat(32) } };
}

/** Writes an image beside the database, and checks it. Errors  IMAGE_REFUSED. */
export function writeDraft({ driver, disk }: Computer, { bytes }: Image, own: Store): void {
  removeDatabase(disk, DRAFT_PATH);
  const handle = disk.open(DRAFT_PATH, { create: true });
  disk.write(handle, bytes, 0);
  disk.sync(handle);
  disk.close(handle);
  const connection = driver.open(DRAFT_PATH);
  try {
    checkImage(connection, own.connection);
  } finally {
    connection.close();
  }
}

/** The disk once the draft was renamed; the directory is not synced yet. */
export function withDraftInPlace({ live, durable }: DiskSnapshot, path: string): DiskSnapshot {
  const names = new Map([...live].filter(([name]) => !name.startsWith(path)));
  names.set(path, names.get(DRAFT_PATH)!);
  names.delete(DRAFT_PATH);
  return { live: names, durable };
}

function readFile(disk: MemoryFileSystem, path: string): Uint8Array {
  const handle = disk.open(path, { create: false });
  const bytes = new Uint8Array(disk.size(handle));
  disk.read(handle, bytes, 0);
  disk.close(handle);
  return bytes;
}

function removeDatabase(disk: MemoryFileSystem, path: string): void {
  for (const ending of ['', '-wal', '-journal']) disk.remove(path + ending);
}
