/**
 * The database files of one driver: who may open which, and the steps from a path to a connection and back.
 *
 * A path has one owner: this driver remembers what it has open, the lock keeps other processes and drivers out.
 */
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import type { Connection, OpenOptions } from '../database.ts';
import { WasmConnection } from './connection.ts';
import { EnginePool } from './engine-pool.ts';
import type { Engine } from './engine.ts';
import type { Pointer } from './engine-module.ts';
import { copyDatabaseFile } from './file-copy.ts';
import type { FileSystem } from './file-system.ts';
import { FileVfs, isFull, VFS_NAME } from './file-vfs.ts';
import {
  closeDatabase,
  isUnfinished,
  noDatabase,
  openDatabase,
  reasonOfFailedOpen,
  recoverWalFile,
  useJournal,
  useMemoryForTemporaryData,
} from './open-database.ts';

/** Keeps others out of a file and returns what lets them in again; FILE_LOCKED if somebody has it. */
export type LockFile = (path: string, note: string | undefined) => () => void;

export interface FileDatabasesOptions {
  readonly compiled: WebAssembly.Module;
  readonly fileSystem: FileSystem;
  readonly lockFile: LockFile;
  readonly statementsMax: number;
  readonly databasesPerEngine: number;
}

const OPENS_PER_ENGINE = 100;
/** Bytes 18 and 19 of a database file: 2 says that it is in WAL mode. */
const WRITE_VERSION_OFFSET = 18;
const WAL_VERSION = 2;

export class FileDatabases {
  readonly #options: FileDatabasesOptions;
  readonly #pool: EnginePool;
  readonly #vfsByEngine = new WeakMap<Engine, FileVfs>();
  readonly #openPaths = new Set<string>();

