/** Merges one row inside a savepoint: a row that this schema cannot store leaves no trace. */
import { isReplicationError } from '../core/errors.ts';
import type { MergeRow, RowMerger } from './merge-row.ts';
import type { StoreContext } from './store-context.ts';
import { clearSyncBit } from './transaction.ts';

export interface RowAttempt {
  readonly changed: boolean;
  /** Why the engine cannot store the row; undefined when it did. */
  readonly reason: string | undefined;
}

/**
 * Tries to merge a row.
 *
 * Errors  whatever is not the row's fault: the disk, the engine.
 * Why     A failed merge leaves the engine's sync bit set; local writes would not be tracked from then on.
 */
export function attemptRow(context: StoreContext, merger: RowMerger, row: MergeRow): RowAttempt {
  const { connection, sites } = context;
  connection.prepare('SAVEPOINT crmesh_row').run();
  try {
    const changed = merger.merge(row);
    connection.prepare('RELEASE crmesh_row').run();
    return { changed, reason: undefined };
  } catch (error) {
    if (!isRowFault(error)) throw error;
    connection.prepare('ROLLBACK TO crmesh_row').run();
    connection.prepare('RELEASE crmesh_row').run();
    clearSyncBit(connection);
    sites.forget();
    merger.resume();
    return { changed: false, reason: error.message };
  }
}

/** The engine refused this row (a constraint, a type), nothing is wrong with the database. */
export function isRowFault(error: unknown): error is Error {
  return isReplicationError(error, 'SQL_ERROR');
}
