/**
 * Merges one change into the engine, and breaks the ties that the engine leaves open.
 *
 * Two sites that delete one row, or write one value, each stay the author on their own replica; each then serves the
 * other's range without the row, and a third replica may hold both claims and never get it. So of equal writes the
 * one of the larger site id stands, everywhere.
 */
import { SENTINEL_CID } from '../core/change.ts';
import type { Change } from '../core/change.ts';
import type { SiteId } from '../core/site-id.ts';
import { siteIdBytes } from '../core/site-id.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { Real, sqlValuesEqual } from '../core/sql-value.ts';
import type { Statement } from '../sqlite/database.ts';
import { endEarlierLife } from './earlier-life.ts';
import { clockTable, keyTable, numberOf, quoted } from './sql-text.ts';
import type { StoreContext } from './store-context.ts';
import type { ReplicatedTable } from './table-catalog.ts';

/** A change that passed its check, with its author. */
export interface MergeRow {
  readonly site: SiteId;
  readonly table: ReplicatedTable;
  readonly key: readonly SqlValue[];
  readonly change: Change;
}

/** Merges rows of one transaction; counts what the engine took, which is cumulative there. */
export class RowMerger {
  readonly #context: StoreContext;
  readonly #insert: Statement;
  readonly #count: Statement;
  readonly #siteBytes = new Map<SiteId, Uint8Array>();
  readonly #localSqlByTable = new Map<ReplicatedTable, string>();
  #impacted: number;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#insert = context.connection.prepare(INSERT);
    this.#count = context.connection.prepare('SELECT crsql_rows_impacted()');
    this.#impacted = this.#rowsImpacted();
  }

  /**
   * Merges one change; true when this store changed.
   *
   * Errors  what the engine says of a row that this schema cannot store (SQL_ERROR), or of the disk.
   * Why     Store version 0 is passed, so the row is stored at the next one here: a peer cannot inflate our numbering.
   */
  merge(row: MergeRow): boolean {
    const { change } = row;
    const { table, pk, cid, val, colVersion, cl, seq } = change;
    this.#insert.run([table, pk, cid, val, colVersion, this.#bytesOf(row.site), cl, seq]);
    const impacted = this.#rowsImpacted();
    if (impacted > this.#impacted) {
      this.#impacted = impacted;
      endEarlierLife(this.#context, row);
      return true;
    }
    return this.#context.faults['tie-break'] !== true && winTie(this.#context, row, this.#localSql(row.table));
  }

  /** After a row failed: what it counted is not a change of the next one. */
  resume(): void {
    this.#impacted = this.#rowsImpacted();
  }

  #rowsImpacted(): number {
    return numberOf(this.#count.get()?.[0]);
  }

  #localSql(table: ReplicatedTable): string {
    const known = this.#localSqlByTable.get(table);
    if (known !== undefined) return known;
    const sql = localSql(table);
    this.#localSqlByTable.set(table, sql);
    return sql;
  }

  #bytesOf(site: SiteId): Uint8Array {
    const cached = this.#siteBytes.get(site);
    if (cached !== undefined) return cached;
    const bytes = siteIdBytes(site);
    this.#siteBytes.set(site, bytes);
    return bytes;
  }
}

const INSERT =
  'INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)';

/** Takes over a cell or sentinel whose stored write is equal but of a smaller site. */
function winTie(context: StoreContext, row: MergeRow, sql: string): boolean {
  const { connection, sites } = context;
  const { change, table } = row;
  const local = connection.prepare(sql).get([change.cid, ...row.key]);
  if (local === undefined) return false;
  const [key, colVersion, ordinal, cl] = local.map(numberOf);
  if (colVersion !== change.colVersion || cl !== change.cl || sites.siteOfOrdinal(ordinal!) >= row.site) return false;
  if (change.cid !== SENTINEL_CID && !winsValue(context, row)) return false;
  connection
    .prepare(
      `UPDATE ${clockTable(table.name)} SET site_id = ?, seq = ?, db_version = crsql_next_db_version()
        WHERE key = ? AND col_name = ?`,
    )
    .run([sites.ordinalOf(row.site), change.seq, key!, change.cid]);
  return true;
}

/** Columns: key, col_version, site ordinal, causal length. */
function localSql(table: ReplicatedTable): string {
  const clock = clockTable(table.name);
  const match = table.keyColumns.map(({ name }, i) => `k.${quoted(name)} = ?${i + 2}`).join(' AND ');
  return `SELECT c.key, c.col_version, c.site_id,
       coalesce((SELECT s.col_version FROM ${clock} AS s WHERE s.key = c.key AND s.col_name = '-1'), 1)
  FROM ${keyTable(table.name)} AS k JOIN ${clock} AS c ON c.key = k.__crsql_key AND c.col_name = ?1
 WHERE ${match}`;
}

/** Whether the cell holds an equal value. REAL 0.0 and -0.0 are equal to the engine: then ours becomes the other's. */
function winsValue({ connection }: StoreContext, { change, table, key }: MergeRow): boolean {
  const match = table.keyColumns.map(({ name }, i) => `${quoted(name)} = ?${i + 1}`).join(' AND ');
  const column = quoted(change.cid);
  const local = connection.prepare(`SELECT ${column} FROM ${quoted(table.name)} WHERE ${match}`).get(key);
  if (local === undefined) return false;
  if (sqlValuesEqual(local[0]!, change.val)) return true;
  if (!isZero(local[0]!) || !isZero(change.val)) return false;
  connection.prepare('SELECT crsql_internal_sync_bit(1)').get();
  try {
    const sql = `UPDATE ${quoted(table.name)} SET ${column} = ?${key.length + 1} WHERE ${match}`;
    connection.prepare(sql).run([...key, change.val]);
  } finally {
    connection.prepare('SELECT crsql_internal_sync_bit(0)').get();
  }
  return true;
}

function isZero(value: SqlValue): boolean {
  return value instanceof Real && value.value === 0;
}
