/** One transaction of the store: all or nothing, and nothing of ours nests inside another. */
import type { Connection } from '../sqlite/database.ts';

/**
 * Runs `work` between BEGIN IMMEDIATE and COMMIT.
 *
 * Errors  whatever `work` or the COMMIT throws, after a rollback.
 * Why     A merge that failed leaves the engine's sync bit set, and the next local write would not be tracked.
 */
export function inTransaction<T>(connection: Connection, work: () => T): T {
  connection.prepare('BEGIN IMMEDIATE').run();
  try {
    const result = work();
    connection.prepare('COMMIT').run();
    return result;
  } catch (error) {
    rollBack(connection);
    throw error;
  }
}

/** Of a broken engine or disk the first error says more than what follows from it. */
function rollBack(connection: Connection): void {
  try {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    clearSyncBit(connection);
  } catch {
    // The caller throws the error that led here.
  }
}

/** A transaction whose commit survives power loss, whatever the database was opened with. */
export function inFullTransaction<T>(
  connection: Connection,
  usual: 'normal' | 'full' | 'never-full',
  work: () => T,
): T {
  return withFullCommits(connection, usual, () => inTransaction(connection, work));
}

/** Runs `work`, whose commits survive power loss. */
export function withFullCommits<T>(connection: Connection, usual: 'normal' | 'full' | 'never-full', work: () => T): T {
  if (usual !== 'normal') return work();
  connection.setDurability('full');
  try {
    return work();
  } finally {
    connection.setDurability('normal');
  }
}

/** Local writes are tracked again; harmless when they were. */
export function clearSyncBit(connection: Connection): void {
  connection.prepare('SELECT crsql_internal_sync_bit(0)').get();
}
