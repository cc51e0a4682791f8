/**
 * SQLite's file layer over a FileSystem: one a engine instance, any number of databases.
 *
 * The engine knows a database by a short logical name (`d7`, and `d7-wal`, `d7-journal` beside it), since it
 * refuses names of more than 56 characters; any other name is refused, so SQL cannot reach other files. A file without
 * a name is a temporary one, which the engine asks for where temp_store = FILE: it goes when it is closed.
 * There are no locks here: the driver lets one owner in. Nothing is thrown into the engine: an error becomes a
 * result code and is kept for the message.
 */
import { invariant, isReplicationError, ReplicationError } from '../../core/errors.ts';
import type { Pointer, Vfs } from './engine-module.ts';
import type { FileHandle, FileSystem } from './file-system.ts';
import {
  CANTOPEN,
  FULL,
  IOERR_DELETE,
  IOERR_DELETE_NOENT,
  IOERR_FSTAT,
  IOERR_FSYNC,
  IOERR_READ,
  IOERR_SHORT_READ,
  IOERR_TRUNCATE,
  IOERR_WRITE,
  NOTFOUND,
  OK,
} from '../result-code.ts';

export const VFS_NAME = 'crmesh';

const OPEN_CREATE = 0x4;
const SYNC_DATAONLY = 0x10;
const SECTOR_BYTES = 4096;
/** The device keeps bytes beside a write as they are when power fails in the middle of it (SQLite's own default). */
const IOCAP_POWERSAFE_OVERWRITE = 0x1000;
const REWRITE_BYTES = 1 << 20;
const FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

interface OpenFile {
  readonly handle: FileHandle;
  readonly path: string;
  readonly database: string;
  readonly isTemporary: boolean;
  /** A file that was just made: its name must be made durable with its first sync. */
  nameUnsynced: boolean;
  /** Bytes from..to hold every write since the last sync. */
  unsynced: { from: number; to: number } | undefined;
  syncFailed: boolean;
}

export class FileVfs implements Vfs {
  readonly name: string = VFS_NAME;
  readonly #fileSystem: FileSystem;
  readonly #noteError: (error: unknown) => void;
  readonly #pathByDatabase = new Map<string, string>();
  readonly #files = new Map<Pointer, OpenFile>();
  #databases = 0;
  #temporaryFiles = 0;

  constructor(fileSystem: FileSystem, noteError: (error: unknown) => void) {
    this.#fileSystem = fileSystem;
    this.#noteError = noteError;
  }

  /** The logical name under which the engine may open `path`. */
  admit(path: string): string {
    this.#databases += 1;
    const database = `d${this.#databases}`;
    this.#pathByDatabase.set(database, path);
    return database;
  }

