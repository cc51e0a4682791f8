/**
 * The highest store version in each clock table, read again only after something was written: a database may have
 * hundreds of tables, and every flush, merge and read begins with the question which of them are news.
 *
 * Assumes that this connection alone writes the file. What a transaction wrote is never remembered before its commit,
 * since a rollback takes it back without a trace in the count of changes.
 */
import type { Connection } from '../sqlite/database.ts';
import { clockTable, numberOf, numberOrZero } from './sql-text.ts';

interface Known {
  /** Changes of this connection when they were read. */
  readonly changes: number;
  /** By name, our anchor's included. */
  readonly maxima: ReadonlyMap<string, number>;
}

export class StoredMaxima {
  readonly #connection: Connection;
  readonly #tables: readonly string[];
  readonly #sql: string;
  #known: Known | undefined;
  /** Of a transaction that is not committed. */
  #written: ReadonlyMap<string, number> | undefined;

  constructor(connection: Connection, tables: readonly string[]) {
    this.#connection = connection;
    this.#tables = tables;
    this.#sql = `SELECT ${tables.map((name) => `(SELECT max(db_version) FROM ${clockTable(name)})`).join(', ')}`;
  }

  get all(): ReadonlyMap<string, number> {
    const changes = this.#changes();
    if (this.#known?.changes === changes) return this.#known.maxima;
    const maxima = this.#read();
    if (!this.#connection.inTransaction) this.#known = { changes, maxima };
    return maxima;
  }

  /**
   * Inside of a transaction that raised the versions of these tables and no others, and of which committed() tells.
   *
   * Assumes that the maxima were asked for just before it began.
   */
  after(tables: Iterable<string>): ReadonlyMap<string, number> {
    const before = this.#known?.maxima;
    if (before === undefined) return (this.#written = this.#read());
    const maxima = new Map(before);
    for (const name of tables) {
      const row = this.#connection.prepare(`SELECT max(db_version) FROM ${clockTable(name)}`).get();
      maxima.set(name, numberOrZero(row?.[0]));
    }
    return (this.#written = maxima);
  }

  /** A transaction begins. */
  begin(): void {
    this.#written = undefined;
  }

  /** It was committed: what after() found holds. */
  committed(): void {
    if (this.#written !== undefined) this.#known = { changes: this.#changes(), maxima: this.#written };
    this.#written = undefined;
  }

  /** It was rolled back. */
  forget(): void {
    this.#known = undefined;
    this.#written = undefined;
  }

  #changes(): number {
    return numberOf(this.#connection.prepare('SELECT total_changes()').get()?.[0]);
  }

  #read(): ReadonlyMap<string, number> {
    const row = this.#tables.length === 0 ? [] : (this.#connection.prepare(this.#sql).get() ?? []);
    return new Map(this.#tables.map((name, i) => [name, numberOrZero(row[i])]));
  }
}
