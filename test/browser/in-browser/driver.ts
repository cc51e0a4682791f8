/** Node's driver, replaced: databases lie in the browser storage that the worker's address names. */
import type { Connection, Driver } from '../../../src/sqlite/database.ts';
import { engineDriver } from '../../../src/sqlite/wasm/engine-driver.ts';
import type { FileSystem } from '../../../src/sqlite/wasm/file-system.ts';
import { MirrorFileSystem } from '../../../src/sqlite/wasm/mirror-file-system.ts';
import { MirrorStorage } from '../../../src/sqlite/wasm/mirror-storage.ts';
import { OpfsFileSystem } from '../../../src/sqlite/wasm/opfs-file-system.ts';
import { afterEach } from './vitest.ts';

/** More than one test opens between two awaits. */
const POOL_FILES = 120;

const query = new URLSearchParams(location.search);
const storage = query.get('storage') ?? 'opfs';

async function fileSystemOf(): Promise<FileSystem> {
  if (storage === 'mirror') return MirrorFileSystem.load((await MirrorStorage.open('crmesh-suite'))!);
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('crmesh-suite', { create: true });
  const pool = await OpfsFileSystem.open(folder);
  afterEach(() => pool.reserve(POOL_FILES));
  await pool.reserve(POOL_FILES);
  return pool;
}

interface Loaded {
  readonly module: WebAssembly.Module;
  readonly driver: Driver;
  readonly fileSystem: FileSystem;
}

async function load(): Promise<Loaded> {
  const module = await WebAssembly.compileStreaming(fetch('/crsqlite-sync.wasm'));
  const fileSystem = await fileSystemOf();
  return {
    module,
    driver: engineDriver({ module, fileSystem, databasesPerEngine: 8 }),
    fileSystem,
  };
}

const loaded = load();
let paths = 0;

/** A database in memory becomes a file of the storage, removed when it is closed; a file system that is given is used. */
export async function createWasmDriver(options: { readonly fileSystem?: FileSystem } = {}): Promise<Driver> {
  const { module, driver, fileSystem } = await loaded;
  if (options.fileSystem !== undefined) return engineDriver({ module, fileSystem: options.fileSystem });
  const open: Driver['open'] = (path, options) => {
    if (path !== ':memory:') return driver.open(path, options);
    const own = `/memory-${paths++}.db`;
    return removedAtClose(driver.open(own, options), () => fileSystem.remove(own));
  };
  return { engine: 'wasm', open, exists: (path) => driver.exists(path) };
}

function removedAtClose(connection: Connection, remove: () => void): Connection {
  const close = connection.close.bind(connection);
  connection.close = () => {
    close();
    remove();
  };
  return connection;
}
