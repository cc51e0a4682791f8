/**
 * Rows that are unknown here and arrive whole are written directly: key, row and clocks in three statements, instead
 * of one pass of the engine's merge for each cell. The result is the one of the engine, cell by cell.
 *
 * Everything else (a known or deleted row, a row in pieces, a resurrection) goes through the engine. The sync bit
 * keeps the engine's triggers from tracking our writes as local ones; each merge of the engine clears it.
 */
import { SENTINEL_CID } from '../core/change.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { bytesEqual } from '../core/sql-value.ts';
import type { PlannedStep } from './merge-plan.ts';
import type { MergeRow } from './merge-row.ts';
import { clockTable, keyTable, numberOf, quoted } from './sql-text.ts';
import type { Statement } from '../sqlite/database.ts';
import type { StoreContext } from './store-context.ts';
import type { ReplicatedTable } from './table-catalog.ts';
import { clearSyncBit } from './transaction.ts';

/** The cells of one row that was never deleted, each column once, in the order they came. */
export type WholeRow = readonly MergeRow[];

/** The whole row that begins at a step; undefined when the steps there are no whole row. */
export function wholeRowAt(steps: readonly PlannedStep[], index: number): WholeRow | undefined {
  const first = steps[index];
  if (first?.kind !== 'merge' || first.row.change.cl !== 1) return undefined;
  const { columns } = first.row.table;
  if (columns.size === 0) return first.row.change.cid === SENTINEL_CID ? [first.row] : undefined;
  const cells: MergeRow[] = [];
  for (let i = index; i < index + columns.size; i++) {
    const step = steps[i];
    if (step?.kind !== 'merge' || !isCellOf(step.row, first.row)) return undefined;
    cells.push(step.row);
  }
  return new Set(cells.map(({ change }) => change.cid)).size === columns.size ? cells : undefined;
}

function isCellOf({ table, change, site }: MergeRow, first: MergeRow): boolean {
  if (table !== first.table || site !== first.site || change.cl !== 1 || change.cid === SENTINEL_CID) return false;
  return change.pk === first.change.pk || bytesEqual(change.pk, first.change.pk);
}

/** Writes whole rows of one transaction. Call release() before the transaction ends, on every way out. */
export class WholeRowWriter {
  readonly #context: StoreContext;
  readonly #statementsByTable = new Map<ReplicatedTable, WholeRowStatements>();
  #version: number | undefined;
  #syncBit: 'untouched' | 'held' | 'unknown' = 'untouched';

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /**
   * Writes the row if its key is unknown here; false = nothing was done.
   *
   * Errors  what the engine says of a row that this schema cannot store (SQL_ERROR), or of the disk.
   */
  write(row: WholeRow): boolean {
    const { table, key, site } = row[0]!;
    const statements = this.#statementsOf(table);
    const inserted = statements.key.get(key);
    if (inserted === undefined) return false;
    this.#holdSyncBit();
    statements.row.run(valuesOf(table, row));
    const clocks: SqlValue[] = [numberOf(inserted[0]), this.#nextVersion(), this.#context.sites.ordinalOf(site)];
    for (const { change } of row) clocks.push(change.cid, change.colVersion, change.seq);
    statements.clocks.run(clocks);
    return true;
  }

  /** The engine merged a cell: it has cleared the sync bit, unless the cell lost at once. */
  engineMerged(): void {
    if (this.#syncBit === 'held') this.#syncBit = 'unknown';
  }

  /** Local writes are tracked again. */
  release(): void {
    if (this.#syncBit !== 'untouched') clearSyncBit(this.#context.connection);
    this.#syncBit = 'untouched';
  }

  #holdSyncBit(): void {
    if (this.#syncBit !== 'held') this.#context.connection.prepare('SELECT crsql_internal_sync_bit(1)').get();
    this.#syncBit = 'held';
  }

  /** One number for the whole transaction: the one that the engine gives to its merges there. */
  #nextVersion(): number {
    this.#version ??= numberOf(this.#context.connection.prepare('SELECT crsql_next_db_version()').get()?.[0]);
    return this.#version;
  }

  #statementsOf(table: ReplicatedTable): WholeRowStatements {
    const known = this.#statementsByTable.get(table);
    if (known !== undefined) return known;
    const { connection } = this.#context;
    const sql = wholeRowSql(table);
    const statements = {
      key: connection.prepare(sql.key),
      row: connection.prepare(sql.row),
      clocks: connection.prepare(sql.clocks),
    };
    this.#statementsByTable.set(table, statements);
    return statements;
  }
}

interface WholeRowStatements {
  /** Columns: the new key's number; no row when the key is known. */
  readonly key: Statement;
  readonly row: Statement;
  readonly clocks: Statement;
}

function wholeRowSql(table: ReplicatedTable): Record<keyof WholeRowStatements, string> {
  const keys = table.keyColumns.map(({ name }) => quoted(name));
  const columns = [...table.columns.keys()].map(quoted);
  const places = (count: number): string => Array.from({ length: count }, () => '?').join(', ');
  const cells = Math.max(1, columns.length);
  const clocks = Array.from({ length: cells }, (_, i) => `(?1, ?${3 * i + 4}, ?${3 * i + 5}, ?2, ?3, ?${3 * i + 6})`);
  return {
    key: `INSERT INTO ${keyTable(table.name)} (${keys.join(', ')}) VALUES (${places(keys.length)})
      ON CONFLICT DO NOTHING RETURNING __crsql_key`,
    row: `INSERT INTO ${quoted(table.name)} (${[...keys, ...columns].join(', ')})
      VALUES (${places(keys.length + columns.length)})`,
    clocks: `INSERT INTO ${clockTable(table.name)} (key, col_name, col_version, db_version, site_id, seq)
      VALUES ${clocks.join(', ')}`,
  };
}

/** The key and the values in the order of the table's columns. */
function valuesOf(table: ReplicatedTable, row: WholeRow): SqlValue[] {
  const values = [...row[0]!.key];
  let i = 0;
  for (const name of table.columns.keys()) {
    const inPlace = row[i]?.change.cid === name ? row[i] : row.find(({ change }) => change.cid === name);
    values.push(inPlace?.change.val ?? null);
    i += 1;
  }
  return values;
}
