/**
 * Images of databases as files on Node: copied and stripped in one step, compressed beside the loop, kept until they
 * are removed. Wiring only: store/image.ts says what an image is.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Packed } from './node-image-pack.ts';
import { packFile } from './node-image-pack.ts';
import type { DatabaseImage } from './relay/storage.ts';
import type { ReplicaPort } from './replica/replica-port.ts';
import type { Driver } from './sqlite/database.ts';
import type { ImageSource } from './store/image.ts';
import { stripImage } from './store/image.ts';

/** Files of images and of what becomes one: '<dbid>.image-<anything>'. */
const IMAGE_FILE = /\.image-[0-9a-z-]+(?:-wal|-journal|-shm|-lock)?$/;

const PIECE_BYTES = 256 << 10;

/** Where what is called so may lie in a folder until this process ends; what it leaves there removeImageFiles takes. */
export function passingFile(folder: string, name: string): string {
  return join(folder, `${name}.image-${randomUUID()}`);
}

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
  const path = passingFile(folder, replica.dbid);
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
async function compress(from: string, to: string): Promise<Packed> {
  const packed = `${to}-packed`;
  try {
    const facts = await packFile(from, packed);
    renameSync(packed, to);
    return facts;
  } finally {
    rmSync(packed, { force: true });
  }
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
