/** Coded errors from what better-sqlite3 throws. */
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import { BUSY, CANTOPEN, CORRUPT, errorFromResultCode, FULL, INTERRUPT, IOERR, NOMEM, NOTADB } from '../result-code.ts';

/** Primary result codes by the name in the error's code, longer names first. */
const CODES: readonly (readonly [string, number])[] = [
  ['SQLITE_CONSTRAINT', 19],
  ['SQLITE_CANTOPEN', CANTOPEN],
  ['SQLITE_CORRUPT', CORRUPT],
  ['SQLITE_NOTADB', NOTADB],
  ['SQLITE_INTERRUPT', INTERRUPT],
  ['SQLITE_IOERR', IOERR],
  ['SQLITE_FULL', FULL],
  ['SQLITE_NOMEM', NOMEM],
  ['SQLITE_BUSY', BUSY],
];

export function errorFromNative(error: unknown): ReplicationError {
  if (isReplicationError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const name = error instanceof Error && 'code' in error ? String(error.code) : '';
  const found = CODES.find(([prefix]) => name.startsWith(prefix));
  if (found !== undefined) return errorFromResultCode(found[1], message, error);
  return new ReplicationError('SQL_ERROR', message, { sqliteCode: 1 }, { cause: error });
}

/** Runs a call of the library and throws its errors coded. */
export function coded<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw errorFromNative(error);
  }
}
