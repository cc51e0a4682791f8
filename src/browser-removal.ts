/**
 * Removes a database of this origin, from whatever storage it lies in. A page that has it open, a frozen one too, holds
 * a lock that says so, and its worker another one. Where a browser has no locks nobody can tell.
 */
import { allPools, lockName, mirrorName, openLockName, poolName } from './browser-places.ts';
import { ReplicationError } from './core/errors.ts';

/** A worker that has just ended, or was killed, lets its lock and then its files go a little later. */
const LOCK_MS_MAX = 1_000;
const RETRY_MS = 50;
const RETRIES_MAX = 100;
const FILES_MS_MAX = RETRY_MS * RETRIES_MAX;

/**
 * Resolves when nothing of the database `name` is here any more; also when nothing was.
 *
 * Errors  FILE_LOCKED while it is open; STORAGE_FAILED with what the browser says; USAGE for a name that is none.
 */
export async function removeDatabase(name: string): Promise<void> {
  if (typeof name !== 'string' || name === '' || name === ':memory:') {
    throw new ReplicationError('USAGE', "remove takes the name of a database that open was given: remove('todo')");
  }
  const { locks } = navigator as { readonly locks?: LockManager };
  try {
    if (locks === undefined) return await removeFiles(name);
    const signal = AbortSignal.timeout(LOCK_MS_MAX);
    const ofWorker = (): Promise<void> => locks.request(lockName(name), { signal }, () => removeFiles(name));
    await locks.request(openLockName(name), { signal }, ofWorker);
  } catch (error) {
    throw nameOf(error) === 'TimeoutError' ? isOpen(name, error) : failed(error);
  }
}

/** Until the returned function is called, or this page is gone, nobody removes the database `name`. */
export function keepFromRemoval(name: string): () => void {
  const { locks } = navigator as { readonly locks?: LockManager };
  const released = new AbortController();
  const { signal } = released;
  const held = locks?.request(openLockName(name), { mode: 'shared', signal }, () =>
    signal.aborted ? undefined : new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
  );
  // Given up before it was had, or not to be had: then nothing is kept here.
  held?.catch(() => undefined);
  return () => released.abort();
}

/** The mirror first: where both are, private files are the database, and an older image must not take their place. */
async function removeFiles(name: string): Promise<void> {
  if (typeof indexedDB !== 'undefined') await removeMirror(name);
  if (typeof FileSystemDirectoryHandle !== 'undefined') await removePool(name);
}

/**
 * Errors  FILE_LOCKED where a connection stays open that no lock told of.
 * Why     The browser does not take the deletion back: it happens when that connection ends, and the error says so.
 */
function removeMirror(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(mirrorName(name));
    const isBlocked = (): void =>
      reject(isOpen(name, undefined, 'close it there: what is in IndexedDB is removed then'));
    request.onblocked = () => setTimeout(isBlocked, FILES_MS_MAX);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(failed(request.error));
  });
}

async function removePool(name: string): Promise<void> {
  // A browser that refuses private files has none.
  const pools = await allPools({ create: false }).catch(() => undefined);
  for (let tries = 1; pools !== undefined; tries++) {
    try {
      return await pools.removeEntry(poolName(name), { recursive: true });
    } catch (error) {
      if (nameOf(error) === 'NotFoundError') return;
      if (nameOf(error) !== 'NoModificationAllowedError') throw error;
      if (tries === RETRIES_MAX) throw isOpen(name, error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function nameOf(error: unknown): string {
  return error instanceof DOMException ? error.name : '';
}

function isOpen(name: string, cause: unknown, advice = 'close it there, then remove it'): ReplicationError {
  const message = `a tab has the database '${name}' open: ${advice}`;
  return new ReplicationError('FILE_LOCKED', message, { pid: null, note: null }, { cause });
}

function failed(error: unknown): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const message = `the database cannot be removed: ${error instanceof Error ? error.message : String(error)}`;
  return new ReplicationError('STORAGE_FAILED', message, {}, { cause: error });
}
