/**
 * Takes an image as the database file of an open, empty replica on Node: fetched beside it, checked, made a replica
 * with a site id of its own, and then put in its place in one step. Until that step the file stays as it was; after it
 * the whole image is there. Wiring only.
 */
import { createReadStream, createWriteStream, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { codedError, isReplicationError, ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import type { Runtime } from './core/runtime.ts';
import type { ImageTaker, TakeOptions } from './replica/first-sync.ts';
import type { ReplicaPort } from './replica/replica-port.ts';
import type { Driver } from './sqlite/database.ts';
import { lockFile } from './sqlite/file-lock.ts';
import { canonicalPath } from './sqlite/file-path.ts';
import { syncDirectory } from './sqlite/folder.ts';
import { removeSideFile } from './sqlite/side-file.ts';
import { checkImage } from './store/image-check.ts';
import type { Store } from './store/store.ts';
import { openStore } from './store/store.ts';
import { downloadImage, IMAGE_FILE_HEAD_BYTES } from './transport/image-download.ts';
import type { ImageOffer } from './wire/message.ts';

export interface AdoptionParts {
  readonly store: Store;
  readonly replica: ReplicaPort;
  readonly driver: Driver;
  /** The database file. */
  readonly path: string;
  readonly limits: Limits;
  readonly runtime: Runtime;
}

export interface ImageAddress {
  /** The database's. */
  readonly url: string;
  readonly token: () => Promise<string | undefined>;
}

const JOURNALS = ['-wal', '-journal', '-shm'];

/** Errors of take(): IMAGE_REFUSED for an image that is not what it should be; those of the download and the disk. */
export function imageTaker(parts: AdoptionParts, address: ImageAddress): ImageTaker {
  const { store, path } = parts;
  const target = canonicalPath(path);
  const places = { target, fetched: `${target}-image`, draft: `${target}-adopting` };
  let leftOver = true;
  return {
    wants() {
      if (store.isPristine) return true;
      // Of an attempt that was given up, or that ended with the process.
      if (leftOver) removeDrafts(places);
      leftOver = false;
      return false;
    },
    async take(offer, options) {
      try {
        await fetchAndAdopt(parts, address, places, options, offer);
        removeDrafts(places);
      } catch (error) {
        removeDatabase(places.draft);
        if (!isReplicationError(error, 'LINK_LOST') && !isReplicationError(error, 'UNAVAILABLE')) removeDrafts(places);
        throw error;
      }
    },
  };
}

interface Places {
  readonly target: string;
  /** What was fetched of the image, compressed. */
  readonly fetched: string;
  /** The image while it becomes a replica. */
  readonly draft: string;
}

async function fetchAndAdopt(
  parts: AdoptionParts,
  { url, token }: ImageAddress,
  places: Places,
  { signal, onProgress }: TakeOptions,
  offer: ImageOffer,
): Promise<void> {
  const { limits, replica } = parts;
  const given = await token();
  const access = { url, ...(given === undefined ? {} : { token: given }) };
  await downloadImage({ ...access, path: places.fetched, limits, signal, onProgress });
  removeDatabase(places.draft);
  await inflate(places.fetched, places.draft, limits.imageBytesMax);
  if (signal.aborted) throw new ReplicationError('LINK_LOST', 'the link was ended while an image was fetched');
  prepare(parts, places.draft, offer);
  await replica.adopt(() => swap(places));
}

async function inflate(from: string, to: string, bytesMax: number): Promise<void> {
  let bytes = 0;
  const bound = new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      done(bytes > bytesMax ? refused('it is above the limit imageBytesMax when inflated') : null, piece);
    },
  });
  const source = createReadStream(from, { start: IMAGE_FILE_HEAD_BYTES, highWaterMark: 256 << 10 });
  await pipeline(source, createInflateRaw({ chunkSize: 256 << 10 }), bound, createWriteStream(to)).catch(
    (error: unknown) => {
      const code = String((Object(error) as { readonly code?: unknown }).code ?? '');
      throw code.startsWith('Z_') ? refused('it cannot be inflated') : error;
    },
  );
  const file = await open(to, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a replica of the image: a site id and an era of its own, and this database's own schema text. */
function prepare({ store, driver, limits, runtime }: AdoptionParts, draft: string, offer: ImageOffer): void {
  try {
    const connection = driver.open(draft, { mustExist: true });
    try {
      checkImage(connection, store.connection);
    } finally {
      connection.close();
    }
    const { text, hash } = store.schema;
    const randomBytes = (length: number): Uint8Array => runtime.randomBytes(length);
    const adopted = openStore({ driver, path: draft, randomBytes, limits, schema: text });
    try {
      if (adopted.schema.hash !== hash) throw refused('it has another schema');
      if (adopted.storedMax < offer.at) throw refused('it is older than was offered');
    } finally {
      adopted.close();
    }
  } catch (error) {
    const coded = codedError(error);
    throw coded.code === 'IMAGE_REFUSED' ? coded : refused(coded.message, coded);
  }
}

/** The side file first: a file without one that was never marked keeps its site id, whenever the process ends. */
function swap({ target, draft }: Places): void {
  const release = lockFile(target, undefined);
  try {
    removeSideFile(target);
    for (const ending of JOURNALS) rmSync(target + ending, { force: true });
    renameSync(draft, target);
    syncDirectory(dirname(target));
  } finally {
    release();
  }
}

function removeDrafts({ fetched, draft }: Places): void {
  rmSync(fetched, { force: true });
  removeDatabase(draft);
}

function removeDatabase(path: string): void {
  for (const ending of ['', ...JOURNALS, '-lock']) rmSync(path + ending, { force: true });
}

function refused(why: string, cause?: unknown): ReplicationError {
  return new ReplicationError('IMAGE_REFUSED', `the image of the database is not taken: ${why}`, {}, { cause });
}
