/** The FileSystem port over Node's synchronous `fs`. */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { canonicalPath } from '../file-path.ts';
import type { FileHandle, FileSystem } from './file-system.ts';

const isWindows = process.platform === 'win32';

export class NodeFileSystem implements FileSystem {
  open(path: string, options: { readonly create: boolean }): FileHandle {
    return openSync(path, constants.O_RDWR | (options.create ? constants.O_CREAT : 0), 0o644);
  }

  close(handle: FileHandle): void {
    closeSync(handle);
  }

  read(handle: FileHandle, target: Uint8Array, offset: number): number {
    return readSync(handle, target, 0, target.length, offset);
  }

  write(handle: FileHandle, source: Uint8Array, offset: number): number {
    return writeSync(handle, source, 0, source.length, offset);
  }

  truncate(handle: FileHandle, size: number): void {
    ftruncateSync(handle, size);
  }

  size(handle: FileHandle): number {
    return fstatSync(handle).size;
  }

  sync(handle: FileHandle, options: { readonly dataOnly: boolean }): void {
    if (options.dataOnly) fdatasyncSync(handle);
    else fsyncSync(handle);
  }

  sizeOf(path: string): number | undefined {
    return statSync(path, { throwIfNoEntry: false })?.size;
  }

  remove(path: string): void {
    unlinkSync(path);
  }

  /** Windows keeps names durable by itself and refuses to open a directory. */
  syncDirectory(directory: string): void {
    if (isWindows) return;
    const handle = openSync(directory, constants.O_RDONLY);
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  }

  canonicalPath(path: string): string {
    return canonicalPath(path);
  }

  directoryOf(path: string): string {
    return dirname(path);
  }
}
