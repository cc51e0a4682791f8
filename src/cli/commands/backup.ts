/** `crmesh backup FILE OUT`: a consistent copy of a database file, also while another process holds it. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ReplicationError } from '../../core/errors.ts';
import { withFile } from '../file-access.ts';
import { backupFile } from '../file-operations.ts';
import { grouped, megabytes } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

export async function backupCommand(terminal: Terminal, file: string, to: string): Promise<void> {
  const out = resolve(to);
  if (existsSync(out)) throw new ReplicationError('FILE_EXISTS', `${out} is there already: name another, or remove it`);
  const request = { operation: 'backup', file, out } as const;
  const report = await withFile(file, { mustExist: true }, request, (db) => backupFile(db, out));
  terminal.result(
    { file: resolve(file), ...report },
    () => `${out}: ${grouped(report.changes)} changes, ${megabytes(report.bytes)} MB, of site ${report.site}`,
  );
}
