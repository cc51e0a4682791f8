/**
 * A copy of an open database's file, byte by byte, in one synchronous step: nothing is written meanwhile.
 *
 * Assumes that the journal has been brought into the file, and that nobody else writes to it. VACUUM INTO cannot be
 * used: the file layer gives SQL no other file.
 */
import { ReplicationError } from '../../core/errors.ts';
import type { FileHandle, FileSystem } from './file-system.ts';

const COPY_BYTES = 1 << 20;
/** Says what the file is; written last, so that half a copy is no database. */
const HEAD_BYTES = 4096;
/** Bytes 18 and 19 of a database file: 1 says that it needs no write-ahead log. */
const VERSIONS_OFFSET = 18;
const NO_LOG = new Uint8Array([1, 1]);

/**
 * Shape   a plain file that any SQLite opens, on the disk with its name when this returns.
 * Cost    reads and writes the whole file; the process does nothing else meanwhile.
 * Errors  FILE_EXISTS; what the file system says, and then nothing is left at `to`.
 */
export function copyDatabaseFile(fileSystem: FileSystem, from: string, to: string): void {
  if (fileSystem.sizeOf(to) !== undefined) {
    throw new ReplicationError('FILE_EXISTS', `there is a file ${to} already: name another, or remove it first`);
  }
  const source = fileSystem.open(from, { create: false });
  try {
    writeCopy(fileSystem, source, to);
  } catch (error) {
    removeQuietly(fileSystem, to);
    throw error;
  } finally {
    fileSystem.close(source);
  }
}

function writeCopy(fileSystem: FileSystem, source: FileHandle, to: string): void {
  const target = fileSystem.open(to, { create: true });
  try {
    const size = fileSystem.size(source);
    const head = Math.min(HEAD_BYTES, size);
    copyRange(fileSystem, { source, target }, head, size);
    fileSystem.sync(target, { dataOnly: false });
    copyRange(fileSystem, { source, target }, 0, head);
    if (size > HEAD_BYTES) writeAll(fileSystem, target, NO_LOG, VERSIONS_OFFSET);
    fileSystem.sync(target, { dataOnly: false });
  } finally {
    fileSystem.close(target);
  }
  fileSystem.syncDirectory(fileSystem.directoryOf(to));
}

interface Pair {
  readonly source: FileHandle;
  readonly target: FileHandle;
}

function copyRange(fileSystem: FileSystem, { source, target }: Pair, from: number, to: number): void {
  const buffer = new Uint8Array(Math.min(COPY_BYTES, to - from));
  for (let at = from; at < to;) {
    const bytes = fileSystem.read(source, buffer.subarray(0, Math.min(buffer.length, to - at)), at);
    if (bytes === 0) throw new ReplicationError('STORAGE_FAILED', 'the file ended while it was copied');
    writeAll(fileSystem, target, buffer.subarray(0, bytes), at);
    at += bytes;
  }
}

/** Errors  STORAGE_FULL when not all of it fits. */
export function writeAll(fileSystem: FileSystem, target: FileHandle, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    const written = fileSystem.write(target, bytes.subarray(done), offset + done);
    if (written === 0) throw new ReplicationError('STORAGE_FULL', 'the disk takes no more bytes: free space on it');
    done += written;
  }
}

/** Half a copy is worse than none; of two errors the first says more. */
function removeQuietly(fileSystem: FileSystem, path: string): void {
  try {
    if (fileSystem.sizeOf(path) !== undefined) fileSystem.remove(path);
  } catch {
    return;
  }
}
