/** One spelling for each file on this machine, so that two names of one file are found out. */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Absolute and with links resolved; the folder must exist, the file need not. */
export function canonicalPath(path: string): string {
  const absolute = resolve(path);
  if (statSync(absolute, { throwIfNoEntry: false }) !== undefined) return realpathSync(absolute);
  return join(realpathSync(dirname(absolute)), basename(absolute));
}
