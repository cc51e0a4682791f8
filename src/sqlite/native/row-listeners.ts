/**
 * Row changes of the native engine, heard by temporary triggers: the library has no update hook.
 *
 * Tables made by a call are heard from the next call on. Replication's own tables and virtual ones are not heard.
 */
import type { NativeDatabase } from './better-sqlite.ts';

const FUNCTION = 'crmesh_row_changed';
const TABLES = `SELECT name FROM main.sqlite_schema
  WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE '%!_!_crsql!_%' ESCAPE '!'
    AND name NOT LIKE 'crsql!_%' ESCAPE '!'`;

export class RowListeners {
  readonly #database: NativeDatabase;
  readonly #listeners = new Set<(table: string) => void>();
  #schemaVersion: unknown;
  #installed = false;

  constructor(database: NativeDatabase) {
    this.#database = database;
  }

  add(listener: (table: string) => void): () => void {
    if (!this.#installed) this.#install();
    const own = (table: string): void => listener(table);
    this.#listeners.add(own);
    this.refresh();
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Hears tables that were made since the last time. */
  refresh(): void {
    if (this.#listeners.size === 0) return;
    const [version] = [...this.#database.prepare('PRAGMA main.schema_version').raw(true).iterate()][0] ?? [];
    if (version === this.#schemaVersion) return;
    const tables = [...this.#database.prepare(TABLES).raw(true).iterate()];
    for (const [name] of tables) this.#hear(String(name));
    this.#schemaVersion = version;
  }

  #install(): void {
    this.#installed = true;
    this.#database.function(FUNCTION, { directOnly: false, safeIntegers: true }, (table) => {
      this.#tell(String(table));
      return null;
    });
  }

  #hear(table: string): void {
    for (const operation of ['INSERT', 'UPDATE', 'DELETE']) {
      const trigger = quoted(`crmesh_heard_${operation}_${table}`);
      this.#database.exec(
        `CREATE TEMP TRIGGER IF NOT EXISTS ${trigger} AFTER ${operation} ON main.${quoted(table)}
         BEGIN SELECT ${FUNCTION}('${table.replaceAll("'", "''")}'); END`,
      );
    }
  }

  /** A listener only takes notes; what it throws is dropped, since the change has happened. */
  #tell(table: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(table);
      } catch {
        continue;
      }
    }
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
