/**
 * The best storage of a browser worker: the origin's private files, else an image mirrored to IndexedDB, else memory.
 *
 * Only a storage that does not exist here is passed over. One that is full, damaged or in use is an error: going on
 * with the next would show an empty database. A database that is nowhere yet begins on the mirror where private files
 * are slow, as those of Chromium's private windows are; where it began it stays.
 */
import { allPools, mirrorName, poolName } from './browser-places.ts';
import { isReplicationError, ReplicationError } from './core/errors.ts';
import type { Driver } from './sqlite/database.ts';
import { engineDriver } from './sqlite/wasm/engine-driver.ts';
import { isSlowToWrite } from './sqlite/wasm/file-speed.ts';
import type { RenamingFileSystem } from './sqlite/wasm/file-system.ts';
import { MirrorFileSystem } from './sqlite/wasm/mirror-file-system.ts';
import { MirrorStorage } from './sqlite/wasm/mirror-storage.ts';
import { hasOpfs, OpfsFileSystem } from './sqlite/wasm/opfs-file-system.ts';

/** opfs: private files; mirror: an image in memory, saved to IndexedDB; memory: gone with the tab. */
export type StorageKind = 'opfs' | 'mirror' | 'memory';

export interface BrowserStorage {
  readonly kind: StorageKind;
  readonly driver: Driver;
  readonly fileSystem: RenamingFileSystem;
  /** Where the database lies for the driver. */
  readonly path: string;
  /** Saves what waits and lets the next owner in. */
  end(): Promise<void>;
}

export interface BrowserStorageParts {
  readonly module: WebAssembly.Module;
  /** Compiled statements a connection keeps. */
  readonly statementsMax: number;
  readonly kind?: StorageKind | undefined;
}

/** The browser lets the files of a worker that was killed go a little after its locks. */
const RETRY_MS = 50;
const RETRIES_MAX = 100;
/** Private files on a disk take 0.005 ms for a page on a slow machine; those of a private window 0.5 ms there. */
const PAGE_MS_MAX = 0.2;

/** Opens the storage of the database `name`; `kind` asks for one of them. */
export async function openBrowserStorage(
  name: string,
  { module, statementsMax, kind }: BrowserStorageParts,
): Promise<BrowserStorage> {
  const path = `/${name}`;
  const over = (found: StorageKind, fileSystem: RenamingFileSystem, end: () => Promise<void>): BrowserStorage => ({
    kind: found,
    driver: engineDriver({ module, fileSystem, statementsMax }),
    fileSystem,
    path,
    end,
  });
  const pool = kind === undefined || kind === 'opfs' ? await openPool(name) : undefined;
  const instead = pool !== undefined && kind === undefined ? await insteadOf(pool, name, path) : undefined;
  if (pool !== undefined && instead === undefined) return over('opfs', pool, () => pool.end());
  const mirror = instead ?? (kind === undefined || kind === 'mirror' ? await openMirror(name) : undefined);
  if (mirror !== undefined) return over('mirror', mirror, () => mirror.end());
  if (kind === 'opfs' || kind === 'mirror') {
    throw new ReplicationError('USAGE', `this browser has no storage '${kind}' here: leave the choice to open()`);
  }
  const nowhere = await MirrorFileSystem.load({ load: async () => new Map(), save: async () => {}, close: () => {} });
  return over('memory', nowhere, () => nowhere.end());
}

/** Undefined where there are no private files (old browsers, some private windows). */
async function openPool(name: string): Promise<OpfsFileSystem | undefined> {
  if (!hasOpfs()) return undefined;
  let folder: FileSystemDirectoryHandle;
  try {
    const pools = await allPools({ create: true });
    folder = await pools.getDirectoryHandle(poolName(name), { create: true });
  } catch {
    return undefined;
  }
  for (let tries = 1; ; tries++) {
    try {
      return await OpfsFileSystem.open(folder);
    } catch (error) {
      if (!isReplicationError(error, 'FILE_LOCKED') || tries === RETRIES_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Where this database is, or is to begin, instead of in `pool`, which is ended then. */
async function insteadOf(pool: OpfsFileSystem, name: string, path: string): Promise<MirrorFileSystem | undefined> {
  if (pool.sizeOf(path) !== undefined) return undefined;
  let mirror: MirrorFileSystem | undefined;
  try {
    const test = { path: `${path}-speed`, pageMsMax: PAGE_MS_MAX, now: () => performance.now() };
    mirror = (await savedMirror(name, path)) ?? (isSlowToWrite(pool, test) ? await openMirror(name) : undefined);
    if (mirror === undefined) return undefined;
  } catch (error) {
    await pool.end();
    throw error;
  }
  await pool.end();
  return mirror;
}

/** Undefined where no image has this database. Errors  as of MirrorStorage: an image that cannot be read may have it. */
async function savedMirror(name: string, path: string): Promise<MirrorFileSystem | undefined> {
  const storage = await MirrorStorage.openExisting(mirrorName(name));
  if (storage === undefined) return undefined;
  const mirror = await MirrorFileSystem.load(storage);
  if (mirror.sizeOf(path) !== undefined) return mirror;
  await mirror.end();
  return undefined;
}

async function openMirror(name: string): Promise<MirrorFileSystem | undefined> {
  const storage = await MirrorStorage.open(mirrorName(name));
  return storage === undefined ? undefined : MirrorFileSystem.load(storage);
}
