/** `crmesh import FILE TABLE DATA`: rows of a CSV, JSON or ndjson file into a replicated table, also while another process holds it. */
import { resolve } from 'node:path';
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import { dataFormatOf } from '../data-file.ts';
import { withFile } from '../file-access.ts';
import { countedRows, importIntoFile, type ImportReport, type ImportRequest } from '../file-changes.ts';
import { grouped, withProgress } from '../progress.ts';
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

export async function importCommand(terminal: Terminal, options: ImportCommandOptions): Promise<void> {
  checkOptions(options);
  const request = requestOf(options);
  const total = await countedRows(request.data);
  const report = await withProgress(terminal, { label: `import ${request.table}`, total }, async (progress) => {
    const imported = await importThrough(options.file, request, (rows) => progress.update(rows, { rows }));
    progress.end({ rows: imported.rows });
    return imported;
  });
  terminal.result(report, () => `${grouped(report.rows)} rows in ${report.table}, ${report.ms} ms`);
}

async function importThrough(
  file: string,
  request: ImportRequest,
  onBatch: (rows: number) => void,
): Promise<ImportReport> {
  const mustExist = request.schema === undefined && request.key === undefined;
  try {
    return await withFile(file, { mustExist }, { operation: 'import', file, ...request }, (db) =>
      unlessStopped(importIntoFile(db, request, onBatch), 'the import', AGAIN),
    );
  } catch (error) {
    throw isReplicationError(error, 'NO_DATABASE') ? withTableAdvice(error) : error;
  }
}

const AGAIN = 'run it again; rows that are there are not written twice';

function requestOf({ table, data, schema, key }: ImportCommandOptions): ImportRequest {
  return {
    table,
    data: resolve(data),
    ...(schema === undefined ? {} : { schema: readSchema(schema) }),
    ...(key === undefined ? {} : { key }),
  };
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
