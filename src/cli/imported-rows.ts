/**
 * Writes data rows into a table, about `batchRows` a transaction: small enough that each travels as one commit.
 *
 * A row whose key is there already is updated, and only where a value differs, so importing a file twice writes nothing.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Database, Transaction } from '../node.ts';
import type { DataRow, DataValue } from './data-file.ts';

export const importBatchRows = 2_000;

interface Column {
  readonly name: string;
  readonly type: string;
  /** Position in the primary key from 1; 0 outside it. */
  readonly pk: number;
}

export interface ImportOptions {
  readonly table: string;
  readonly rows: AsyncIterable<DataRow> | Iterable<DataRow>;
  readonly batchRows?: number;
  /** Called after each commit with the rows so far. */
  readonly onBatch?: (rows: number) => void;
}

/** Errors  USAGE for an unknown table, a column it lacks, or a row without its key. */
export async function importRows(db: Database, options: ImportOptions): Promise<{ rows: number }> {
  const columns = await columnsOf(db, options.table);
  const batchRows = options.batchRows ?? importBatchRows;
  let rows = 0;
  let batch: DataRow[] = [];
  const commit = async (): Promise<void> => {
    const write = batch;
    batch = [];
    await db.transaction((tx) => writeRows(tx, { table: options.table, columns, rows: write, before: rows }));
    rows += write.length;
    options.onBatch?.(rows);
  };
  for await (const row of options.rows) {
    batch.push(row);
    if (batch.length >= batchRows) await commit();
  }
  if (batch.length > 0) await commit();
  return { rows };
}

async function columnsOf(db: Database, table: string): Promise<readonly Column[]> {
  const sql = 'SELECT name, type, pk FROM pragma_table_info(?)';
  const columns = await db.query<Column>(sql, [table]);
  if (columns.length > 0) return columns;
  const message = `there is no table '${table}': give its schema with --schema FILE, or --create --key COLUMN`;
  throw new ReplicationError('USAGE', message);
}

interface Writing {
  readonly table: string;
  readonly columns: readonly Column[];
  readonly rows: readonly DataRow[];
  /** Rows written before these, to name the faulty one. */
  readonly before: number;
}

async function writeRows(tx: Transaction, writing: Writing): Promise<void> {
  for (const [index, row] of writing.rows.entries()) {
    const given = writing.columns.filter((column) => row[column.name] !== undefined);
    checkRow(writing, row, writing.before + index + 1);
    const values = given.map((column) => boundValue(column, row[column.name]!));
    await tx.exec(upsertSql(writing, given), values).catch((error: unknown) => {
      throw inRow(writing.before + index + 1, error);
    });
  }
}

/** The same error, which says where in the data it is. */
function inRow(number: number, error: unknown): unknown {
  if (!(error instanceof ReplicationError)) return error;
  return new ReplicationError(error.code, `row ${number}: ${error.message}`, { ...error.details }, { cause: error });
}

function checkRow({ table, columns }: Writing, row: DataRow, number: number): void {
  const unknown = Object.keys(row).find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined) {
    throw new ReplicationError(
      'USAGE',
      `row ${number}: table ${table} has no column '${unknown}'; add it to the schema`,
    );
  }
  const missing = columns.find((column) => column.pk > 0 && (row[column.name] ?? '') === '');
  if (missing !== undefined) throw new ReplicationError('USAGE', `row ${number}: the key '${missing.name}' is empty`);
}

/** An empty CSV field of a column that is no text means NULL; the column's affinity makes numbers of text. */
function boundValue({ type }: Column, value: DataValue): DataValue {
  return value === '' && !/CHAR|CLOB|TEXT/i.test(type) ? null : value;
}

function upsertSql({ table }: Writing, columns: readonly Column[]): string {
  const names = columns.map(({ name }) => `"${name}"`);
  const key = columns.filter(({ pk }) => pk > 0).map(({ name }) => `"${name}"`);
  const others = columns.filter(({ pk }) => pk === 0).map(({ name }) => `"${name}"`);
  const insert = `INSERT INTO "${table}" (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
  if (others.length === 0) return `${insert} ON CONFLICT (${key.join(', ')}) DO NOTHING`;
  const sets = others.map((name) => `${name} = excluded.${name}`).join(', ');
  const differs = others.map((name) => `"${table}".${name} IS NOT excluded.${name}`).join(' OR ');
  return `${insert} ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${sets} WHERE ${differs}`;
}
