/**
 * Reads of the engine's clock tables by plain SQL: the stored maximum, where to cut, and the changes themselves.
 *
 * Faster than the engine's virtual table and free of its pitfalls (descending order ignored, table and key scanned).
 * Always ascending by store version and seq. Knows one catalog: a migration makes a new one.
 */
import type { Change } from '../core/change.ts';
import { changeBytes } from '../core/change.ts';
import type { SiteId } from '../core/site-id.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { bytesEqual } from '../core/sql-value.ts';
import type { Connection } from '../sqlite/database.ts';
import type { SiteRegistry } from './site-registry.ts';
import {
  bytesOf,
  clockIndex,
  clockTable,
  keyTable,
  numberOf,
  numberOrZero,
  quoted,
  quotedText,
  textOf,
} from './sql-text.ts';
import type { ReplicatedTable, TableCatalog } from './table-catalog.ts';
import { readTableCatalog, replicatedTableNames } from './table-catalog.ts';

/** A change as it stands here: `version` is its store version, `site` its author. */
export interface StoredChange {
  readonly version: number;
  readonly site: SiteId;
  readonly change: Change;
}

/** Which rows: store versions (from, to], and authors. */
export interface ClockSelection {
  readonly from: number;
  readonly to: number;
  /** Engine ordinals; `only` and `without` exclude each other. */
  readonly only?: number;
  readonly without?: readonly number[];
}

/** What one read may bring into memory. */
export interface ReadBounds {
  readonly changesMax: number;
  readonly bytesMax: number;
}

export class ClockTables {
  readonly catalog: TableCatalog;
  readonly #connection: Connection;
  readonly #sites: SiteRegistry;
  readonly #tables: readonly ReplicatedTable[];
  readonly #maxSql: string | undefined;

