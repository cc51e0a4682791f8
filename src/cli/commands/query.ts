/** `crmesh query FILE SQL`: one statement on a database file, also while another process holds it. */
import { withFile } from '../file-access.ts';
import { queryFile } from '../file-operations.ts';
import type { Terminal } from '../terminal.ts';
import { textTable, type TextCell } from '../text-table.ts';

export async function queryCommand(terminal: Terminal, file: string, sql: string): Promise<void> {
  const request = { operation: 'query', file, sql } as const;
  const rows = await withFile(file, { mustExist: true }, request, (db) => queryFile(db, sql));
  terminal.result(rows, () => textTable(rows.map((row) => mapValues(row))));
}

function mapValues(row: Readonly<Record<string, unknown>>): Record<string, TextCell> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cellOf(value)]));
}

function cellOf(value: unknown): TextCell {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as TextCell);
}
