/**
 * Single facts that a store keeps about itself, by name, in the file.
 *
 * shown: own versions up to here may have left the replica. Lower than the announced ones while nobody was there to
 * take them. marked: 1 once a marker was written outside the file. mesh: the name of the mesh that was joined last.
many-sources: 1 once rows of others came but by windows, or a peer lost what it had given.
 */
import type { SqlValue } from '../core/sql-value.ts';
import type { Connection } from '../sqlite/database.ts';
import { numberOf } from './sql-text.ts';

export type NoteName = 'shown' | 'marked' | 'mesh' | 'many-sources';

export function readNote(connection: Connection, name: NoteName): SqlValue | undefined {
  return connection.prepare('SELECT value FROM crmesh_note WHERE name = ?').get([name])?.[0];
}

/** Inside a transaction. */
export function saveNote(connection: Connection, name: NoteName, value: SqlValue): void {
  connection
    .prepare('INSERT INTO crmesh_note (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value')
    .run([name, value]);
}

/** Own versions that may have left; a file without the note may have sent all that it announced. */
export function readShown(connection: Connection): number {
  const shown = readNote(connection, 'shown');
  if (shown !== undefined) return numberOf(shown);
  return numberOf(connection.prepare('SELECT announced FROM crmesh_self').get()?.[0] ?? 0);
}