  constructor(connection: Connection, sites: SiteRegistry) {
    this.#connection = connection;
    this.#sites = sites;
    this.catalog = readTableCatalog(connection);
    this.#tables = [...this.catalog.values()];
    const hidden = replicatedTableNames(connection).filter((name) => !this.catalog.has(name));
    const names = [...this.#tables.map(({ name }) => name), ...hidden];
    this.#maxSql =
      names.length === 0
        ? undefined
        : `SELECT ${names.map((name) => `(SELECT max(db_version) FROM ${clockTable(name)})`).join(', ')}`;
  }

  /** The highest store version in use; the only valid end of an own range and of a cursor. */
  storedMax(): number {
    return Math.max(0, ...this.#maxima());
  }

  /** Replicated tables with rows above a store version. */
  tablesAbove(version: number): ReplicatedTable[] {
    const maxima = this.#maxima();
    return this.#tables.filter((_, i) => maxima[i]! > version);
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
   * Where to end a piece of about `changesMax` rows: a store version that is never cut; `to` when all fit.
   *
   * Cost  O(changesMax) steps over indices, nothing sorted.
   */
  cut(selection: ClockSelection, changesMax: number): number {
    const tables = this.tablesAbove(selection.from);
    if (tables.length === 0) return selection.to;
    const first = this.#versionAt(tables, selection, 0);
    const beyond = this.#versionAt(tables, selection, changesMax);
    if (first === undefined || beyond === undefined) return selection.to;
    return beyond > first ? beyond - 1 : beyond;
  }

  /** The first rows of the selection, up to a store version that is never cut; one version is read whole, however large. */
  readPiece(
    selection: ClockSelection,
    { changesMax, bytesMax }: ReadBounds,
  ): { readonly to: number; readonly rows: StoredChange[] } {
    for (let changes = changesMax; changes >= 1; changes = Math.floor(changes / CUT_FACTOR)) {
      const to = this.cut(selection, changes);
      const rows = this.readWithin({ ...selection, to }, bytesMax);
      if (rows !== undefined) return { to, rows };
    }
    const to = this.cut(selection, 1);
    return { to, rows: this.read({ ...selection, to }) };
  }

  /** All rows of the selection in store order. */
  read(selection: ClockSelection): StoredChange[] {
    return this.readWithin(selection, Number.POSITIVE_INFINITY) ?? [];
  }

  /** All rows of the selection, or undefined when they have more bytes than that. */
  readWithin(selection: ClockSelection, bytesMax: number): StoredChange[] | undefined {
    const tables = this.tablesAbove(selection.from);
    const rows: StoredChange[] = [];
    let bytesLeft = bytesMax;
    for (const table of tables) {
      bytesLeft -= this.#readTable(table, selection, { rows, bytesMax: bytesLeft });
      if (bytesLeft < 0) return undefined;
    }
    if (tables.length > 1) rows.sort((a, b) => a.version - b.version || a.change.seq - b.change.seq);
    return rows;
  }

  /** Adds rows until they have more than `bytesMax` bytes, and returns how many they have. */
  #readTable(
    table: ReplicatedTable,
    selection: ClockSelection,
    { rows, bytesMax }: { readonly rows: StoredChange[]; readonly bytesMax: number },
  ): number {
    const statement = this.#connection.prepare(`${selectOf(table)} ${whereOf(selection)} ${ORDER}`);
    let last: Uint8Array = new Uint8Array();
    let bytes = 0;
    for (const row of statement.iterate([selection.from, selection.to])) {
      const pk = bytesOf(row[PACKED_KEY]);
      if (!bytesEqual(pk, last)) last = pk;
      const stored = storedChangeOf(table.name, row, last, this.#sites);
      rows.push(stored);
      bytes += changeBytes(stored.change);
      if (bytes > bytesMax) break;
    }
    return bytes;
  }

  #versionAt(tables: readonly ReplicatedTable[], selection: ClockSelection, offset: number): number | undefined {
    const arms = tables.map(({ name }) => `SELECT c.db_version FROM ${clockTable(name)} AS c ${whereOf(selection)}`);
    const sql = `SELECT * FROM (${arms.join(' UNION ALL ')} ORDER BY 1) LIMIT 1 OFFSET ?3`;
    const row = this.#connection.prepare(sql).get([selection.from, selection.to, offset]);
    return row === undefined ? undefined : numberOf(row[0]);
  }

  #maxima(): number[] {
    if (this.#maxSql === undefined) return [];
    return (this.#connection.prepare(this.#maxSql).get() ?? []).map(numberOrZero);
  }
}

/** A piece with too many bytes is tried again with so many times fewer changes. */
const CUT_FACTOR = 8;

const ORDER = 'ORDER BY c.db_version, c.seq';

const PACKED_KEY = 6;

/** Columns: db_version, seq, site ordinal, cid, col_version, cl, packed key, value. */
function selectOf(table: ReplicatedTable): string {
  const keys = table.keyColumns.map(({ name }) => quoted(name));
  const clock = clockTable(table.name);
  const cases = [...table.columns.keys()].map((name) => `WHEN ${quotedText(name)} THEN b.${quoted(name)}`);
  const value = cases.length === 0 ? 'NULL' : `CASE c.col_name ${cases.join(' ')} END`;
  return `SELECT c.db_version, c.seq, c.site_id, c.col_name, c.col_version, coalesce(s.col_version, 1),
       crsql_pack_columns(${keys.map((key) => `k.${key}`).join(', ')}), ${value}
  FROM ${clock} AS c INDEXED BY ${clockIndex(table.name)}
  JOIN ${keyTable(table.name)} AS k ON k.__crsql_key = c.key
  LEFT JOIN ${clock} AS s ON s.key = c.key AND s.col_name = '-1'
  LEFT JOIN ${quoted(table.name)} AS b ON ${keys.map((key) => `b.${key} = k.${key}`).join(' AND ')}`;
}

function whereOf({ only, without }: ClockSelection): string {
  const range = 'WHERE c.db_version > ?1 AND c.db_version <= ?2';
  if (only !== undefined) return `${range} AND c.site_id = ${only}`;
  if (without !== undefined && without.length > 0) return `${range} AND c.site_id NOT IN (${without.join(', ')})`;
  return range;
}

/** Cells of one row share the bytes of its key. */
function storedChangeOf(table: string, row: readonly SqlValue[], pk: Uint8Array, sites: SiteRegistry): StoredChange {
  const version = numberOf(row[0]);
  const ordinal = numberOf(row[2]);
  const cid = textOf(row[3]);
  const seq = numberOf(row[1]);
  const colVersion = numberOf(row[4]);
  const cl = numberOf(row[5]);
  const val = row[7] ?? null;
  const change: Change =
    ordinal === 0
      ? { table, pk, cid, val, colVersion, cl, seq, version }
      : { table, pk, cid, val, colVersion, cl, seq };
  return { version, site: sites.siteOfOrdinal(ordinal), change };
}
