/**
 * One owner a database file: neither engine locks it in a way that the other, or a second process, respects.
 *
 * Two walls. The operating system's socket or pipe name (lock-socket.ts) decides at once and dies with its process.
 * The lock file `<file>-lock` beside the database, made by link(), says who has it, and holds where there is no
 * such name, or where it is not seen (another container). A lock file whose process is gone is taken over.
 * Assumes that one machine uses a file: locks do not travel over network drives.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { ReplicationError } from '../core/errors.ts';
import { canonicalPath } from './file-path.ts';
import {
  holderText,
  isAlive,
  isJustMade,
  LOCK_REFRESH_MS,
  type LockHolder,
  ownHolder,
  readHolder,
} from './lock-holder.ts';
import { takeLockSocket } from './lock-socket.ts';

/** Errors of link() on file systems that have no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
/** A lock file that changes hands more often than this while we look is left to the others. */
const ATTEMPTS_MAX = 5;

/**
 * Takes the file for this process and returns what gives it back.
 *
 * Errors  FILE_LOCKED {pid, note} if somebody has it, this process included; the file layer's errors as they come.
 */
export function lockFile(path: string, note: string | undefined): () => void {
  const canonical = canonicalPath(path);
  const socket = takeLockSocket(canonical);
  const lockPath = lockPathOf(canonical);
  if (socket.outcome === 'taken') throw locked(canonical, readHolder(lockPath));
  const releaseSocket = socket.outcome === 'held' ? socket.release : () => {};
  try {
    const text = holderText(ownHolder(note));
    claim(canonical, text);
    return releaseOf(lockPath, text, releaseSocket);
  } catch (error) {
    releaseSocket();
    throw error;
  }
}

/** Who has the file now; undefined if nobody has. */
export function lockHolderOf(path: string): LockHolder | undefined {
  const lockPath = lockPathOf(canonicalPath(path));
  const holder = readHolder(lockPath);
  return holder !== undefined && isAlive(holder, lockPath) ? holder : undefined;
}

function lockPathOf(canonical: string): string {
  return `${canonical}-lock`;
}

function claim(canonical: string, text: string): void {
  const lockPath = lockPathOf(canonical);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (createLockFile(lockPath, text)) return;
    const holder = readHolder(lockPath);
    const isHeld = holder === undefined ? isJustMade(lockPath) : isAlive(holder, lockPath);
    if (isHeld) throw locked(canonical, holder);
    removeStale(lockPath, holder);
  }
  throw locked(canonical, readHolder(lockPath));
}

/** True if the lock file is now ours; it appears with its whole text or not at all. */
function createLockFile(lockPath: string, text: string): boolean {
  const draft = `${lockPath}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { flag: 'wx' });
  try {
    linkSync(draft, lockPath);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!NO_LINKS.has(codeOf(error))) throw error;
    return createWithoutLinks(lockPath, text);
  } finally {
    unlinkSync(draft);
  }
}

function createWithoutLinks(lockPath: string, text: string): boolean {
  try {
    writeFileSync(lockPath, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Moves the lock file away and looks at what was moved: another process may have taken it over meanwhile. */
function removeStale(lockPath: string, stale: LockHolder | undefined): void {
  const moved = `${lockPath}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(lockPath, moved);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const found = readHolder(moved);
  const isOther = found !== undefined && (stale === undefined || holderText(found) !== holderText(stale));
  if (isOther) putBack(moved, lockPath);
  unlinkSync(moved);
}

function putBack(moved: string, lockPath: string): void {
  try {
    linkSync(moved, lockPath);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function releaseOf(lockPath: string, text: string, releaseSocket: () => void): () => void {
  const refresh = setInterval(() => touch(lockPath), LOCK_REFRESH_MS);
  refresh.unref();
  return () => {
    clearInterval(refresh);
    try {
      if (readFileSync(lockPath, 'utf8') === text) unlinkSync(lockPath);
    } catch {
      // The folder is gone, and the lock file with it.
    }
    releaseSocket();
  };
}

function touch(lockPath: string): void {
  const now = Date.now() / 1000;
  try {
    utimesSync(lockPath, now, now);
  } catch {
    // Somebody removed the lock file; the socket still holds.
  }
}

function locked(path: string, holder: LockHolder | undefined): ReplicationError {
  const { pid, note } = holder ?? { pid: null, note: null };
  const who = pid === null ? 'another process' : pid === process.pid ? 'this process' : `process ${pid}`;
  const message = `${path} is open in ${who}: close it there, or reach it through that process`;
  return new ReplicationError('FILE_LOCKED', message, { pid, note });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
