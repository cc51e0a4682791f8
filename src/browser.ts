/**
 * The door `crmesh` for browsers: opens a database that all tabs of an origin share.
 *
 * It lives in a dedicated worker of one of them, on the best storage there is, and moves to another tab when that one
 * goes. Nothing but wiring stands here.
 */
import { BrowserDatabase } from './browser-database.ts';
import { keepFromRemoval } from './browser-removal.ts';
import { ServiceWorkerOffers } from './browser-service-worker.ts';
import type { StorageKind } from './browser-storage.ts';
import type { TabOptions } from './browser-tab.ts';
import { PageWorker, watchPageLife } from './browser-worker.ts';
import { isReplicationError, ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import { limitsWith } from './core/limits.ts';
import { randomId } from './transport/random-id.ts';

export { isReplicationError, ReplicationError } from './core/errors.ts';
export type { ErrorCode, Fault, Retry } from './core/errors.ts';
export type { Limits } from './core/limits.ts';
export { DEFAULT_LIMITS } from './core/limits.ts';
export { real, Real } from './core/sql-value.ts';
export type { BrowserStatus } from './browser-database.ts';
export { BrowserDatabase } from './browser-database.ts';
export type { PageLink } from './browser-link.ts';
export type { PageMeeting } from './browser-meeting.ts';
export { removeDatabase as remove } from './browser-removal.ts';
export type { BrowserSyncOptions as SyncOptions } from './browser-replica.ts';
export type { StorageKind } from './browser-storage.ts';
export type { PendingChange } from './replica/pending-changes.ts';
export type { SqlParameter } from './replica/sql-parameters.ts';
export type { SyncEvents, SyncState, SyncStatus } from './replica/sync-events.ts';
export type { Transaction } from './replica/transaction.ts';
export type { Row, RowValue } from './replica/user-statements.ts';
export type { MigrationResult } from './store/store-port.ts';

export interface BrowserOpenOptions {
  /** Plain CREATE TABLE and CREATE INDEX text; the database is brought to it. */
  readonly schema?: string;
  /** How own commits are written: 'normal' (default) survives the end of the browser, 'full' also a power cut. */
  readonly durability?: 'normal' | 'full';
  /** One storage instead of the best one. */
  readonly storage?: StorageKind;
  readonly limits?: Partial<Limits>;
  /** The service worker of this page has a replica of this database (crmesh/service-worker): it becomes a peer. */
  readonly serviceWorker?: boolean;
  /** Address of the engine (crsqlite-sync.wasm); by default it lies beside this file. */
  readonly engine?: string | URL;
  /** Starts the worker (crmesh/worker as a module), again after a freeze; by default worker.js beside this file. */
  readonly worker?: () => Worker;
}

/** Owners that may go while a database is opened. */
const OWNERS_MAX = 5;
const STORAGES: readonly StorageKind[] = ['opfs', 'mirror', 'memory'];

/**
 * Opens the database `name` of this origin; ':memory:' is one of this page alone.
 *
 * Errors  SCHEMA_REFUSED with steps when the schema would lose data; STORAGE_FULL; DATABASE_CORRUPT; UNAVAILABLE when
 *         the worker or the engine cannot start; USAGE for options that are none, and where there are no workers.
 */
export async function open(name: string, options: BrowserOpenOptions = {}): Promise<BrowserDatabase> {
  if (typeof name !== 'string' || name === '') {
    throw new ReplicationError('USAGE', "open takes the name of a database first: open('todo', { schema })");
  }
  const { storage } = options;
  if (storage !== undefined && !STORAGES.includes(storage)) {
    throw new ReplicationError('USAGE', `storage is one of ${STORAGES.join(', ')}, not '${String(storage)}'`);
  }
  if (typeof Worker === 'undefined') throw noWorkers();
  const worker = new PageWorker({
    start: options.worker ?? (() => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })),
    options: tabOptions(name, options),
    onFailure: (message) => database.giveUp(workerFailed(message)),
  });
  let offers: ServiceWorkerOffers | undefined;
  const release = keepFromRemoval(name);
  const end = (): void => {
    release();
    unwatch();
    offers?.close();
    worker.stop();
  };
  const database = new BrowserDatabase(worker, end, (owner) => offers?.setOwner(owner));
  const onRest = (): void => {
    if (database.rest()) worker.stop();
  };
  const unwatch = watchPageLife({ onRest, onWake: () => worker.start() });
  if (options.serviceWorker === true && 'serviceWorker' in navigator) {
    offers = new ServiceWorkerOffers(name, (port, onEnd) => database.acceptUntil(port, onEnd), navigator.serviceWorker);
  }
  worker.start();
  try {
    await database.opened;
    if (options.schema !== undefined) await bringTo(database, options.schema);
    return database;
  } catch (error) {
    end();
    throw error;
  }
}

/** An owner that goes meanwhile does not say how far it came: the next one is asked, to whom it is done or to do. */
async function bringTo(database: BrowserDatabase, schema: string): Promise<void> {
  for (let owners = 1; ; owners++) {
    try {
      await database.migrate(schema);
      return;
    } catch (error) {
      if (!isReplicationError(error, 'LINK_LOST') || owners === OWNERS_MAX) throw error;
    }
  }
}

function tabOptions(name: string, { storage, durability, limits, engine }: BrowserOpenOptions): TabOptions {
  const alone = name === ':memory:';
  return {
    name: alone ? `memory ${randomId()}` : name,
    engine: String(engine ?? new URL('./crsqlite-sync.wasm', import.meta.url)),
    storage: alone ? 'memory' : storage,
    durability,
    limits: limitsWith(limits),
  };
}

function noWorkers(): ReplicationError {
  const message =
    'there are no workers here: open the database in a page, in a service worker with crmesh/service-worker';
  return new ReplicationError('USAGE', message);
}

function workerFailed(message: string): ReplicationError {
  const advice = 'check that worker.js is served beside the app, or pass { worker } to open()';
  return new ReplicationError(
    'UNAVAILABLE',
    `the worker of the database failed: ${message || 'no reason given'}: ${advice}`,
  );
}
