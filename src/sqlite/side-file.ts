/**
 * A small file beside a database file, `<file>-site`: a text that is replaced whole, and a few numbers that are
 * written in place. Node only.
 *
 * It also says whether the database file is still the one that it was written for: another inode, or another time of
 * birth, means that the file was copied here; a file that changed while it was closed was replaced in place. Assumes
 * that the caller holds the file's lock while it writes. What cannot be read as a side file counts as none.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type BigIntStats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { ReplicationError } from '../core/errors.ts';
import { canonicalPath } from './file-path.ts';
import { syncDirectory } from './folder.ts';

export interface SideRecord {
  readonly text: string;
  readonly counter: number;
  /** Why the database file is another one than the record was written for; undefined when it is not. */
  readonly foreign: string | undefined;
}

const ENDING = '-site';
const FULL_CODES = new Set(['ENOSPC', 'EDQUOT']);
/** `crmesh-site 1 COUNTER BYTES MTIME`: all numbers in fixed width, bytes and mtime 0 while the database is open. */
const HEAD = /^crmesh-site 1 (\d{16}) (\d{16}) (\d{20})$/;

/** Where the side file of a database lies. */
export function sideFilePath(databasePath: string): string {
  return canonicalPath(databasePath) + ENDING;
}

/** Removes the side file of a database that is gone, or that is to be told from what lay there before. */
export function removeSideFile(databasePath: string): void {
  rmSync(sideFilePath(databasePath), { force: true });
}

export class SideFile {
  readonly #databasePath: string;
  readonly #path: string;
  /** As found before the database was opened: opening it changes it. */
  readonly #found: { readonly head: Head; readonly stats: BigIntStats } | undefined;

  /** Make it before the database is opened. */
  constructor(databasePath: string) {
    this.#databasePath = canonicalPath(databasePath);
    this.#path = this.#databasePath + ENDING;
    const head = headOf(this.#textOrNone()?.split('\n')[0]);
    const stats = statsOf(this.#databasePath);
    this.#found = head === undefined || stats === undefined ? undefined : { head, stats };
  }

  read(): SideRecord | undefined {
    const [first, second] = this.#textOrNone()?.split('\n') ?? [];
    const head = headOf(first);
    const body = bodyOf(second);
    if (head === undefined || body === undefined) return undefined;
    return { text: body.text, counter: head.counter, foreign: this.#foreign(head, body) };
  }

  /** Replaces all; durable when it returns. Errors  STORAGE_FULL, STORAGE_FAILED. */
  write(text: string, counter: number): void {
    const content = `${headText({ counter, bytes: 0n, mtime: 0n })}\n${bodyText(text, statsOf(this.#databasePath))}\n`;
    this.#attempt(() => {
      // One writer holds the lock, so one name will do, and nothing is left behind by a crash but this.
      const draft = `${this.#path}-new`;
      const file = openSync(draft, 'w', 0o600);
      try {
        writeSync(file, content);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(draft, this.#path);
      syncDirectory(dirname(this.#path));
    });
  }

  /** Writes the counter in place, without a sync: it outlives the process. False when there is no file to write to. */
  raise(counter: number): boolean {
    try {
      this.#patch({ counter, bytes: 0n, mtime: 0n });
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw failure(this.#path, error);
    }
  }

  /** Notes what the closed database file looks like; what cannot be noted is not compared later. */
  noteClosed(counter: number): void {
    const stats = statsOf(this.#databasePath);
    if (stats === undefined) return;
    try {
      this.#patch({ counter, bytes: stats.size, mtime: stats.mtimeNs });
    } catch {
      // The folder is gone, and the database with it.
    }
  }

  #patch(head: Head): void {
    const file = openSync(this.#path, 'r+');
    try {
      writeSync(file, headText(head), 0);
    } finally {
      closeSync(file);
    }
  }

  #foreign(head: Head, body: Body): string | undefined {
    const now = statsOf(this.#databasePath);
    if (now === undefined || !isSameFile(body, now)) return 'the file was copied here from another place';
    const found = this.#found;
    // Closed by another process between the two looks: what was found is older than the record.
    if (found === undefined || headText(found.head) !== headText(head) || head.mtime === 0n) return undefined;
    const asClosed = found.stats.size === head.bytes && found.stats.mtimeNs === head.mtime;
    return asClosed ? undefined : 'the file was replaced or changed by another program while it was closed';
  }

  #textOrNone(): string | undefined {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw failure(this.#path, error);
    }
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw failure(this.#path, error);
    }
  }
}

interface Head {
  readonly counter: number;
  readonly bytes: bigint;
  readonly mtime: bigint;
}

interface Body {
  readonly text: string;
  readonly inode: string;
  /** Nanoseconds; '0' where the file system does not tell. */
  readonly birth: string;
}

function headText({ counter, bytes, mtime }: Head): string {
  const numbers = [String(counter).padStart(16, '0'), String(bytes).padStart(16, '0'), String(mtime).padStart(20, '0')];
  return `crmesh-site 1 ${numbers.join(' ')}`;
}

function headOf(line: string | undefined): Head | undefined {
  const found = HEAD.exec(line ?? '');
  if (found === null) return undefined;
  const counter = Number(found[1]);
  return Number.isSafeInteger(counter) ? { counter, bytes: BigInt(found[2]!), mtime: BigInt(found[3]!) } : undefined;
}

function bodyText(text: string, stats: BigIntStats | undefined): string {
  // A file system without times of birth shows the time of the last change instead.
  const birth = stats === undefined || stats.birthtimeNs === stats.ctimeNs ? 0n : stats.birthtimeNs;
  return JSON.stringify({ text, inode: String(stats?.ino ?? 0n), birth: String(birth) });
}

function bodyOf(line: string | undefined): Body | undefined {
  try {
    const { text, inode, birth } = Object(JSON.parse(line ?? '')) as Record<string, unknown>;
    const known = typeof text === 'string' && typeof inode === 'string' && typeof birth === 'string';
    return known ? { text, inode, birth } : undefined;
  } catch {
    return undefined;
  }
}

/** On Linux nobody can set a time of birth, and some file systems number inodes anew; elsewhere it is the other way round. */
function isSameFile({ inode, birth }: Body, now: BigIntStats): boolean {
  const tellsBirth = process.platform === 'linux' && birth !== '0' && now.birthtimeNs > 0n;
  return tellsBirth ? birth === String(now.birthtimeNs) : inode === String(now.ino);
}

function statsOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

function failure(path: string, error: unknown): ReplicationError {
  const reason = error instanceof Error ? error.message : String(error);
  const code = FULL_CODES.has(codeOf(error)) ? 'STORAGE_FULL' : 'STORAGE_FAILED';
  const message = `${path} cannot be used (${reason}): check the folder and its permissions`;
  return new ReplicationError(code, message, {}, { cause: error });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
