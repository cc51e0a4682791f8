/**
 * The anchor: an internal replicated row whose only use is its store version.
 *
 * Dropping a table, or losing a file's tail, can leave the stored maximum below a version that was announced; the
 * next write would use that number again. Then the anchor row is written at that version.
 */
import type { Connection } from '../sqlite/database.ts';
import { replicatedTableNames } from './table-catalog.ts';
import { inTransaction } from './transaction.ts';

const ANCHOR = 'crmesh_anchor';

/** Makes `version` the least stored maximum. Not inside a transaction: the first use creates the table. */
export function raiseStoredMax(connection: Connection, version: number): void {
  if (!replicatedTableNames(connection).includes(ANCHOR)) {
    connection.exec(`CREATE TABLE IF NOT EXISTS ${ANCHOR} (id INTEGER PRIMARY KEY NOT NULL, at INTEGER)`);
    connection.prepare(`SELECT crsql_as_crr('${ANCHOR}')`).get();
  }
  inTransaction(connection, () => {
    connection.prepare('SELECT crsql_next_db_version(?)').get([version]);
    connection
      .prepare(`INSERT INTO ${ANCHOR} (id, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at`)
      .run([version]);
  });
}
