/**
 * A FileSystem whose files are images in memory, saved to IndexedDB after each sync: for places without OPFS.
 *
 * A sync only marks what is to be saved; whenDurable() tells when it is. All files that were synced before a save
 * begins go into that one save, so what is found again is always the state between two commits. A save that failed
 * is tried again by the next sync and by the next whenDurable().
 */
import type { ReplicationError } from '../../core/errors.ts';
import { codedError, ReplicationError as CodedError } from '../../core/errors.ts';
import type { FileHandle, JournalMode, RenamingFileSystem } from './file-system.ts';
import { PageDigests } from './mirror-digest.ts';
import type { SyncedPages } from './mirror-file.ts';
import { MirrorFile, PAGE_BYTES } from './mirror-file.ts';
import type { FileSave, MirrorStorage, SavedFile } from './mirror-storage.ts';

type Store = Pick<MirrorStorage, 'load' | 'save' | 'close'>;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ReplicationError) => void;
}

export class MirrorFileSystem implements RenamingFileSystem {
  readonly journal: JournalMode = 'memory';
  readonly #storage: Store;
  readonly #files = new Map<string, MirrorFile>();
  readonly #handles = new Map<FileHandle, { readonly file: MirrorFile; readonly path: string }>();
  /** Of the saved pages of each file. */
  readonly #digests = new Map<string, PageDigests>();
  /** Synced and not yet given to a save; undefined = removed. */
  #waiting = new Map<string, SyncedPages | undefined>();
  #waiters: Waiter[] = [];
  #saving = false;
  #scheduled = false;
  #failed: ReplicationError | undefined;
  #lastHandle = 0;

  private constructor(storage: Store) {
    this.#storage = storage;
  }

  /** Takes the storage over: it is closed where this fails. Errors  DATABASE_CORRUPT when the saved image is not whole. */
  static async load(storage: Store): Promise<MirrorFileSystem> {
    const fileSystem = new MirrorFileSystem(storage);
    try {
      fileSystem.#fill(await storage.load());
    } catch (error) {
      storage.close();
      throw error;
    }
    return fileSystem;
  }

