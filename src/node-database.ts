/**
 * The public database over a store on Node: what the doors crmesh and crmesh/relay share. Wiring only.
 *
 * Gives the database its sockets (by the scheme of the address), its site keys and its sense of the calling context.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHmac } from 'node:crypto';
import { ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import type { Log, Runtime } from './core/runtime.ts';
import { ImageAdoption } from './image-adoption.ts';
import { nodeImagePlaces } from './node-adoption.ts';
import type { CallContext } from './replica/call-context.ts';
import type { SyncTarget } from './replica/database.ts';
import { Database as ReplicaDatabase } from './replica/database.ts';
import { Peering } from './replica/peering.ts';
import type { ReplicaPort } from './replica/replica-port.ts';
import type { Driver } from './sqlite/database.ts';
import type { Store } from './store/store.ts';
import type { Dial } from './transport/frame-port.ts';
import { dialHttpSession } from './transport/http-session-dial.ts';
import { nodeCompression } from './transport/node-compression.ts';
import type { WebSocketDialOptions } from './transport/websocket-dial.ts';
import { dialWebSocket } from './transport/websocket-dial.ts';
import { createCodec } from './wire/codec.ts';
import type { LinkMode } from './wire/message.ts';

export interface SyncOptions {
  /** Sent as a bearer token; a function is asked at each connection. */
  readonly token?: string | (() => string | Promise<string>);
  /** leaf (default): sends own changes; peer: forwards others' too, wanted when this database has several links. */
  readonly mode?: LinkMode;
}

/** An open replica: what open() gives. */
export type Database = ReplicaDatabase<SyncOptions | undefined>;

export interface NodeDatabaseParts {
  readonly store: Store;
  readonly replica: ReplicaPort;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly log: Log;
  /** The file and its engine, where a first sync may put an image in its place. */
  readonly file?: { readonly path: string; readonly driver: Driver };
  /** How links are made; sockets and timers of the machine when absent. */
  readonly dialling?: Dialling;
}

export interface Dialling {
  /** Makes the dial function for an address. */
  dial(options: WebSocketDialOptions): Dial;
  /** The clock of links: how long they wait before they dial again. */
  readonly runtime: Runtime;
}

/** The public database over an open store and its replica. */
export function databaseOver(parts: NodeDatabaseParts): Database {
  const { store, replica, runtime, limits, log } = parts;
  const adoption = adoptionFor(parts);
  return new ReplicaDatabase({
    replica,
    connection: () => store.connection,
    runtime,
    limits,
    context: asyncCallContext(),
    target: (url, sync) => syncTarget({ ...parts, adoption, url, options: sync ?? {} }),
    peering: new Peering({ ...parts, codec: createCodec({ limits, compression: nodeCompression() }) }),
    report: (error) => log.error({ err: error }, error instanceof Error ? error.message : String(error)),
  });
}

/** Undefined where there is no file, or no network that an image could come over. */
function adoptionFor({
  store,
  replica,
  runtime,
  limits,
  file,
  dialling,
}: NodeDatabaseParts): ImageAdoption | undefined {
  if (file === undefined || file.path === ':memory:' || dialling !== undefined) return undefined;
  const { driver, path } = file;
  return new ImageAdoption({ store, replica, runtime, limits, driver, places: nodeImagePlaces(path) });
}

interface TargetInput extends NodeDatabaseParts {
  readonly adoption: ImageAdoption | undefined;
  readonly url: string;
  readonly options: SyncOptions;
}

function syncTarget({ url, options, store, runtime, limits, adoption, dialling }: TargetInput): SyncTarget {
  const address = databaseAddress(url);
  const dbid = decodeURIComponent(address.pathname.replace(/\/+$/, '').split('/').at(-1)!);
  const { mode = 'leaf' } = options;
  if (mode !== 'leaf' && mode !== 'peer') throw new ReplicationError('USAGE', "a link's mode is 'leaf' or 'peer'");
  const links = dialling ?? { dial: dialByScheme, runtime: linkRuntime(runtime) };
  const tokenNow = async (): Promise<string | undefined> =>
    typeof options.token === 'function' ? options.token() : options.token;
  const dial: Dial = async () => {
    const token = await tokenNow();
    return links.dial({ url: address.href, limits, ...(token === undefined ? {} : { token }) })();
  };
  const images = adoption === undefined ? {} : { images: adoption.takerFor({ url: address.href, token: tokenNow }) };
  const siteKey = (): string => siteKeyFor(store, `${relayName(address)}/${dbid}`);
  return { dial, dbid, mode, siteKey, runtime: links.runtime, ...images };
}

function dialByScheme(options: WebSocketDialOptions): Dial {
  return options.url.startsWith('ws') ? dialWebSocket(options) : dialHttpSession(options);
}

function databaseAddress(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  const known = address !== undefined && /^(?:ws|http)s?:$/.test(address.protocol);
  if (known && /[^/]/.test(address.pathname) && !/%(?![0-9a-f]{2})/i.test(address.pathname)) return address;
  const message = `'${url}' is not the address of a database: give ws://HOST:PORT/NAME, or wss, http, https`;
  throw new ReplicationError('USAGE', message);
}

/** Without the port, and one name for this machine: a relay that restarts on another port is still the same. */
function relayName({ hostname }: URL): string {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname) ? 'localhost' : hostname;
}

/** Differs for each relay, so that one relay cannot speak for this site to another. */
function siteKeyFor(store: Store, relay: string): string {
  const secret = store.secrets.get(store.identity.site);
  if (secret === undefined)
    throw new ReplicationError('DATABASE_CORRUPT', 'this database has lost the secret of its site');
  return createHmac('sha256', secret).update(`crmesh site key ${relay}`).digest('hex');
}

/** A link that waits to try again keeps the process alive, as its socket does; close() lets it end. */
function linkRuntime(runtime: Runtime): Runtime {
  return {
    ...runtime,
    setTimer(ms, callback) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
}

function asyncCallContext(): CallContext {
  const storage = new AsyncLocalStorage<object>();
  return { run: (token, work) => storage.run(token, work), current: () => storage.getStore() };
}
