/**
 * Rows that are unknown here and arrive whole are written directly, many by one statement of each kind (keys, rows,
 * clocks), instead of one pass of the engine's merge for each cell. The result is the one of the engine, cell by cell.
 *
 * Everything else (a known or deleted row, a row in pieces, a resurrection) goes through the engine. The sync bit
 * keeps the engine's triggers from tracking our writes as local ones; each merge of the engine clears it.
 */
import { numberOf } from './sql-text.ts';
import type { StoreContext } from './store-context.ts';
import type { ReplicatedTable } from './table-catalog.ts';
import { clearSyncBit } from './transaction.ts';
import type { WholeRow } from './whole-row.ts';
import { isAlike } from './whole-row.ts';
import { sizeOfBatch, WholeRowStatements } from './whole-row-sql.ts';

/** Rows of one table and author that wait for a statement; they differ in key, values and first seq only. */
interface Batch {
  readonly table: ReplicatedTable;
  readonly statements: WholeRowStatements;
  rows: WholeRow[];
}

/** Writes whole rows of one transaction. Call release() before the transaction ends, on every way out. */
export class WholeRowWriter {
  readonly #context: StoreContext;
  readonly #batches = new Map<ReplicatedTable, Batch>();
  #version: number | undefined;
  #written = 0;
  #syncBit: 'untouched' | 'held' | 'unknown' = 'untouched';

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** Rows written so far. */
  get written(): number {
    return this.#written;
  }

  /**
   * Takes a row, to be written with others; returns rows that are known here, which are left to the engine.
   *
   * Errors  what the engine says of a row that this schema cannot store (SQL_ERROR), or of the disk.
   */
  add(row: WholeRow): readonly WholeRow[] {
    const batch = this.#batchOf(row[0]!.table);
    const known = batch.rows.length === 0 || isAlike(row, batch.rows[0]!) ? NO_ROWS : this.#writeBatch(batch);
    batch.rows.push(row);
    return batch.rows.length < sizeOfBatch(batch.table) ? known : [...known, ...this.#writeBatch(batch)];
  }

  /** Writes what waits; returns and errors as add(). Call it before the engine merges anything, and at the end. */
  flush(): readonly WholeRow[] {
    const known: WholeRow[] = [];
    for (const batch of this.#batches.values()) if (batch.rows.length > 0) known.push(...this.#writeBatch(batch));
    return known;
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

  /** Writes the rows whose keys are unknown here and returns the others; a key that comes twice is known by then. */
  #writeBatch(batch: Batch): readonly WholeRow[] {
    const { rows, statements } = batch;
    batch.rows = [];
    const known: WholeRow[] = [];
    for (const some of statements.inSizes(rows)) {
      const first = statements.nextKey();
      if (statements.addKeys(some, first) === some.length) {
        this.#writeRows(batch, some, first);
        continue;
      }
      const added = statements.keysFrom(first);
      some.forEach((row, i) => {
        if (added.has(first + i)) this.#writeRows(batch, [row], first + i);
        else known.push(row);
      });
    }
    return known;
  }

  #writeRows({ statements }: Batch, rows: readonly WholeRow[], firstKey: number): void {
    this.#holdSyncBit();
    const ordinal = this.#context.sites.ordinalOf(rows[0]![0]!.site);
    statements.addRows(rows);
    statements.addClocks(rows, { firstKey, version: this.#nextVersion(), ordinal });
    this.#written += rows.length;
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

  #batchOf(table: ReplicatedTable): Batch {
    const known = this.#batches.get(table);
    if (known !== undefined) return known;
    const batch: Batch = { table, statements: new WholeRowStatements(this.#context, table), rows: [] };
    this.#batches.set(table, batch);
    return batch;
  }
}

const NO_ROWS: readonly WholeRow[] = [];
