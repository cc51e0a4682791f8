/** A copy of an open database by the native engine, which may write other files: VACUUM INTO, then synced to disk. */
import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { ReplicationError } from '../../core/errors.ts';
import { canonicalPath } from '../file-path.ts';
import type { NativeDatabase } from './better-sqlite.ts';
import { coded } from './native-error.ts';

/** Errors  FILE_EXISTS; what the engine and the disk say, and then nothing is left at `path`. */
export function copyByVacuum(database: NativeDatabase, path: string): void {
  if (existsSync(path)) {
    throw new ReplicationError('FILE_EXISTS', `there is a file ${path} already: name another, or remove it first`);
  }
  try {
    const target = canonicalPath(path);
    coded(() => database.exec(`VACUUM INTO '${target.replaceAll("'", "''")}'`));
    syncPath(target);
    if (process.platform !== 'win32') syncPath(dirname(target));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

function syncPath(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
