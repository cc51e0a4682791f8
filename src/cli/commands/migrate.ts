/** `crmesh migrate FILE SCHEMA.sql`: brings a file to a schema text, or says what that would take. */
import { existsSync } from 'node:fs';
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import type { Database } from '../../node.ts';
import { EXIT_DONE, EXIT_REFUSED } from '../exit-code.ts';
import { holdFile } from '../file-access.ts';
import { readSchema } from '../schema-file.ts';
import type { Terminal } from '../terminal.ts';

export interface MigrateOptions {
  readonly file: string;
  /** Path of the schema text. */
  readonly schema: string;
  readonly plan: boolean;
  readonly allowDestructive: boolean;
}

interface Answer {
  readonly outcome: string;
  readonly plan: boolean;
  readonly steps: readonly Step[];
}

interface Step {
  readonly action: string;
  readonly table: string;
  readonly column?: string;
  readonly refused?: boolean;
  readonly reason?: string;
  readonly instead?: string;
}

/** Answers the exit code: a refused migration is an answer, and ends with 3. */
export async function migrateCommand(terminal: Terminal, options: MigrateOptions): Promise<number> {
  const text = readSchema(options.schema);
  if (options.plan && !existsSync(options.file)) {
    throw new ReplicationError('NO_DATABASE', `${options.file} is not there: leave --plan out to create it`);
  }
  const held = await holdFile(options.file, {});
  try {
    const answer = await migrated(held.db, text, options);
    terminal.result(answer, () => answerText(answer));
    return answer.outcome === 'refused' ? EXIT_REFUSED : EXIT_DONE;
  } finally {
    await held.close();
  }
}

async function migrated(db: Database, text: string, { plan, allowDestructive }: MigrateOptions): Promise<Answer> {
  try {
    const { outcome, steps } = await db.migrate(text, { plan, allowDestructive });
    return { outcome, plan, steps };
  } catch (error) {
    if (!isReplicationError(error, 'SCHEMA_REFUSED') || !Array.isArray(error.details['steps'])) throw error;
    return { outcome: 'refused', plan, steps: error.details['steps'] as Step[] };
  }
}

function answerText({ outcome, plan, steps }: Answer): string {
  return [plan ? `would be ${outcome}` : outcome, ...steps.map(stepText)].join('\n');
}

function stepText({ action, table, column, refused, reason, instead }: Step): string {
  const what = [action, table === '' ? undefined : column === undefined ? table : `${table}.${column}`];
  const line = `  ${what.filter((word) => word !== undefined).join(' ')}`;
  return refused === true ? `${line}: refused, ${reason}; ${instead}` : line;
}
