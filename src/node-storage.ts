/**
 * Databases of a relay as files of a folder on Node, images and scratch databases beside them. Wiring only.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Limits } from './core/limits.ts';
import type { Log, Runtime } from './core/runtime.ts';
import type { Database } from './node-database.ts';
import { databaseOver } from './node-database.ts';
import { identityOptions } from './node-identity.ts';
import { makeImageFile, passingFile, removeImageFiles } from './node-image.ts';
import { isDatabaseName } from './relay/database-name.ts';
import type { Storage } from './relay/storage.ts';
import type { LinkBudget } from './replica/link-budget.ts';
import { Replica } from './replica/replica.ts';
import type { Driver } from './sqlite/database.ts';
import { createWasmDriver } from './sqlite/wasm/driver.ts';
import type { StoreOptions } from './store/open-store.ts';
import type { Store } from './store/store.ts';
import { openStore } from './store/store.ts';
import type { Codec } from './wire/codec-port.ts';

export interface Machine {
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly log: Log;
  readonly codec: Codec;
  readonly budget: LinkBudget;
}

const FILE_ENDING = '.db';
const SCRATCH = 'scratch';

interface FileStorageOptions {
  /** dbid -> what is open, for the owner. */
  readonly databases: Map<string, Database>;
  readonly lockNote: string | undefined;
  readonly hasUpstreams: boolean;
}

/** DIR/<dbid>.db for each database; the engine is loaded at the first opening. */
export function fileStorage(
  dir: string,
  machine: Machine,
  { databases, lockNote, hasUpstreams }: FileStorageOptions,
): Storage {
  const { runtime, limits, log, codec, budget } = machine;
  let driver: Promise<Driver> | undefined;
  const engine = (): Promise<Driver> => (driver ??= createWasmDriver({ statementsMax: limits.statementsMax }));
  const randomBytes = (length: number): Uint8Array => runtime.randomBytes(length);
  const pathOf = (dbid: string): string => join(dir, `${dbid}${FILE_ENDING}`);
  removeImageFiles(dir);
  return {
    async open(dbid) {
      const store = openStore({
        driver: await engine(),
        path: pathOf(dbid),
        randomBytes,
        limits,
        ...(lockNote === undefined ? {} : { lockNote }),
        ...identityOptions(pathOf(dbid), log),
      });
      const replica = new Replica({ store, codec, runtime, limits, log, dbid, hasUpstreams, budget });
      databases.set(dbid, databaseOver({ store, replica, runtime, limits, log }));
      return replica;
    },
    makeImage: async (replica) => makeImageFile(replica, { driver: await engine(), folder: dir }),
    async openScratch() {
      const path = passingFile(dir, SCRATCH);
      const store = openOrRemove({ driver: await engine(), path, randomBytes, limits });
      const replica = new Replica({ store, codec, runtime, limits, log, dbid: SCRATCH, budget });
      const remove = async (): Promise<void> => {
        await replica.close();
        removeFiles(path);
      };
      return { replica, remove };
    },
    // A file system that ignores case would find 'Todo' for 'todo'.
    exists: async (dbid) => existsSync(pathOf(dbid)) && readdirSync(dir).includes(`${dbid}${FILE_ENDING}`),
    async list() {
      const names = readdirSync(dir).filter((name) => name.endsWith(FILE_ENDING));
      return names.map((name) => name.slice(0, -FILE_ENDING.length)).filter(isDatabaseName);
    },
    remove: async (dbid) => removeFiles(pathOf(dbid)),
  };
}

/** What cannot be opened leaves nothing behind. */
function openOrRemove(options: StoreOptions): Store {
  try {
    return openStore(options);
  } catch (error) {
    removeFiles(options.path);
    throw error;
  }
}

function removeFiles(path: string): void {
  for (const ending of ['', '-wal', '-shm', '-journal', '-site']) rmSync(`${path}${ending}`, { force: true });
}
