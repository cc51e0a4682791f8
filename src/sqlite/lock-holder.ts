/**
 * Who holds a database file: what its lock file says, and whether that process still lives.
 *
 * A pid alone is not enough: pids are used again. The record therefore has the start time of the process where the
 * system tells it, the boot it belongs to, and its pid namespace: a process of another container cannot be
 * asked for, so its lock counts while it is refreshed.
 */
import { readFileSync, readlinkSync, statSync } from 'node:fs';

export interface LockHolder {
  readonly pid: number;
  /** Start of the process in the system's own ticks; null where it does not tell. */
  readonly start: string | null;
  readonly boot: string | null;
  readonly namespace: string | null;
  /** What the owner wants others to know, e.g. the path of its control socket. */
  readonly note: string | null;
}

/** How often a holder touches its lock file, and after what silence another container takes it for gone. */
export const LOCK_REFRESH_MS = 15_000;
const LOCK_SILENCE_MS = 60_000;
/** Without hard links a lock file is empty for a moment; an older one without a record is left from a crash. */
const LOCK_WRITING_MS = 5_000;

export function ownHolder(note: string | undefined): LockHolder {
  return {
    pid: process.pid,
    start: startOf(process.pid),
    boot: textOf('/proc/sys/kernel/random/boot_id'),
    namespace: ownNamespace(),
    note: note ?? null,
  };
}

/** The record in a lock file; undefined if there is none, or nothing of ours in it. */
export function readHolder(lockPath: string): LockHolder | undefined {
  const text = textOf(lockPath);
  if (text === null) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function holderText(holder: LockHolder): string {
  return `${JSON.stringify(holder)}\n`;
}

/** True if the process of the record runs, as far as this process can tell. */
export function isAlive(holder: LockHolder, lockPath: string): boolean {
  const own = ownHolder(undefined);
  if (holder.boot !== own.boot) return false;
  if (holder.namespace !== own.namespace) return isYoungerThan(lockPath, LOCK_SILENCE_MS);
  if (!processExists(holder.pid)) return false;
  return holder.start === null || holder.start === startOf(holder.pid);
}

/** True for a lock file whose record may still be on its way. */
export function isJustMade(lockPath: string): boolean {
  return isYoungerThan(lockPath, LOCK_WRITING_MS);
}

function isHolder(value: unknown): value is LockHolder {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, start, boot, namespace, note } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return false;
  return [start, boot, namespace, note].every((field) => field === null || typeof field === 'string');
}

function isYoungerThan(lockPath: string, ms: number): boolean {
  const touched = statSync(lockPath, { throwIfNoEntry: false })?.mtimeMs;
  return touched !== undefined && Date.now() - touched < ms;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Field 22 of /proc/pid/stat; the name in field 2 may hold blanks and brackets. A zombie has ended. */
function startOf(pid: number): string | null {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

function ownNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