  #fill(saved: ReadonlyMap<string, SavedFile>): void {
    for (const [path, { size, pages }] of saved) {
      this.#files.set(path, MirrorFile.fromPages(size, pages));
      const digests = new PageDigests();
      for (const [index, bytes] of pages) digests.set(index, bytes);
      this.#digests.set(path, digests);
    }
  }

  /** Resolves when all that was synced before the call is saved; undefined when it is. */
  whenDurable(): Promise<void> | undefined {
    if (this.#waiting.size === 0 && !this.#saving) return undefined;
    this.#schedule();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Why the last save failed, until one succeeds. */
  get failure(): ReplicationError | undefined {
    return this.#failed;
  }

  /** Saves what waits, then lets the storage go. */
  async end(): Promise<void> {
    try {
      await this.whenDurable();
    } finally {
      this.#storage.close();
    }
  }

  open(path: string, options: { readonly create: boolean }): FileHandle {
    let file = this.#files.get(path);
    if (file === undefined) {
      if (!options.create) throw noFile(path);
      file = new MirrorFile();
      this.#files.set(path, file);
    }
    this.#lastHandle += 1;
    this.#handles.set(this.#lastHandle, { file, path });
    return this.#lastHandle;
  }

  /** What the last user of a file leaves unsynced is half a commit: it is taken back. */
  close(handle: FileHandle): void {
    const open = this.#handles.get(handle);
    this.#handles.delete(handle);
    if (open === undefined) return;
    for (const { file } of this.#handles.values()) if (file === open.file) return;
    open.file.revert();
  }

  read(handle: FileHandle, target: Uint8Array, offset: number): number {
    return this.#open(handle).file.read(target, offset);
  }

  write(handle: FileHandle, source: Uint8Array, offset: number): number {
    this.#open(handle).file.write(source, offset);
    return source.length;
  }

  /** SQLite cuts a file after the sync of its commit, and syncs no more. */
  truncate(handle: FileHandle, size: number): void {
    const { file } = this.#open(handle);
    const after = !file.isWritten;
    file.truncate(size);
    if (after) this.sync(handle);
  }

  size(handle: FileHandle): number {
    return this.#open(handle).file.size;
  }

  sync(handle: FileHandle): void {
    const { file, path } = this.#open(handle);
    if (this.#files.get(path) !== file) return;
    this.#waiting.set(path, joined(this.#waiting.get(path), file.sync()));
    this.#schedule();
  }

  sizeOf(path: string): number | undefined {
    return this.#files.get(path)?.size;
  }

  remove(path: string): void {
    if (!this.#files.delete(path)) return;
    this.#waiting.set(path, undefined);
    this.#schedule();
  }

  /** Both names go into one save. */
  rename(from: string, to: string): void {
    const file = this.#files.get(from);
    if (file === undefined) throw noFile(from);
    this.#files.delete(from);
    this.#files.set(to, file);
    this.#waiting.set(from, undefined);
    this.#waiting.set(to, file.whole());
    this.#schedule();
  }

  /** Names are saved with their files. */
  syncDirectory(): void {}

  canonicalPath(path: string): string {
    return path.startsWith('/') ? path : `/${path}`;
  }

  directoryOf(path: string): string {
    return path.slice(0, path.lastIndexOf('/') + 1);
  }

  #open(handle: FileHandle): { readonly file: MirrorFile; readonly path: string } {
    const open = this.#handles.get(handle);
    if (open === undefined) throw new CodedError('STORAGE_FAILED', 'this file is closed: open the database again');
    return open;
  }

  /** A save begins after the current run of synchronous code: never in the middle of a commit. */
  #schedule(): void {
    if (this.#saving || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#saving) void this.#saveAll();
    });
  }

  async #saveAll(): Promise<void> {
    this.#saving = true;
    try {
      while (this.#waiting.size > 0 || this.#waiters.length > 0) {
        const waiters = this.#waiters.splice(0);
        const failure = await this.#save();
        for (const { resolve, reject } of waiters)
          if (failure === undefined) resolve();
          else reject(failure);
        this.#failed = failure;
        // Tried again when somebody asks, not round and round.
        if (failure !== undefined && this.#waiters.length === 0) return;
      }
    } finally {
      this.#saving = false;
    }
  }

  async #save(): Promise<ReplicationError | undefined> {
    const taken = this.#waiting;
    this.#waiting = new Map();
    const files = new Map([...taken].map(([path, pages]) => [path, pages && this.#fileSave(path, pages)]));
    try {
      if (files.size > 0) await this.#storage.save(files);
    } catch (error) {
      for (const [path, pages] of taken) this.#giveBack(path, pages);
      return codedError(error);
    }
    for (const path of taken.keys()) if (taken.get(path) === undefined) this.#digests.delete(path);
    return undefined;
  }

  /** Newer pages of the same file win; a file that was removed or made anew meanwhile does not come back. */
  #giveBack(path: string, pages: SyncedPages | undefined): void {
    const newer = this.#waiting.get(path);
    if (!this.#waiting.has(path)) this.#waiting.set(path, pages);
    else if (newer !== undefined && pages !== undefined) this.#waiting.set(path, joined(pages, newer));
  }

  #fileSave(path: string, { size, bytesByPage }: SyncedPages): FileSave {
    const digests = this.#digests.get(path) ?? new PageDigests();
    this.#digests.set(path, digests);
    const count = Math.ceil(size / PAGE_BYTES);
    const kept = new Map([...bytesByPage].filter(([index]) => index < count));
    digests.cut(count);
    for (const [index, bytes] of kept) digests.set(index, bytes);
    return { size, digest: digests.sum, bytesByPage: kept };
  }
}

function noFile(path: string): ReplicationError {
  return new CodedError('STORAGE_FAILED', `there is no file ${path}`);
}

function joined(earlier: SyncedPages | undefined, later: SyncedPages): SyncedPages {
  if (earlier === undefined) return later;
  return { size: later.size, bytesByPage: new Map([...earlier.bytesByPage, ...later.bytesByPage]) };
}
