/**
 * The door `crmesh/service-worker`: a replica of its own in a service worker, for module and classic ones. It syncs on
 * the events that the browser sends, with no tab open; a tab that is there is its peer instead of the relay.
 */
import type { Limits } from './core/limits.ts';
import { limitsWith } from './core/limits.ts';
import { ReplicationError } from './core/errors.ts';
import type { LinkMode } from './wire/message.ts';
import { listenToEvents } from './service-worker-events.ts';
import { ServiceWorkerReplica } from './service-worker-replica.ts';

export { isReplicationError, ReplicationError } from './core/errors.ts';
export type { ErrorCode, Fault, Retry } from './core/errors.ts';
export type { Limits } from './core/limits.ts';
export { real, Real } from './core/sql-value.ts';
export type { LocalDatabase } from './browser-replica.ts';
export type { ServiceWorkerReplica, ServiceWorkerStatus } from './service-worker-replica.ts';

export interface ServiceWorkerOptions {
  /** Plain CREATE TABLE and CREATE INDEX text; the database is brought to it. */
  readonly schema?: string;
  /** The database's address at a relay: ws(s): or http(s):. Without it only tabs are peers. */
  readonly url?: string;
  readonly token?: string | (() => string | Promise<string>);
  readonly mode?: LinkMode;
  /** The path below which the relay's endpoints are answered here, offline: '/crmesh' answers '/crmesh/todo/changes'. */
  readonly api?: string;
  /** Address of the engine (crsqlite-sync.wasm); by default it lies beside the service worker's script. */
  readonly engine?: string | URL;
  /** A sync holds the worker so long at most; the next event goes on. Default 20 seconds. */
  readonly syncMsMax?: number;
  /** Fetch events start a sync at most so often. Default 30 seconds. */
  readonly fetchSyncMs?: number;
  readonly limits?: Partial<Limits>;
}

/** A script has one global, and one replica a name in it. */
const opened: { readonly name: string; readonly api: string | undefined }[] = [];

/**
 * Takes part in the events fetch, sync, periodicsync, push and message of this service worker. To be called while its
 * script runs for the first time, since the browser takes listeners only then; the database is opened by the first
 * event that needs it.
 *
 * Errors  USAGE for a name or an `api` that is none or is taken here, and outside of a service worker. A sync event of tag `crmesh NAME` fails when it could not sync, so
 *         that the browser tries it again.
 */
export function open(name: string, options: ServiceWorkerOptions = {}): ServiceWorkerReplica {
  if (typeof name !== 'string' || name === '') {
    throw new ReplicationError('USAGE', "open takes the name of a database first: open('todo', { schema, url })");
  }
  const { api } = options;
  checkPlace(name, api);
  opened.push({ name, api });
  const replica = new ServiceWorkerReplica({
    name,
    schema: options.schema,
    url: options.url,
    token: options.token,
    mode: options.mode ?? 'leaf',
    api,
    engine: String(options.engine ?? new URL('crsqlite-sync.wasm', globalThis.location.href)),
    syncMsMax: options.syncMsMax ?? 20_000,
    limits: limitsWith(options.limits),
  });
  listenToEvents(replica, { name, api, fetchSyncMs: options.fetchSyncMs ?? 30_000 });
  return replica;
}

function checkPlace(name: string, api: string | undefined): void {
  if (!('registration' in globalThis)) {
    throw new ReplicationError('USAGE', 'this is no service worker: in a page or a worker import crmesh');
  }
  if (api !== undefined && !/^(?:\/[^/?#]+)+$/.test(api)) {
    throw new ReplicationError('USAGE', `api is a path without an end, '/crmesh', not '${api}'`);
  }
  for (const other of opened) {
    if (other.name === name) throw new ReplicationError('USAGE', `'${name}' is open here already: call open once`);
    if (api === undefined || other.api === undefined || !overlap(api, other.api)) continue;
    throw new ReplicationError(
      'USAGE',
      `'${other.name}' answers below ${other.api} already: give '${name}' another api`,
    );
  }
}

function overlap(a: string, b: string): boolean {
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`);
}
