/**
 * Reads of the engine's clock tables by plain SQL: the stored maximum, where to cut, and the changes themselves.
 *
 * Faster than the engine's virtual table and free of its pitfalls (descending order ignored, table and key scanned).
 * Always ascending by store version. Knows one catalog: a migration makes a new one.
 */
import type { Change } from '../core/change.ts';
import type { Connection } from '../sqlite/database.ts';
import type { ClockSelection, ReadTarget, StoredChange } from './clock-read.ts';
import { readTable, whereOf } from './clock-read.ts';
import type { SiteRegistry } from './site-registry.ts';
import { clockTable, numberOf } from './sql-text.ts';
import { StoredMaxima } from './stored-maxima.ts';
import type { ReplicatedTable, TableCatalog } from './table-catalog.ts';
import { readTableCatalog, replicatedTableNames } from './table-catalog.ts';

/** What one read may bring into memory. */
export interface ReadBounds {
  readonly changesMax: number;
  readonly bytesMax: number;
}

export interface PieceOf<Row> {
  /** The last store version in it. */
  readonly to: number;
  readonly rows: Row[];
}

type Read<Row> = (selection: ClockSelection, bytesMax: number) => Row[] | undefined;

export class ClockTables {
  readonly catalog: TableCatalog;
  readonly #connection: Connection;
  readonly #sites: SiteRegistry;
  readonly #tables: readonly ReplicatedTable[];
  /** Told of each transaction of the store. */
  readonly maxima: StoredMaxima;

  constructor(connection: Connection, sites: SiteRegistry) {
    this.#connection = connection;
    this.#sites = sites;
    this.catalog = readTableCatalog(connection);
    this.#tables = [...this.catalog.values()];
    const hidden = replicatedTableNames(connection).filter((name) => !this.catalog.has(name));
    this.maxima = new StoredMaxima(connection, [...this.#tables.map(({ name }) => name), ...hidden]);
  }

  /** The highest store version in use; the only valid end of an own range and of a cursor. */
  storedMax(): number {
    return Math.max(0, ...this.maxima.all.values());
  }

  /** storedMax() in a transaction that raised the versions of these tables alone. */
  storedMaxAfter(tables: Iterable<string>): number {
    return Math.max(0, ...this.maxima.after(tables).values());
  }

  /** Replicated tables with rows above a store version. */
  tablesAbove(version: number): ReplicatedTable[] {
    const maxima = this.maxima.all;
    return this.#tables.filter(({ name }) => maxima.get(name)! > version);
  }

  countChanges(): number {
    let count = 0;
    for (const { name } of this.#tables) {
      count += numberOf(this.#connection.prepare(`SELECT count(*) FROM ${clockTable(name)}`).get()?.[0]);
    }
    return count;
  }

  /** How many rows the selection has. */
  count(selection: ClockSelection): number {
    let count = 0;
    for (const { name } of this.tablesAbove(selection.from)) {
      const sql = `SELECT count(*) FROM ${clockTable(name)} AS c ${whereOf(selection)}`;
      count += numberOf(this.#connection.prepare(sql).get([selection.from, selection.to])?.[0]);
    }
    return count;
  }

  /**
   * Where to end a piece of about `changesMax` rows: a store version that is never cut; `to` when all fit. `single`:
   * rows of one version alone, which no piece can cut.
   *
   * Cost  O(changesMax) steps over indices, nothing sorted.
   */
  cut(selection: ClockSelection, changesMax: number): { readonly to: number; readonly single: boolean } {
    const tables = this.tablesAbove(selection.from);
    const first = tables.length === 0 ? undefined : this.#versionAt(tables, selection, 0);
    if (first === undefined) return { to: selection.to, single: true };
    const beyond = this.#versionAt(tables, selection, changesMax) ?? selection.to + 1;
    const to = beyond > first ? beyond - 1 : beyond;
    return { to, single: to === first };
  }

  /** The first rows of the selection, up to a store version that is never cut; one version is read whole, however large. */
  readPiece(selection: ClockSelection, bounds: ReadBounds): PieceOf<StoredChange> {
    return this.#piece(selection, bounds, (piece, bytesMax) => this.#readWithin(piece, bytesMax));
  }

  /** The same as changes alone. */
  readPieceOfChanges(selection: ClockSelection, bounds: ReadBounds): PieceOf<Change> {
    return this.#piece(selection, bounds, (piece, bytesMax) => this.readChanges(piece, bytesMax));
  }

  #piece<Row>(selection: ClockSelection, { changesMax, bytesMax }: ReadBounds, read: Read<Row>): PieceOf<Row> {
    for (let changes = changesMax; ; changes = Math.floor(changes / CUT_FACTOR)) {
      const { to, single } = this.cut(selection, Math.max(1, changes));
      const rows = read({ ...selection, to }, single || changes <= 1 ? Number.POSITIVE_INFINITY : bytesMax);
      if (rows !== undefined) return { to, rows };
    }
  }

  /**
   * All changes of the selection in store order, or undefined when they have more bytes than that.
   *
   * Why  Of one table there may be very many, and nothing beside them is kept: they come in order.
   */
  readChanges(selection: ClockSelection, bytesMax: number): Change[] | undefined {
    const tables = this.tablesAbove(selection.from);
    if (tables.length > 1) return this.#readWithin(selection, bytesMax)?.map(({ change }) => change);
    const changes: Change[] = [];
    const take = (cells: readonly StoredChange[]): void => {
      for (const { change } of cells) changes.push(change);
    };
    return this.#readTables(tables, selection, { take, bytesMax }) ? changes : undefined;
  }

  #readWithin(selection: ClockSelection, bytesMax: number): StoredChange[] | undefined {
    const tables = this.tablesAbove(selection.from);
    const rows: StoredChange[] = [];
    const take = (cells: readonly StoredChange[]): void => {
      for (const cell of cells) rows.push(cell);
    };
    if (!this.#readTables(tables, selection, { take, bytesMax })) return undefined;
    if (tables.length > 1) rows.sort((a, b) => a.version - b.version || a.place - b.place);
    return rows;
  }

  /** False when they have more bytes than that. */
  #readTables(tables: readonly ReplicatedTable[], selection: ClockSelection, { take, bytesMax }: ReadTarget): boolean {
    const source = { connection: this.#connection, sites: this.#sites };
    let bytesLeft = bytesMax;
    for (const table of tables) {
      bytesLeft -= readTable(source, table, selection, { take, bytesMax: bytesLeft });
      if (bytesLeft < 0) return false;
    }
    return true;
  }

  #versionAt(tables: readonly ReplicatedTable[], selection: ClockSelection, offset: number): number | undefined {
    const arms = tables.map(({ name }) => `SELECT c.db_version FROM ${clockTable(name)} AS c ${whereOf(selection)}`);
    const sql = `SELECT * FROM (${arms.join(' UNION ALL ')} ORDER BY 1) LIMIT 1 OFFSET ?3`;
    const row = this.#connection.prepare(sql).get([selection.from, selection.to, offset]);
    return row === undefined ? undefined : numberOf(row[0]);
  }
}

/** A piece with too many bytes is tried again with so many times fewer changes. */
const CUT_FACTOR = 8;
