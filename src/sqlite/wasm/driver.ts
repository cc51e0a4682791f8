/**
 * The WebAssembly driver on Node: opens database files and ':memory:' databases.
 *
 * What the engine leaves unsafe is set at open: temporary data in memory, exclusive WAL, recovery of a WAL file
 * that another process left, one owner a file.
 */
import type { Driver } from '../database.ts';
import { engineDriver } from './engine-driver.ts';
import { loadEngineModule } from './engine-module.ts';
import type { LockFile } from './file-databases.ts';
import type { FileSystem } from './file-system.ts';

export interface WasmDriverOptions {
  /** The compiled engine, to share among drivers; read from the installed package if absent. */
  readonly module?: WebAssembly.Module;
  /** Where files lie; Node's `fs` if absent. */
  readonly fileSystem?: FileSystem;
  /** Locks files against other processes; by default only where files lie on Node's `fs`. */
  readonly lock?: boolean;
  /** Databases that share an engine instance and fail together: 1 for files and 16 in memory by default. */
  readonly databasesPerEngine?: number;
  /** Compiled statements a connection keeps. */
  readonly statementsMax?: number;
}

/** Loads the engine; everything after is synchronous. */
export async function createWasmDriver(options: WasmDriverOptions = {}): Promise<Driver> {
  return engineDriver({
    module: options.module ?? (await loadEngineModule()),
    fileSystem: options.fileSystem ?? (await nodeFileSystem()),
    lockFile: await lockFileOf(options),
    databasesPerEngine: options.databasesPerEngine,
    statementsMax: options.statementsMax,
  });
}

/** Loaded here, so that who gives another file system need not have Node's. */
async function nodeFileSystem(): Promise<FileSystem> {
  const { NodeFileSystem } = await import('./node-file-system.ts');
  return new NodeFileSystem();
}

async function lockFileOf(options: WasmDriverOptions): Promise<LockFile> {
  if (!(options.lock ?? options.fileSystem === undefined)) return () => () => {};
  const { lockFile } = await import('../file-lock.ts');
  return lockFile;
}
