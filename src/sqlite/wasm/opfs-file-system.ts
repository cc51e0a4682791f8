/**
 * A FileSystem over the origin's private file system, for dedicated workers: a pool of files that are open all the time.
 *
 * Opening a file there is asynchronous and SQLite's file layer is not, so files are opened ahead: the pool keeps some
 * free ones and grows by itself. A folder has one pool at a time: the browser gives out a file once (FILE_LOCKED).
 */
import { ReplicationError } from '../../core/errors.ts';
import type { FileHandle, JournalMode, RenamingFileSystem } from './file-system.ts';
import { noRoom } from './no-room.ts';
import type { SyncAccessHandle } from './opfs-pool-file.ts';
import { OpfsPoolFile } from './opfs-pool-file.ts';

/** Free files kept: a database takes one for itself and one for its journal. */
const SPARE_FILES = 4;
/** Free files beyond this are removed when the pool is opened. */
const FREE_FILES_MAX = 16;

/** The asynchronous part of the file handle, which page types know without it. */
type WorkerFileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

/** Whether this place can have a pool: dedicated workers of secure pages. */
export function hasOpfs(): boolean {
  const handle = (globalThis as { FileSystemFileHandle?: { readonly prototype: object } }).FileSystemFileHandle;
  return handle !== undefined && 'createSyncAccessHandle' in handle.prototype;
}

export class OpfsFileSystem implements RenamingFileSystem {
  /** Five times faster here than a rollback journal: a commit is one append, a full one flushes one file. */
  readonly journal: JournalMode = 'wal';
  readonly #folder: FileSystemDirectoryHandle;
  readonly #files = new Map<string, OpfsPoolFile>();
  readonly #free: OpfsPoolFile[] = [];
  readonly #handles = new Map<FileHandle, OpfsPoolFile>();
  /** Released since the last sync of names. */
  readonly #released = new Set<OpfsPoolFile>();
  #lastHandle = 0;
  #growing: Promise<void> | undefined;
  #ended = false;

  private constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  /** Errors  FILE_LOCKED while another worker has the folder; DATABASE_CORRUPT; STORAGE_FULL, STORAGE_FAILED. */
  static async open(folder: FileSystemDirectoryHandle): Promise<OpfsFileSystem> {
    const pool = new OpfsFileSystem(folder);
    try {
      await pool.#takeAll();
      await pool.reserve(SPARE_FILES);
      return pool;
    } catch (error) {
      await pool.end();
      throw coded(error);
    }
  }

