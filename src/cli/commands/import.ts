/** `crmesh import FILE TABLE DATA`: rows of a CSV, JSON or ndjson file into a replicated table. */
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import type { Database } from '../../node.ts';
import { dataFormatOf, dataRows, type DataRow } from '../data-file.ts';
import { holdFile } from '../file-access.ts';
import { importRows } from '../imported-rows.ts';
import { inferredTableText } from '../inferred-table.ts';
import { progressOf, grouped } from '../progress.ts';
import { readSchema } from '../schema-file.ts';
import { unlessStopped } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';

export interface ImportCommandOptions {
  readonly file: string;
  readonly table: string;
  readonly data: string;
  /** Path of a schema text. */
  readonly schema: string | undefined;
  readonly create: boolean;
  readonly key: string | undefined;
}

/** Rows looked at before a table is created for them. */
const inferredRowsMax = 1_000;

export async function importCommand(terminal: Terminal, options: ImportCommandOptions): Promise<void> {
  checkOptions(options);
  const schema = options.schema === undefined ? {} : { schema: readSchema(options.schema) };
  const total = await countedRows(options.data);
  const mustExist = options.schema === undefined && !options.create;
  const held = await holdFile(options.file, { ...schema, mustExist }).catch((error: unknown) => {
    throw isReplicationError(error, 'NO_DATABASE') ? withTableAdvice(error) : error;
  });
  const startedMs = performance.now();
  try {
    if (options.create) await createTable(held.db, options);
    const progress = progressOf(terminal, { label: `import ${options.table}`, total });
    const importing = importRows(held.db, {
      table: options.table,
      rows: dataRows(options.data),
      onBatch: (done) => progress.update(done, { rows: done }),
    });
    const { rows } = await unlessStopped(
      importing,
      'the import',
      'run it again; rows that are there are not written twice',
    );
    progress.end({ rows });
    const ms = Math.round(performance.now() - startedMs);
    terminal.result({ table: options.table, rows, ms }, () => `${grouped(rows)} rows in ${options.table}, ${ms} ms`);
  } finally {
    await held.close();
  }
}

function withTableAdvice(cause: ReplicationError): ReplicationError {
  const message = `${cause.message} (with --schema FILE, or --create --key COLUMN)`;
  return new ReplicationError('NO_DATABASE', message, { ...cause.details }, { cause });
}

function checkOptions({ data, schema, create, key }: ImportCommandOptions): void {
  dataFormatOf(data);
  if (create && schema !== undefined) throw new ReplicationError('USAGE', 'give --schema or --create, not both');
  if (create && key === undefined) throw new ReplicationError('USAGE', '--create needs --key COLUMN: the primary key');
  if (!create && key !== undefined) throw new ReplicationError('USAGE', '--key is for --create only');
}

/** Reads the data once before anything is written: a fault in it leaves the database as it was. */
async function countedRows(path: string): Promise<number> {
  let rows = 0;
  for await (const _row of dataRows(path)) rows += 1;
  return rows;
}

/** Adds a table made for the data; one that is there already is left as it is. */
async function createTable(db: Database, { table, data, key }: ImportCommandOptions): Promise<void> {
  if (Object.hasOwn(db.schema.tables, table)) return;
  const rows: DataRow[] = [];
  for await (const row of dataRows(data)) {
    rows.push(row);
    if (rows.length === inferredRowsMax) break;
  }
  await db.migrate(`${db.schema.text}\n${inferredTableText({ table, key: key!, rows })}`);
}
