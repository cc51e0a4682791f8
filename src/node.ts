/**
 * The door `crmesh` for Node: wires the engine, the store, the codec and the machine's clock, files and sockets to
 * the public database. Nothing but wiring stands here.
 */
import { basename } from 'node:path';
import { ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import { limitsWith } from './core/limits.ts';
import type { Log } from './core/runtime.ts';
import type { Database } from './node-database.ts';
import { databaseOver } from './node-database.ts';
import { identityOptions } from './node-identity.ts';
import { Replica } from './replica/replica.ts';
import type { Driver } from './sqlite/database.ts';
import { createWasmDriver } from './sqlite/wasm/driver.ts';
import { openStore } from './store/store.ts';
import { nodeCompression } from './transport/node-compression.ts';
import { nodeRuntime } from './transport/node-runtime.ts';
import { createCodec } from './wire/codec.ts';

export { isReplicationError, ReplicationError } from './core/errors.ts';
export type { ErrorCode, Fault, Retry } from './core/errors.ts';
export type { Limits } from './core/limits.ts';
export { DEFAULT_LIMITS } from './core/limits.ts';
export type { Change } from './core/change.ts';
export type { Coverage } from './core/coverage.ts';
export type { Range, RangeSet } from './core/range-set.ts';
export type { Log } from './core/runtime.ts';
export type { SiteId } from './core/site-id.ts';
export { real, Real } from './core/sql-value.ts';
export type { DatabaseStatus, QueryOptions } from './replica/database.ts';
export type { DurabilityTier } from './replica/durability.ts';
export type { ApplyOptions, ApplyResult, ChangesPage } from './replica/exchange.ts';
export type { ExchangedPart as Part } from './replica/exchanged-part.ts';
export type { FirstSyncStatus, ImageProgress } from './replica/first-sync.ts';
export type { WatchOptions } from './replica/live-query.ts';
export type { PendingChange } from './replica/pending-changes.ts';
export type { Rejection, Traffic } from './replica/replica-port.ts';
export type { SqlParameter } from './replica/sql-parameters.ts';
export type { SyncEvents, SyncProgress, SyncState, SyncStatus } from './replica/sync-events.ts';
export type { SyncLink } from './replica/sync-link.ts';
export type { Transaction } from './replica/transaction.ts';
export type { Row, RowValue } from './replica/user-statements.ts';
export type { Database, SyncOptions } from './node-database.ts';
export type { Restored, RestoreOptions } from './node-restore.ts';
export { restore } from './node-restore.ts';
export type { MigrationResult, Schema } from './store/store-port.ts';

export interface OpenOptions {
  /** Plain CREATE TABLE and CREATE INDEX text; the file is brought to it. Without it the file keeps its tables. */
  readonly schema?: string;
  /** How own commits are written: 'normal' (default) survives a crash, 'full' also a power cut, at once. */
  readonly durability?: 'normal' | 'full';
  /** 'wasm' (default) needs nothing; 'native' needs the optional packages better-sqlite3 and @vlcn.io/crsqlite. */
  readonly engine?: 'wasm' | 'native';
  readonly limits?: Partial<Limits>;
  /** Refuse to create a file that is not there. */
  readonly mustExist?: boolean;
  /** A pino logger or its like; warnings of the process by default. */
  readonly log?: Log;
  /** What other processes are told that find the file in use. */
  readonly lockNote?: string;
}

/**
 * Opens a replica in a file (made when it is not there), or in memory with ':memory:'.
 *
 * Errors  FILE_LOCKED when another process has it; SCHEMA_REFUSED with steps when the schema would lose data;
 *         NO_DATABASE with mustExist; NATIVE_ABSENT; DATABASE_CORRUPT.
 */
export async function open(path: string, options: OpenOptions = {}): Promise<Database> {
  if (typeof path !== 'string' || path === '') {
    throw new ReplicationError('USAGE', "open takes the path of a file first: open('todo.db', { schema })");
  }
  if (typeof options !== 'object' || options === null) {
    throw new ReplicationError('USAGE', "open takes its options as an object: open('todo.db', { schema })");
  }
  const limits = limitsWith(options.limits);
  const runtime = nodeRuntime();
  const log = options.log ?? processWarnings();
  const { schema, durability, mustExist, lockNote } = options;
  const driver = await driverOf(options.engine ?? 'wasm', limits);
  const store = openStore({
    driver,
    path,
    randomBytes: (length) => runtime.randomBytes(length),
    limits,
    ...(schema === undefined ? {} : { schema }),
    ...(durability === undefined ? {} : { durability }),
    ...(mustExist === undefined ? {} : { mustExist }),
    ...(lockNote === undefined ? {} : { lockNote }),
    ...identityOptions(path, log),
  });
  const codec = createCodec({ limits, compression: nodeCompression() });
  const replica = new Replica({ store, codec, runtime, limits, log, dbid: nameOf(path) });
  return databaseOver({ store, replica, runtime, limits, log, file: { path, driver } });
}

async function driverOf(engine: 'wasm' | 'native', limits: Limits): Promise<Driver> {
  const { statementsMax } = limits;
  if (engine === 'wasm') return createWasmDriver({ statementsMax });
  if (engine !== 'native') throw new ReplicationError('USAGE', "engine is 'wasm' or 'native'");
  const { createNativeDriver } = await import('./sqlite/native/driver.ts');
  return createNativeDriver({ statementsMax });
}

function nameOf(path: string): string {
  return (
    basename(path)
      .replace(/\.\w+$/, '')
      .replace(/[^A-Za-z0-9._-]/g, '') || 'database'
  );
}

/** Warnings and errors as warnings of the process; the rest is not said. */
function processWarnings(): Log {
  const warn = (fields: Record<string, unknown>, message: string): void => {
    process.emitWarning(message, {
      type: 'crmesh',
      code: typeof fields['code'] === 'string' ? fields['code'] : 'CRMESH',
    });
  };
  return { debug: () => undefined, info: () => undefined, warn, error: warn };
}
