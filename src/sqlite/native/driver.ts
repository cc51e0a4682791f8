/**
 * The native driver: better-sqlite3 with cr-sqlite's loadable extension, an accelerator for Node.
 *
 * It opens the same files as the WebAssembly driver, under the same lock, and leaves them in the same state.
 */
import { existsSync } from 'node:fs';
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import { DEFAULT_LIMITS } from '../../core/limits.ts';
import type { Connection, Driver, OpenOptions } from '../database.ts';
import { lockFile } from '../file-lock.ts';
import { canonicalPath } from '../file-path.ts';
import { absent, loadNativeEngine, type NativeDatabase, type NativeEngine } from './better-sqlite.ts';
import { NativeConnection } from './connection.ts';
import { coded, errorFromNative } from './native-error.ts';

export interface NativeDriverOptions {
  /** Compiled statements a connection keeps. */
  readonly statementsMax?: number;
}

/** Loads the engine; NATIVE_ABSENT if it is not installed or does not load here. */
export async function createNativeDriver(options: NativeDriverOptions = {}): Promise<Driver> {
  const engine = await loadNativeEngine();
  const statementsMax = options.statementsMax ?? DEFAULT_LIMITS.statementsMax;
  tryOut(engine);
  return {
    engine: 'native',
    open: (path, open = {}) => openPath({ engine, path, statementsMax, open }),
    exists: (path) => path !== ':memory:' && existsSync(path),
  };
}

/** A binary for another Node or another machine fails at the first use, not when it is found. */
function tryOut({ Database, extension }: NativeEngine): void {
  try {
    const database = new Database(':memory:');
    database.loadExtension(extension);
    database.exec('SELECT crsql_site_id()');
    finish(database);
    database.close();
  } catch (error) {
    throw absent(`the native engine does not load (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

interface OpenInput {
  readonly engine: NativeEngine;
  readonly path: string;
  readonly statementsMax: number;
  readonly open: OpenOptions;
}

function openPath({ engine, path, statementsMax, open }: OpenInput): Connection {
  if (path === '') throw new ReplicationError('USAGE', 'the path is empty: name a file, or :memory:');
  const inMemory = path === ':memory:';
  if (open.mustExist === true && !inMemory && !existsSync(path)) {
    throw new ReplicationError('NO_DATABASE', `there is no database file ${path}: check the path, or create it first`);
  }
  let release = (): void => {};
  try {
    release = inMemory ? release : lockFile(path, open.lockNote);
    const database = openDatabase(engine, inMemory ? path : canonicalPath(path));
    const connection = new NativeConnection({
      database,
      path,
      statementsMax,
      beforeClose: inMemory ? finish : leaveWalMode,
      release,
    });
    if (open.durability === 'full') connection.setDurability('full');
    return connection;
  } catch (error) {
    release();
    throw isReplicationError(error) ? error : storageFailure(path, error);
  }
}

function openDatabase({ Database, extension }: NativeEngine, path: string): NativeDatabase {
  const database = coded(() => new Database(path));
  try {
    database.unsafeMode(true);
    database.exec('PRAGMA temp_store = MEMORY; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 4000');
    database.loadExtension(extension);
    return database;
  } catch (error) {
    database.close();
    throw errorFromNative(error);
  }
}

function leaveWalMode(database: NativeDatabase): void {
  finish(database);
  quietly(() => database.exec('PRAGMA journal_mode = DELETE'));
}

/** Lets cr-sqlite free its own statements. */
function finish(database: NativeDatabase): void {
  quietly(() => database.exec('SELECT crsql_finalize()'));
}

/** A full or lost disk does not keep a database open: what was committed stands in its files. */
function quietly(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

function storageFailure(path: string, error: unknown): ReplicationError {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${path} cannot be opened (${reason}): check the path and its permissions`;
  return new ReplicationError('STORAGE_FAILED', message, {}, { cause: error });
}
