/**
 * The file layer under the database files, as a port: Node's `fs`, a memory of files, or one that fails on purpose.
 *
 * Law    synchronous; paths are absolute; a call that cannot do all it was asked throws (an error with a Node
 *        `code` such as ENOSPC) but `read` and `write`, which may do less and say how much.
 *        After sync(handle) the bytes of that file survive a loss of power; after syncDirectory(path) so do the
 *        names in it.
 */

/** An open file; a number that means something to its file system only. */
export type FileHandle = number;

/** How SQLite keeps a transaction whole over a file system (open-database.ts). */
export type JournalMode = 'wal' | 'memory';

export interface FileSystem {
  /** The default is 'wal'. 'memory' where nothing is kept before a sync that covers all files at once. */
  readonly journal?: JournalMode;
  /**
   * Where sync() alone does not yet save (the bytes travel on by themselves): what to wait for so that everything
   * synced is safe; undefined when it is.
   */
  whenDurable?(): Promise<void> | undefined;
  /** Opens for reading and writing; makes an empty file where there is none and `create` allows it. */
  open(path: string, options: { readonly create: boolean }): FileHandle;
  close(handle: FileHandle): void;
  /** Bytes read into `target` from `offset`; 0 at the end of the file. */
  read(handle: FileHandle, target: Uint8Array, offset: number): number;
  /** Bytes of `source` written at `offset`. */
  write(handle: FileHandle, source: Uint8Array, offset: number): number;
  truncate(handle: FileHandle, size: number): void;
  size(handle: FileHandle): number;
  /** Makes the file durable; with `dataOnly` its times need not be. */
  sync(handle: FileHandle, options: { readonly dataOnly: boolean }): void;
  /** Bytes of the file at `path`, undefined if there is none. */
  sizeOf(path: string): number | undefined;
  remove(path: string): void;
  /** Makes new and removed names in a directory durable. */
  syncDirectory(directory: string): void;
  /** One spelling for each file, absolute and with links resolved, so that two names of one file are found out. */
  canonicalPath(path: string): string;
  directoryOf(path: string): string;
}

/** One that can put a file in the place of another. */
export interface RenamingFileSystem extends FileSystem {
  /**
   * Moves the closed file `from` to `to`, in the place of a closed file that is there: after a loss of power or of the
   * process one of the two is found at `to`, whole.
   */
  rename(from: string, to: string): void;
}
