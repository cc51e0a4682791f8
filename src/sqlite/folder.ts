/** Folders for database files. */
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ReplicationError } from '../core/errors.ts';

/**
 * Makes a folder and those above it, one by one: the recursive call of Node never returns where the system answers
 * 'no such file' for a folder whose parent is there (as under /proc).
 *
 * Errors  STORAGE_FAILED when the system refuses, or when something else stands there.
 */
export function makeFolder(path: string): void {
  const parent = dirname(path);
  if (isFolder(path)) return;
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && isFolder(path)) return;
    const message = `the folder ${path} cannot be made (${code ?? 'unknown'}): give one that may be written`;
    throw new ReplicationError('STORAGE_FAILED', message, { path }, { cause: error });
  }
}

/** Makes names in a folder durable. Windows does so by itself and refuses to open a directory. */
export function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
