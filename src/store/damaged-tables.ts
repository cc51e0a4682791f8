/** The store's own statements over tables that are not as it made them: the file is damaged, or another tool changed it. */
import { isReplicationError, ReplicationError } from '../core/errors.ts';

/** SQLite's primary result code of 'no such column', 'no such table' and whatever a virtual table failed with. */
const ERROR = 1;

/**
 * Runs statements that hold for every whole file.
 *
 * Errors  DATABASE_CORRUPT when SQLite cannot make sense of one of them; what else `work` throws, as it is.
 * Why     A changed byte in the text of a table's definition can leave a file that SQLite reads without complaint.
 */
export function overWholeTables<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isReplicationError(error, 'SQL_ERROR') || error.details.sqliteCode !== ERROR) throw error;
    const message = `a table is not as it was made (${error.message}): restore a backup or sync into a new file`;
    throw new ReplicationError('DATABASE_CORRUPT', message, { sqliteCode: ERROR }, { cause: error });
  }
}
