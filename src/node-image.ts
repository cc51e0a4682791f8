/**
 * Images of databases as files on Node: copied and stripped in one step, compressed beside the loop, kept until they
 * are removed. Wiring only: store/image.ts says what an image is.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, readdirSync, renameSync, rmSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createDeflateRaw } from 'node:zlib';
import type { DeflateRaw } from 'node:zlib';
import type { DatabaseImage } from './relay/storage.ts';
import type { ReplicaPort } from './replica/replica-port.ts';
import type { Driver } from './sqlite/database.ts';
import type { ImageSource } from './store/image.ts';
import { stripImage } from './store/image.ts';

/** Files of images and of what becomes one: '<dbid>.image-<anything>'. */
const IMAGE_FILE = /\.image-[0-9a-z-]+(?:-wal|-journal|-shm|-lock)?$/;
/** The lower levels are nearly as small and much faster: pages of a database repeat themselves closely. */
const DEFLATE_LEVEL = 2;
const PIECE_BYTES = 256 << 10;

/** Those of an earlier run: nobody knows of which moment they are. */
export function removeImageFiles(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (IMAGE_FILE.test(name)) rmSync(join(folder, name), { force: true });
  }
}

/**
 * Makes an image of an open database in a folder.
 *
 * Cost    the process does nothing else while the file is copied and stripped; compression runs beside it.
 * Errors  STORAGE_FULL, STORAGE_FAILED; CLOSED when the database was closed meanwhile.
 */
export async function makeImageFile(
  replica: ReplicaPort,
  { driver, folder }: { readonly driver: Driver; readonly folder: string },
): Promise<DatabaseImage> {
  const path = join(folder, `${replica.dbid}.image-${randomUUID()}`);
  const draft = `${path}-draft`;
  try {
    const facts = await replica.run(() => copyStripped(replica, driver, draft));
    const { bytes, hash } = await compress(draft, path);
    return { ...facts, bytes, hash, ...fileOf(path) };
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

type Facts = Pick<DatabaseImage, 'site' | 'cursor' | 'schemaHash' | 'changes'>;

/** Inside the loop: own writes are announced and nothing is written between the copy and what is said of it. */
function copyStripped({ store }: ReplicaPort, driver: Driver, draft: string): Facts {
  const { identity, storedMax, announced, schema } = store;
  const source: ImageSource = { site: identity.site, cursor: { nonce: identity.era, at: storedMax }, announced };
  store.copyForOthers(draft);
  const connection = driver.open(draft);
  try {
    stripImage(connection, source);
  } finally {
    connection.close();
  }
  return { site: source.site, cursor: source.cursor, schemaHash: schema.hash, changes: store.countChanges() };
}

/** Renamed when whole: a file under the name of an image is one. */
async function compress(from: string, to: string): Promise<Pick<DatabaseImage, 'bytes' | 'hash'>> {
  const packed = `${to}-packed`;
  const hash = createHash('sha256');
  let bytes = 0;
  const count = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      bytes += piece.length;
      done(null, piece);
    },
  });
  try {
    const deflate = createDeflateRaw({ level: DEFLATE_LEVEL, chunkSize: PIECE_BYTES });
    await Promise.all([pipeline(deflate, count, createWriteStream(packed)), feed(deflate, from)]);
    renameSync(packed, to);
  } finally {
    rmSync(packed, { force: true });
  }
  return { bytes, hash: hash.digest('hex') };
}

/**
 * Writes a file to the stream and ends it; what fails ends the stream, and is told by it.
 *
 * Why  One buffer for all pieces: a read stream takes a new one for each, and V8 waits for 32 MB of them to be garbage.
 */
async function feed(deflate: DeflateRaw, path: string): Promise<void> {
  try {
    const file = await open(path);
    try {
      await writePieces(deflate, file);
    } finally {
      await file.close();
    }
    deflate.end();
  } catch (error) {
    deflate.destroy(error as Error);
  }
}

async function writePieces(deflate: DeflateRaw, file: FileHandle): Promise<void> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) return;
    await written(deflate, buffer.subarray(0, bytesRead));
  }
}

/** Resolves when the stream has taken all of the piece and needs it no more. */
function written(deflate: DeflateRaw, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    deflate.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

function fileOf(path: string): Pick<DatabaseImage, 'read' | 'remove'> {
  return {
    read(from, to) {
      const stream = createReadStream(path, { start: from, end: to - 1, highWaterMark: PIECE_BYTES });
      return Readable.toWeb(stream) as ReadableStream<Uint8Array>;
    },
    remove: () => rmSync(path, { force: true }),
  };
}