  constructor(options: FileDatabasesOptions) {
    this.#options = options;
    this.#pool = new EnginePool(options.compiled, {
      databasesMax: options.databasesPerEngine,
      opensMax: OPENS_PER_ENGINE,
      prepare: (engine) => this.#registerVfs(engine),
    });
  }

  exists(path: string): boolean {
    const { fileSystem } = this.#options;
    try {
      return fileSystem.sizeOf(fileSystem.canonicalPath(path)) !== undefined;
    } catch {
      return false;
    }
  }

  open(path: string, options: OpenOptions): Connection {
    if (path === '') throw new ReplicationError('USAGE', 'the path is empty: name a file, or :memory:');
    const undo = new UndoList();
    try {
      return this.#open(path, options, undo);
    } catch (error) {
      undo.run();
      if (isReplicationError(error, 'SQL_ERROR')) throw notOpenable(path, error);
      throw isReplicationError(error) ? error : storageFailure(path, error);
    }
  }

  #open(path: string, options: OpenOptions, undo: UndoList): Connection {
    const { fileSystem, statementsMax } = this.#options;
    if (options.mustExist === true && !this.exists(path)) throw noDatabase(path);
    const canonical = fileSystem.canonicalPath(path);
    this.#own(canonical, options, undo);

    const lease = this.#pool.lease();
    const { engine } = lease;
    undo.add(() => lease.release());
    const vfs = this.#vfsByEngine.get(engine)!;
    const name = vfs.admit(canonical);
    undo.add(() => vfs.dismiss(name));

    if (this.#mustRecover(canonical)) this.#recover(engine, name, canonical);
    const isNew = (fileSystem.sizeOf(canonical) ?? 0) === 0;
    const db = this.#openOrMakeAgain(engine, name, canonical);
    undo.add(() => closeDatabase(engine, db));
    this.#prepare(engine, db, isNew ? fileSystem.directoryOf(canonical) : undefined);

    undo.forgetLast();
    const connection = new WasmConnection({
      engine,
      db,
      path,
      statementsMax,
      copyTo: (to) => this.#copy(canonical, to),
      beforeClose: leaveOneFile,
      whenDurable: () => fileSystem.whenDurable?.(),
      release: () => undo.run(),
    });
    if (options.durability === 'full') connection.setDurability('full');
    return connection;
  }

  #copy(canonical: string, to: string): void {
    const { fileSystem } = this.#options;
    try {
      copyDatabaseFile(fileSystem, canonical, fileSystem.canonicalPath(to));
    } catch (error) {
      throw isReplicationError(error) ? error : storageFailure(to, error);
    }
  }

  #own(canonical: string, options: OpenOptions, undo: UndoList): void {
    undo.add(this.#options.lockFile(canonical, options.lockNote));
    if (this.#openPaths.has(canonical)) {
      const message = `${canonical} is already open here: use that connection, or close it first`;
      throw new ReplicationError('FILE_LOCKED', message, { pid: null, note: null });
    }
    this.#openPaths.add(canonical);
    undo.add(() => this.#openPaths.delete(canonical));
  }

  /** The engine does not say when a journal cannot be removed, and would fail without a reason after it. */
  #recover(engine: Engine, name: string, path: string): void {
    recoverWalFile(engine, name, VFS_NAME);
    if (!this.#isInWalMode(path)) return;
    const message = `the journal of ${path} cannot be removed: check the disk and the permissions of the folder`;
    throw new ReplicationError('STORAGE_FAILED', message, {}, { cause: engine.storageError });
  }

  /** A file whose making was cut short is made again. */
  #openOrMakeAgain(engine: Engine, name: string, path: string): Pointer {
    try {
      return openFile(engine, name);
    } catch (error) {
      if (!isReplicationError(error, 'SQL_ERROR') || !isUnfinished(engine, name, VFS_NAME)) throw error;
      const { fileSystem } = this.#options;
      fileSystem.remove(path);
      const db = openFile(engine, name);
      fileSystem.syncDirectory(fileSystem.directoryOf(path));
      return db;
    }
  }

  #prepare(engine: Engine, db: Pointer, newIn: string | undefined): void {
    useMemoryForTemporaryData(engine, db);
    useJournal(engine, db, this.#options.fileSystem.journal ?? 'wal');
    if (newIn !== undefined) this.#options.fileSystem.syncDirectory(newIn);
  }

  /** A journal that must be rolled back may bring WAL mode back: the power failed while the mode was changed. */
  #mustRecover(path: string): boolean {
    const { fileSystem } = this.#options;
    if ((fileSystem.sizeOf(path) ?? 0) === 0) return false;
    return fileSystem.sizeOf(`${path}-journal`) !== undefined || this.#isInWalMode(path);
  }

  #isInWalMode(path: string): boolean {
    const { fileSystem } = this.#options;
    if ((fileSystem.sizeOf(`${path}-wal`) ?? 0) > 0) return true;
    const header = new Uint8Array(WRITE_VERSION_OFFSET + 1);
    const handle = fileSystem.open(path, { create: false });
    try {
      fileSystem.read(handle, header, 0);
    } finally {
      fileSystem.close(handle);
    }
    return header[WRITE_VERSION_OFFSET] === WAL_VERSION;
  }

  #registerVfs(engine: Engine): void {
    const vfs = new FileVfs(this.#options.fileSystem, (error) => {
      engine.storageError = error;
    });
    this.#vfsByEngine.set(engine, vfs);
    engine.check(engine.module.registerVFS(vfs, false), 0);
  }
}

function openFile(engine: Engine, name: string): Pointer {
  try {
    return openDatabase(engine, name, VFS_NAME);
  } catch (error) {
    throw reasonOfFailedOpen(engine, name, VFS_NAME, error);
  }
}

/** Leaves one plain file behind, which any program can open and the next open need not recover. */
function leaveOneFile(connection: Connection): void {
  connection.exec('PRAGMA journal_mode = DELETE');
}

/** No SQL of a caller runs while a file is opened: the engine met something in it that it does not know. */
function notOpenable(path: string, error: ReplicationError): ReplicationError {
  const reason = `it is damaged, or another version of the engine made it (${error.message})`;
  const message = `${path} cannot be opened, ${reason}: restore a backup or sync into a new file`;
  return new ReplicationError('DATABASE_CORRUPT', message, {}, { cause: error });
}

function storageFailure(path: string, error: unknown): ReplicationError {
  const reason = error instanceof Error ? error.message : String(error);
  const code = isFull(error) ? 'STORAGE_FULL' : 'STORAGE_FAILED';
  return new ReplicationError(
    code,
    `${path} cannot be opened (${reason}): check the path and its permissions`,
    {},
    {
      cause: error,
    },
  );
}

/** What has been taken on the way to a connection, given back last first. */
class UndoList {
  readonly #steps: (() => void)[] = [];

  add(step: () => void): void {
    this.#steps.push(step);
  }

  forgetLast(): void {
    this.#steps.pop();
  }

  run(): void {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) step();
  }
}
