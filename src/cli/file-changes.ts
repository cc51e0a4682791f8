/**
 * What the command changes in an open database: a new schema, rows of a data file. Like file-operations.ts it does so
 * for itself or on behalf of another process; arguments and answers are plain JSON values, paths are absolute.
 */
import { isReplicationError } from '../core/errors.ts';
import type { Database } from '../node.ts';
import { dataRows, type DataRow } from './data-file.ts';
import { importRows } from './imported-rows.ts';
import { inferredTableText } from './inferred-table.ts';

export interface ImportRequest {
  readonly table: string;
  /** Path of the data file. */
  readonly data: string;
  /** A schema text to migrate to first. */
  readonly schema?: string;
  /** The primary key of a table made for the data, where it is not there yet. */
  readonly key?: string;
}

export interface ImportReport {
  readonly table: string;
  readonly rows: number;
  readonly ms: number;
}

/** Rows looked at before a table is created for them. */
const inferredRowsMax = 1_000;

/** Reads the data once before anything is written: a fault in it leaves the database as it was. */
export async function countedRows(path: string): Promise<number> {
  let rows = 0;
  for await (const _row of dataRows(path)) rows += 1;
  return rows;
}

export async function importIntoFile(
  db: Database,
  request: ImportRequest,
  onBatch?: (rows: number) => void,
): Promise<ImportReport> {
  const { table, data, schema } = request;
  const startedMs = performance.now();
  if (schema !== undefined) await db.migrate(schema);
  await createTable(db, request);
  const { rows } = await importRows(db, {
    table,
    rows: dataRows(data),
    ...(onBatch === undefined ? {} : { onBatch }),
  });
  return { table, rows, ms: Math.round(performance.now() - startedMs) };
}

/** Adds a table made for the data; one that is there already is left as it is. */
async function createTable(db: Database, { table, data, key }: ImportRequest): Promise<void> {
  if (key === undefined || Object.hasOwn(db.schema.tables, table)) return;
  const rows: DataRow[] = [];
  for await (const row of dataRows(data)) {
    rows.push(row);
    if (rows.length === inferredRowsMax) break;
  }
  // The text may end without a semicolon, or in a comment.
  await db.migrate(`${db.schema.text}\n;\n${inferredTableText({ table, key, rows })}`);
}

export interface MigrateRequest {
  readonly schema: string;
  readonly plan: boolean;
  readonly allowDestructive: boolean;
}

export interface MigrateReport {
  readonly outcome: string;
  readonly plan: boolean;
  readonly steps: readonly MigrateStep[];
}

export interface MigrateStep {
  readonly action: string;
  readonly table: string;
  readonly column?: string;
  readonly refused?: boolean;
  readonly reason?: string;
  readonly instead?: string;
}

/** A schema that is refused is an answer, with the steps that would lose something. */
export async function migrateFile(db: Database, request: MigrateRequest): Promise<MigrateReport> {
  const { schema, plan, allowDestructive } = request;
  try {
    const { outcome, steps } = await db.migrate(schema, { plan, allowDestructive });
    return { outcome, plan, steps };
  } catch (error) {
    if (!isReplicationError(error, 'SCHEMA_REFUSED') || !Array.isArray(error.details['steps'])) throw error;
    return { outcome: 'refused', plan, steps: error.details['steps'] as MigrateStep[] };
  }
}
