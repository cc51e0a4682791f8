/** `crmesh migrate FILE SCHEMA.sql`: brings a file to a schema text, or says what that would take, also while another process holds it. */
import { existsSync } from 'node:fs';
import { ReplicationError } from '../../core/errors.ts';
import { EXIT_DONE, EXIT_REFUSED } from '../exit-code.ts';
import { withFile } from '../file-access.ts';
import { migrateFile, type MigrateReport, type MigrateStep } from '../file-changes.ts';
import { readSchema } from '../schema-file.ts';
import type { Terminal } from '../terminal.ts';

export interface MigrateOptions {
  readonly file: string;
  /** Path of the schema text. */
  readonly schema: string;
  readonly plan: boolean;
  readonly allowDestructive: boolean;
}

/** Answers the exit code: a refused migration is an answer, and ends with 3. */
export async function migrateCommand(terminal: Terminal, options: MigrateOptions): Promise<number> {
  const { file, plan, allowDestructive } = options;
  const request = { schema: readSchema(options.schema), plan, allowDestructive };
  if (plan && !existsSync(file)) {
    throw new ReplicationError('NO_DATABASE', `${file} is not there: leave --plan out to create it`);
  }
  const answer = await withFile(file, {}, { operation: 'migrate', file, ...request }, (db) => migrateFile(db, request));
  terminal.result(answer, () => answerText(answer));
  return answer.outcome === 'refused' ? EXIT_REFUSED : EXIT_DONE;
}

function answerText({ outcome, plan, steps }: MigrateReport): string {
  return [plan ? `would be ${outcome}` : outcome, ...steps.map(stepText)].join('\n');
}

function stepText({ action, table, column, refused, reason, instead }: MigrateStep): string {
  const what = [action, table === '' ? undefined : column === undefined ? table : `${table}.${column}`];
  const line = `  ${what.filter((word) => word !== undefined).join(' ')}`;
  return refused === true ? `${line}: refused, ${reason}; ${instead}` : line;
}