  /** Makes sure that `count` files are free, for callers that are about to make as many at once. */
  async reserve(count: number): Promise<void> {
    await this.#growing;
    while (this.#free.length < count && !this.#ended) this.#free.push(await this.#newFile());
  }

  /** Closes every file and lets others have the folder. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#growing;
    for (const file of [...this.#files.values(), ...this.#free.splice(0)]) file.close();
    this.#files.clear();
    this.#handles.clear();
  }

  open(path: string, options: { readonly create: boolean }): FileHandle {
    const file = this.#files.get(path) ?? this.#make(path, options.create);
    this.#lastHandle += 1;
    this.#handles.set(this.#lastHandle, file);
    return this.#lastHandle;
  }

  close(handle: FileHandle): void {
    this.#handles.delete(handle);
  }

  read(handle: FileHandle, target: Uint8Array, offset: number): number {
    return this.#file(handle).read(target, offset);
  }

  write(handle: FileHandle, source: Uint8Array, offset: number): number {
    return told(() => this.#file(handle).write(source, offset));
  }

  truncate(handle: FileHandle, size: number): void {
    told(() => this.#file(handle).truncate(size));
  }

  size(handle: FileHandle): number {
    return this.#file(handle).size;
  }

  sync(handle: FileHandle): void {
    told(() => this.#file(handle).flush());
  }

  sizeOf(path: string): number | undefined {
    return this.#files.get(path)?.size;
  }

  remove(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#files.delete(path);
    this.#release(file);
  }

  /** The name is written first: should it end here, the file that took it last is found under it. */
  rename(from: string, to: string): void {
    const file = this.#files.get(from);
    if (file === undefined) throw noFile(from);
    const replaced = this.#files.get(to);
    told(() => {
      file.assign(to, (replaced?.turn ?? 0) + 1);
      file.flush();
    });
    this.#files.delete(from);
    this.#files.set(to, file);
    if (replaced !== undefined) this.#release(replaced);
  }

  /** A new name is in its own file and is synced with it. */
  syncDirectory(): void {
    for (const file of this.#released) told(() => file.flush());
    this.#released.clear();
  }

  canonicalPath(path: string): string {
    return path.startsWith('/') ? path : `/${path}`;
  }

  directoryOf(path: string): string {
    return path.slice(0, path.lastIndexOf('/') + 1);
  }

  #make(path: string, create: boolean): OpfsPoolFile {
    if (!create) throw noFile(path);
    const file = this.#free.pop();
    if (file === undefined) {
      throw new ReplicationError('STORAGE_FAILED', 'no file of the pool is free: open fewer databases at once');
    }
    told(() => file.assign(path));
    this.#released.delete(file);
    this.#files.set(path, file);
    this.#grow();
    return file;
  }

  #release(file: OpfsPoolFile): void {
    for (const [handle, open] of this.#handles) if (open === file) this.#handles.delete(handle);
    told(() => file.release());
    this.#released.add(file);
    this.#free.push(file);
  }

  #grow(): void {
    if (this.#free.length >= SPARE_FILES || this.#growing !== undefined) return;
    this.#growing = this.#addSpares().finally(() => {
      this.#growing = undefined;
    });
  }

  /** Without room it stays small; a later open says so. */
  async #addSpares(): Promise<void> {
    try {
      while (this.#free.length < SPARE_FILES && !this.#ended) this.#free.push(await this.#newFile());
    } catch {
      return;
    }
  }

  async #newFile(): Promise<OpfsPoolFile> {
    const name = crypto.randomUUID();
    return poolFile(await this.#folder.getFileHandle(name, { create: true }));
  }

  /** Whatever an earlier worker left: files of databases are found by their names, all others are free again. */
  async #takeAll(): Promise<void> {
    const found: FileSystemFileHandle[] = [];
    for await (const entry of this.#folder.values()) if (entry.kind === 'file') found.push(entry);
    for (const entry of found) {
      const file = await poolFile(entry);
      if (file.path !== undefined) this.#keep(file, file.path);
      else if (this.#free.length < FREE_FILES_MAX) this.#free.push(file);
      else await this.#discard(file);
    }
  }

  /** Of two files of one name, the one that took it last; the other is what a rename had not released yet. */
  #keep(file: OpfsPoolFile, path: string): void {
    const other = this.#files.get(path);
    const [kept, left] = other !== undefined && other.turn > file.turn ? [other, file] : [file, other];
    this.#files.set(path, kept);
    if (left !== undefined) this.#release(left);
  }

  async #discard(file: OpfsPoolFile): Promise<void> {
    file.close();
    await this.#folder.removeEntry(file.name).catch(() => undefined);
  }

  #file(handle: FileHandle): OpfsPoolFile {
    const file = this.#handles.get(handle);
    if (file !== undefined) return file;
    throw new ReplicationError('STORAGE_FAILED', 'this file is closed: open the database again');
  }
}

async function poolFile(file: FileSystemFileHandle): Promise<OpfsPoolFile> {
  let handle: SyncAccessHandle | undefined;
  try {
    handle = await (file as WorkerFileHandle).createSyncAccessHandle();
    return new OpfsPoolFile(file.name, handle);
  } catch (error) {
    handle?.close();
    throw coded(error);
  }
}

function noFile(path: string): ReplicationError {
  return new ReplicationError('STORAGE_FAILED', `there is no file ${path}`);
}

function told<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw coded(error);
  }
}

function coded(error: unknown): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const [name, message] = error instanceof DOMException ? [error.name, error.message] : ['', String(error)];
  if (name === 'NoModificationAllowedError') {
    const locked = 'another tab or worker has this database open: close it there, or use it through that one';
    return new ReplicationError('FILE_LOCKED', locked, { pid: null, note: null }, { cause: error });
  }
  if (name === 'QuotaExceededError') return noRoom(error);
  return new ReplicationError(
    'STORAGE_FAILED',
    `the private file system failed: ${name} ${message}`,
    {},
    { cause: error },
  );
}
