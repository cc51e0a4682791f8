/**
 * Rows of a data file, one by one: CSV with a header line, a JSON array of objects, or one JSON object a line.
 *
 * Refuses what would lose something on the way: rows that are no objects, whole numbers beyond 2^53, broken text.
 * CSV and ndjson are streamed; a JSON array is read whole.
 */
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import { ReplicationError } from '../core/errors.ts';

/** Column -> value as it is bound. CSV values are text; '' stands for an empty field. */
export type DataValue = null | number | string;
export type DataRow = Readonly<Record<string, DataValue>>;

export type DataFormat = 'csv' | 'json' | 'ndjson';

export function dataFormatOf(path: string): DataFormat {
  const ending = extname(path).toLowerCase();
  if (ending === '.csv') return 'csv';
  if (ending === '.json') return 'json';
  if (ending === '.ndjson' || ending === '.jsonl') return 'ndjson';
  throw new ReplicationError('USAGE', `${path}: the data file must end with .csv, .json or .ndjson`);
}

/** Errors  USAGE for a missing file or unknown ending; VALUE_UNSUPPORTED with the row's number for its content. */
export async function* dataRows(path: string): AsyncGenerator<DataRow> {
  const format = dataFormatOf(path);
  if (!existsSync(path)) throw new ReplicationError('USAGE', `${path} is not there: check the path of the data file`);
  let number = 0;
  for await (const row of sourceOf(path, format)) {
    number += 1;
    yield checkedRow(row, `${path}, row ${number}`);
  }
}

function sourceOf(path: string, format: DataFormat): AsyncIterable<unknown> {
  switch (format) {
    case 'csv':
      return csvRows(path);
    case 'json':
      return jsonRows(path);
    case 'ndjson':
      return ndjsonRows(path);
  }
}

async function* csvRows(path: string): AsyncGenerator<unknown> {
  const input = createReadStream(path);
  const parser = parse({ columns: headerOf, bom: true, skip_empty_lines: true });
  input.once('error', (error) => parser.destroy(error));
  try {
    yield* input.pipe(parser);
  } catch (error) {
    throw contentError(path, error);
  } finally {
    input.destroy();
  }
}

/** Of two columns with one name, one would silently win. */
function headerOf(names: readonly string[]): string[] {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new ReplicationError('VALUE_UNSUPPORTED', `two columns are called '${twice}': rename one`);
  return [...names];
}

async function* jsonRows(path: string): AsyncGenerator<unknown> {
  const rows: unknown = parsed(await readFile(path, 'utf8'), path);
  if (!Array.isArray(rows)) {
    throw new ReplicationError('VALUE_UNSUPPORTED', `${path} is no JSON array: write [{...}, ...], or use .ndjson`);
  }
  yield* rows;
}

async function* ndjsonRows(path: string): AsyncGenerator<unknown> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() !== '') yield parsed(line, `${path}, line ${number}`);
  }
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw contentError(where, error);
  }
}

function contentError(where: string, error: unknown): ReplicationError {
  const reason = error instanceof Error ? error.message : String(error);
  return new ReplicationError('VALUE_UNSUPPORTED', `${where}: ${reason}; correct the file`, {}, { cause: error });
}

function checkedRow(row: unknown, where: string): DataRow {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new ReplicationError('VALUE_UNSUPPORTED', `${where} is no object of column names and values`);
  }
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, checkedValue(value, `${where}, ${name}`)]),
  );
}

/** Booleans become 1 and 0, arrays and objects JSON text. */
function checkedValue(value: unknown, where: string): DataValue {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'object') return JSON.stringify(value);
  if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return value as number;
  throw new ReplicationError(
    'VALUE_UNSUPPORTED',
    `${where}: ${String(value)} is too big to be exact; write it as a string`,
  );
}
