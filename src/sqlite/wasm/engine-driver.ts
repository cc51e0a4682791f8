/**
 * The WebAssembly driver over a compiled engine and a file system, wherever it runs. driver.ts gives it Node's parts,
 * the browser's doors give it theirs.
 */
import { DEFAULT_LIMITS } from '../../core/limits.ts';
import type { Connection, Driver } from '../database.ts';
import { WasmConnection } from './connection.ts';
import { EnginePool } from './engine-pool.ts';
import { FileDatabases, type LockFile } from './file-databases.ts';
import type { FileSystem } from './file-system.ts';
import { openDatabase, useMemoryForTemporaryData } from './open-database.ts';

export interface EngineDriverParts {
  readonly module: WebAssembly.Module;
  readonly fileSystem: FileSystem;
  /** Keeps other processes out of a file; nobody is kept out if absent. */
  readonly lockFile?: LockFile;
  /** Databases that share an engine instance and fail together: 1 for files and 16 in memory by default. */
  readonly databasesPerEngine?: number | undefined;
  /** Compiled statements a connection keeps. */
  readonly statementsMax?: number | undefined;
}

const MEMORY_DATABASES_PER_ENGINE = 16;
const MEMORY_OPENS_PER_ENGINE = 400;

export function engineDriver(parts: EngineDriverParts): Driver {
  const statementsMax = parts.statementsMax ?? DEFAULT_LIMITS.statementsMax;
  const inMemory = new EnginePool(parts.module, {
    databasesMax: parts.databasesPerEngine ?? MEMORY_DATABASES_PER_ENGINE,
    opensMax: MEMORY_OPENS_PER_ENGINE,
  });
  const files = new FileDatabases({
    compiled: parts.module,
    fileSystem: parts.fileSystem,
    lockFile: parts.lockFile ?? (() => () => {}),
    statementsMax,
    databasesPerEngine: parts.databasesPerEngine ?? 1,
  });
  return {
    engine: 'wasm',
    open: (path, open = {}) => (path === ':memory:' ? openInMemory(inMemory, statementsMax) : files.open(path, open)),
    exists: (path) => path !== ':memory:' && files.exists(path),
  };
}

function openInMemory(pool: EnginePool, statementsMax: number): Connection {
  const { engine, release } = pool.lease();
  try {
    const db = openDatabase(engine, ':memory:', '');
    useMemoryForTemporaryData(engine, db);
    return new WasmConnection({ engine, db, path: ':memory:', statementsMax, release });
  } catch (error) {
    release();
    throw error;
  }
}
