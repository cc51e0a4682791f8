/** `crmesh restore BACKUP FILE`: a backup in the place of a database file, with a site id of its own. */
import { resolve } from 'node:path';
import { restore } from '../../node.ts';
import { grouped } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

export interface RestoreCommandOptions {
  readonly backup: string;
  readonly file: string;
  readonly force: boolean;
}

export async function restoreCommand(
  terminal: Terminal,
  { backup, file, force }: RestoreCommandOptions,
): Promise<void> {
  const restored = await restore(backup, file, { force });
  terminal.result(
    { outcome: 'restored', file: resolve(file), ...restored },
    () =>
      `${file}: ${grouped(restored.changes)} changes of site ${restored.former}, ` +
      `which is now ${restored.site}; sync brings back what was written after the backup`,
  );
}