  /** Ends a logical name; closes what a failed engine left open. */
  dismiss(database: string): void {
    this.#pathByDatabase.delete(database);
    for (const [file, open] of this.#files) if (open.database === database) this.xClose(file);
  }

  xOpen(name: string | null, file: Pointer, flags: number, outFlags: DataView): number {
    return this.#attempt(CANTOPEN, () => {
      const isTemporary = name === null;
      const found = isTemporary ? this.#temporaryFile() : this.#resolve(name);
      if (found === undefined) return CANTOPEN;
      const create = (flags & OPEN_CREATE) !== 0;
      const isNew = this.#fileSystem.sizeOf(found.path) === undefined;
      const handle = this.#fileSystem.open(found.path, { create });
      const unsynced = { nameUnsynced: isNew, unsynced: undefined, syncFailed: false };
      this.#files.set(file, { handle, ...found, isTemporary, ...unsynced });
      if (isTemporary) this.#fileSystem.truncate(handle, 0);
      outFlags.setInt32(0, flags, true);
      return OK;
    });
  }

  xClose(file: Pointer): number {
    const open = this.#files.get(file);
    if (open === undefined) return OK;
    this.#files.delete(file);
    return this.#attempt(OK, () => {
      this.#fileSystem.close(open.handle);
      if (open.isTemporary) this.#fileSystem.remove(open.path);
      return OK;
    });
  }

  xRead(file: Pointer, target: Uint8Array, offset: number): number {
    return this.#attempt(IOERR_READ, () => {
      const { handle } = this.#open(file);
      let done = 0;
      while (done < target.length) {
        const bytes = this.#fileSystem.read(handle, target.subarray(done), offset + done);
        if (bytes === 0) break;
        done += bytes;
      }
      if (done === target.length) return OK;
      target.fill(0, done);
      return IOERR_SHORT_READ;
    });
  }

  xWrite(file: Pointer, source: Uint8Array, offset: number): number {
    return this.#attempt(IOERR_WRITE, () => {
      const open = this.#open(file);
      const { from, to } = open.unsynced ?? { from: offset, to: offset };
      open.unsynced = { from: Math.min(from, offset), to: Math.max(to, offset + source.length) };
      this.#writeAll(open.handle, source, offset);
      return OK;
    });
  }

  #writeAll(handle: FileHandle, source: Uint8Array, offset: number): void {
    for (let done = 0; done < source.length;) {
      const bytes = this.#fileSystem.write(handle, source.subarray(done), offset + done);
      if (bytes === 0) throw new ReplicationError('STORAGE_FULL', 'the disk takes no more bytes: free space on it');
      done += bytes;
    }
  }

  xTruncate(file: Pointer, size: number): number {
    return this.#attempt(IOERR_TRUNCATE, () => {
      this.#fileSystem.truncate(this.#open(file).handle, size);
      return OK;
    });
  }

  xSync(file: Pointer, flags: number): number {
    return this.#attempt(IOERR_FSYNC, () => {
      const open = this.#open(file);
      if (open.syncFailed) this.#writeAgain(open);
      open.syncFailed = true;
      this.#fileSystem.sync(open.handle, { dataOnly: (flags & SYNC_DATAONLY) !== 0 });
      open.syncFailed = false;
      open.unsynced = undefined;
      if (open.nameUnsynced) this.#fileSystem.syncDirectory(this.#fileSystem.directoryOf(open.path));
      open.nameUnsynced = false;
      return OK;
    });
  }

  /**
   * Writes once more what was written since the last sync that worked.
   *
   * Why     After a sync that failed, systems may count the unsynced bytes as written: the next sync succeeds without
   *         them, and what it acknowledges is not on the disk.
   */
  #writeAgain({ handle, unsynced }: OpenFile): void {
    const buffer = new Uint8Array(REWRITE_BYTES);
    const end = Math.min(unsynced?.to ?? 0, this.#fileSystem.size(handle));
    for (let at = unsynced?.from ?? 0; at < end;) {
      const bytes = this.#fileSystem.read(handle, buffer.subarray(0, Math.min(REWRITE_BYTES, end - at)), at);
      if (bytes === 0) break;
      this.#writeAll(handle, buffer.subarray(0, bytes), at);
      at += bytes;
    }
  }

  xFileSize(file: Pointer, size: DataView): number {
    return this.#attempt(IOERR_FSTAT, () => {
      size.setBigInt64(0, BigInt(this.#fileSystem.size(this.#open(file).handle)), true);
      return OK;
    });
  }

  xLock(): number {
    return OK;
  }

  xUnlock(): number {
    return OK;
  }

  xCheckReservedLock(_file: Pointer, out: DataView): number {
    out.setInt32(0, 0, true);
    return OK;
  }

  xFileControl(): number {
    return NOTFOUND;
  }

  xSectorSize(): number {
    return SECTOR_BYTES;
  }

  xDeviceCharacteristics(): number {
    return IOCAP_POWERSAFE_OVERWRITE;
  }

  xDelete(name: string, syncDirectory: number): number {
    return this.#attempt(IOERR_DELETE, () => {
      const found = this.#resolve(name);
      if (found === undefined || this.#fileSystem.sizeOf(found.path) === undefined) return IOERR_DELETE_NOENT;
      this.#fileSystem.remove(found.path);
      if (syncDirectory !== 0) this.#fileSystem.syncDirectory(this.#fileSystem.directoryOf(found.path));
      return OK;
    });
  }

  /** An empty file counts as none, as in SQLite's own layer. */
  xAccess(name: string, _flags: number, out: DataView): number {
    return this.#attempt(IOERR_FSTAT, () => {
      const found = this.#resolve(name);
      const size = found === undefined ? undefined : this.#fileSystem.sizeOf(found.path);
      out.setInt32(0, (size ?? 0) > 0 ? 1 : 0, true);
      return OK;
    });
  }

  #resolve(name: string): { readonly path: string; readonly database: string } | undefined {
    const dash = name.indexOf('-');
    const database = dash === -1 ? name : name.slice(0, dash);
    const path = this.#pathByDatabase.get(database);
    if (path === undefined) return undefined;
    return { path: dash === -1 ? path : path + name.slice(dash), database };
  }

  /** Nobody says of which database it is: it stands beside the one that was opened last. */
  #temporaryFile(): { readonly path: string; readonly database: string } | undefined {
    const last = [...this.#pathByDatabase].at(-1);
    if (last === undefined) return undefined;
    const [database, path] = last;
    this.#temporaryFiles += 1;
    return { path: `${path}-temporary-${this.#temporaryFiles}`, database };
  }

  #open(file: Pointer): OpenFile {
    const open = this.#files.get(file);
    invariant(open !== undefined, 'the engine uses a file that is not open');
    return open;
  }

  #attempt(failure: number, use: () => number): number {
    try {
      return use();
    } catch (error) {
      this.#noteError(error);
      return isFull(error) ? FULL : failure;
    }
  }
}

/** Whether an error of the file layer says that no more bytes fit. */
export function isFull(error: unknown): boolean {
  if (isReplicationError(error)) return error.code === 'STORAGE_FULL';
  return error instanceof Error && 'code' in error && FULL_CODES.has(String(error.code));
}
