/** SQLite's result codes in use, and the coded error that stands for each. */
import { type ErrorCode, ReplicationError } from '../core/errors.ts';

export const OK = 0;
export const ERROR = 1;
export const BUSY = 5;
export const NOMEM = 7;
export const INTERRUPT = 9;
export const IOERR = 10;
export const CORRUPT = 11;
export const NOTFOUND = 12;
export const FULL = 13;
export const CANTOPEN = 14;
export const NOTADB = 26;
export const ROW = 100;
export const DONE = 101;
export const IOERR_READ: number = IOERR | (1 << 8);
export const IOERR_SHORT_READ: number = IOERR | (2 << 8);
export const IOERR_WRITE: number = IOERR | (3 << 8);
export const IOERR_FSYNC: number = IOERR | (4 << 8);
export const IOERR_TRUNCATE: number = IOERR | (6 << 8);
export const IOERR_FSTAT: number = IOERR | (7 << 8);
export const IOERR_DELETE: number = IOERR | (10 << 8);
export const IOERR_DELETE_NOENT: number = IOERR | (23 << 8);

const CODES = new Map<number, readonly [ErrorCode, string]>([
  [FULL, ['STORAGE_FULL', 'free space on the disk, then try again']],
  [IOERR, ['STORAGE_FAILED', 'check the disk and the permissions of the database file']],
  [CANTOPEN, ['STORAGE_FAILED', 'check that the folder exists and may be written']],
  [CORRUPT, ['DATABASE_CORRUPT', 'restore a backup or sync into a new file']],
  [NOTADB, ['DATABASE_CORRUPT', 'this file is no SQLite database: name another one']],
  [INTERRUPT, ['QUERY_TIMEOUT', 'make the query cheaper or allow it more time']],
  [NOMEM, ['ENGINE_FAILED', 'the engine is out of memory: read or write less at once']],
]);

/**
 * The error of a failed call.
 *
 * Shape   details.sqliteCode is SQLite's primary result code, so that a caller can tell a constraint (19) apart.
 */
export function errorFromResultCode(resultCode: number, message: string, cause?: unknown): ReplicationError {
  const primary = resultCode & 0xff;
  const [code, advice] = CODES.get(primary) ?? ['SQL_ERROR', ''];
  const text = advice === '' ? message : `${message}: ${advice}`;
  return new ReplicationError(code, text, { sqliteCode: primary }, cause === undefined ? undefined : { cause });
}
