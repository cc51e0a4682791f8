/** The statements that write whole rows of one table, one row or many at once; merge-fast.ts says when. */
import { SENTINEL_CID } from '../core/change.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { Connection, Statement } from '../sqlite/database.ts';
import { clockTable, keyTable, numberOf, quoted, quotedText } from './sql-text.ts';
import type { StoreContext } from './store-context.ts';
import type { ReplicatedTable } from './table-catalog.ts';
import type { WholeRow } from './whole-row.ts';
import { cellOf } from './whole-row.ts';

/** Cells and rows of the largest statement: more gain little and make long texts. */
const BATCH_CELLS = 192;
const BATCH_ROWS = 64;
/** Fewer rows than a whole batch go by so many, then one by one: each size is a text of its own. */
const FEW_ROWS = 8;

/** Rows that one statement of a table writes at most. */
export function sizeOfBatch({ columns }: ReplicatedTable): number {
  return Math.max(1, Math.min(BATCH_ROWS, Math.floor(BATCH_CELLS / Math.max(1, columns.size))));
}

/** Where the clocks of rows go. */
export interface ClockPlace {
  /** The number of the first row's key; the others follow. */
  readonly firstKey: number;
  readonly version: number;
  readonly ordinal: number;
}

export class WholeRowStatements {
  readonly #connection: Connection;
  readonly #table: ReplicatedTable;
  readonly #sizes: readonly number[];
  readonly #texts: Map<string, string>;
  readonly #compiled = new Map<string, Statement>();

  /** For one transaction; texts are kept as long as the store is open. */
  constructor(
    { connection, wholeRowTexts }: Pick<StoreContext, 'connection' | 'wholeRowTexts'>,
    table: ReplicatedTable,
  ) {
    this.#connection = connection;
    this.#table = table;
    this.#texts = wholeRowTexts.get(table) ?? new Map<string, string>();
    wholeRowTexts.set(table, this.#texts);
    this.#sizes = [sizeOfBatch(table), FEW_ROWS, 1];
  }

  /** Rows in groups of the sizes that there are statements for. */
  *inSizes(rows: readonly WholeRow[]): Iterable<readonly WholeRow[]> {
    for (let start = 0; start < rows.length;) {
      const size = this.#sizes.find((one) => one <= rows.length - start) ?? 1;
      yield size === rows.length ? rows : rows.slice(start, start + size);
      start += size;
    }
  }

  /** The number that the engine would give to the next key. */
  nextKey(): number {
    const statement = this.#statement('next', () => `SELECT max(__crsql_key) FROM ${keyTable(this.#table.name)}`);
    return numberOf(statement.get()?.[0] ?? 0) + 1;
  }

  /** Numbers keys from `first` on; returns how many were unknown, the others are left out. */
  addKeys(rows: readonly WholeRow[], first: number): number {
    const statement = this.#statement(`keys ${rows.length}`, () => keysSql(this.#table, rows.length));
    const params: SqlValue[] = [];
    rows.forEach((row, i) => params.push(first + i, ...row[0]!.key));
    return statement.run(params);
  }

  /** The numbers in use from `first` on. */
  keysFrom(first: number): ReadonlySet<number> {
    const statement = this.#statement(
      'from',
      () => `SELECT __crsql_key FROM ${keyTable(this.#table.name)} WHERE __crsql_key >= ?`,
    );
    return new Set(statement.all([first]).map(([key]) => numberOf(key)));
  }

  addRows(rows: readonly WholeRow[]): void {
    const statement = this.#statement(`rows ${rows.length}`, () => rowsSql(this.#table, rows.length));
    const params: SqlValue[] = [];
    for (const row of rows) {
      params.push(...row[0]!.key);
      let i = 0;
      for (const name of this.#table.columns.keys()) params.push(cellOf(row, i++, name)?.change.val ?? null);
    }
    statement.run(params);
  }

  /** For rows that are alike: what they share is bound once. */
  addClocks(rows: readonly WholeRow[], { firstKey, version, ordinal }: ClockPlace): void {
    const statement = this.#statement(`clocks ${rows.length}`, () => clocksSql(this.#table, rows.length));
    const first = rows[0]!;
    const params: SqlValue[] = [version, ordinal];
    cidsOf(this.#table).forEach((cid, i) => {
      const { colVersion, seq } = cellOf(first, i, cid)!.change;
      params.push(colVersion, seq - first[0]!.change.seq);
    });
    rows.forEach((row, i) => params.push(firstKey + i, row[0]!.change.seq));
    statement.run(params);
  }

  #statement(name: string, sql: () => string): Statement {
    const known = this.#compiled.get(name);
    if (known !== undefined) return known;
    const text = this.#texts.get(name) ?? sql();
    this.#texts.set(name, text);
    const statement = this.#connection.prepare(text);
    this.#compiled.set(name, statement);
    return statement;
  }
}

/** In the order of the clock table, so that its rows are only appended. */
function cidsOf({ columns }: ReplicatedTable): readonly string[] {
  return columns.size === 0 ? [SENTINEL_CID] : [...columns.keys()].sort();
}

function keysSql({ name, keyColumns }: ReplicatedTable, rows: number): string {
  const keys = keyColumns.map((column) => quoted(column.name)).join(', ');
  return `INSERT INTO ${keyTable(name)} (__crsql_key, ${keys}) VALUES ${tuples(rows, keyColumns.length + 1)}
    ON CONFLICT DO NOTHING`;
}

function rowsSql({ name, keyColumns, columns }: ReplicatedTable, rows: number): string {
  const names = [...keyColumns.map((column) => column.name), ...columns.keys()];
  return `INSERT INTO ${quoted(name)} (${names.map(quoted).join(', ')}) VALUES ${tuples(rows, names.length)}`;
}

/** Parameters: version, ordinal; of each column its version and its step of seq; of each row its key and first seq. */
function clocksSql(table: ReplicatedTable, rows: number): string {
  const cids = cidsOf(table);
  const clocks: string[] = [];
  for (let row = 0, key = 2 * cids.length + 3; row < rows; row++, key += 2) {
    cids.forEach((cid, i) => {
      clocks.push(`(?${key}, ${quotedText(cid)}, ?${2 * i + 3}, ?1, ?2, ?${key + 1} + ?${2 * i + 4})`);
    });
  }
  return `INSERT INTO ${clockTable(table.name)} (key, col_name, col_version, db_version, site_id, seq)
    VALUES ${clocks.join(', ')}`;
}

function tuples(count: number, size: number): string {
  const tuple = `(${Array.from({ length: size }, () => '?').join(', ')})`;
  return Array.from({ length: count }, () => tuple).join(', ');
}
