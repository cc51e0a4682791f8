/** The public database over a storage of the browser: what its doors share. Wiring only. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { browserImagePlaces } from './browser-adoption.ts';
import type { BrowserStorage } from './browser-storage.ts';
import { ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import type { Log, Runtime } from './core/runtime.ts';
import { hexFromBytes } from './core/site-id.ts';
import { ImageAdoption } from './image-adoption.ts';
import { noCallContext } from './replica/call-context.ts';
import type { SyncTarget } from './replica/database.ts';
import { Database } from './replica/database.ts';
import { Peering } from './replica/peering.ts';
import { Replica } from './replica/replica.ts';
import type { Store } from './store/store.ts';
import { openStore } from './store/store.ts';
import { browserCompression } from './transport/browser-compression.ts';
import { browserRuntime } from './transport/browser-runtime.ts';
import { dialBrowserWebSocket } from './transport/browser-websocket.ts';
import type { Dial } from './transport/frame-port.ts';
import { dialHttpSession } from './transport/http-session-dial.ts';
import type { Codec } from './wire/codec-port.ts';
import { createCodec } from './wire/codec.ts';
import type { LinkMode } from './wire/message.ts';

export interface BrowserSyncOptions {
  readonly token?: string | (() => string | Promise<string>);
  readonly mode?: LinkMode;
}

export type LocalDatabase = Database<BrowserSyncOptions>;

export interface BrowserReplicaOptions {
  readonly storage: BrowserStorage;
  readonly name: string;
  readonly limits: Limits;
  readonly durability?: 'normal' | 'full' | undefined;
  readonly schema?: string | undefined;
  readonly log: Log;
}

export interface BrowserReplica {
  readonly database: LocalDatabase;
  readonly replica: Replica;
  readonly codec: Codec;
  readonly runtime: Runtime;
}

/** Opens the store; what its opening wrote is safe when this resolves. */
export async function openBrowserReplica(options: BrowserReplicaOptions): Promise<BrowserReplica> {
  const { storage, name, limits, log, durability, schema } = options;
  const runtime = browserRuntime();
  const store = openStore({
    driver: storage.driver,
    path: storage.path,
    randomBytes: (length) => runtime.randomBytes(length),
    limits,
    ...(durability === undefined ? {} : { durability }),
    ...(schema === undefined ? {} : { schema }),
  });
  await store.whenDurable();
  const codec = createCodec({ limits, compression: browserCompression() });
  const replica = new Replica({ store, codec, runtime, limits, log, dbid: name });
  const { driver, fileSystem, path } = storage;
  const places = browserImagePlaces(fileSystem, path);
  const adoption = new ImageAdoption({ store, replica, driver, places, limits, runtime });
  const database = new Database<BrowserSyncOptions>({
    replica,
    connection: () => store.connection,
    runtime,
    limits,
    context: noCallContext,
    target: (url, sync) => syncTarget({ url, options: sync, store, runtime, limits, adoption }),
    peering: new Peering({ replica, codec, runtime, limits, log }),
    report: reporterTo(log),
  });
  return { database, replica, codec, runtime };
}

interface TargetInput {
  readonly url: string;
  readonly options: BrowserSyncOptions;
  readonly store: Store;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly adoption: ImageAdoption;
}

function syncTarget({ url, options, store, runtime, limits, adoption }: TargetInput): SyncTarget {
  const address = databaseAddress(url);
  const dbid = decodeURIComponent(address.pathname.replace(/\/+$/, '').split('/').at(-1)!);
  const dialOne = address.protocol.startsWith('ws') ? dialBrowserWebSocket : dialHttpSession;
  let key = '';
  const tokenNow = async (): Promise<string | undefined> =>
    typeof options.token === 'function' ? options.token() : options.token;
  const dial: Dial = async () => {
    const token = await tokenNow();
    const port = await dialOne({ url: address.href, limits, ...(token === undefined ? {} : { token }) })();
    // Made at each connection, since a site id may change.
    key = siteKeyFor(store, `${relayName(address)}/${dbid}`);
    return port;
  };
  const images = adoption.takerFor({ url: address.href, token: tokenNow });
  return { dial, dbid, mode: options.mode ?? 'leaf', siteKey: () => key, runtime, images };
}

function databaseAddress(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  const known = address !== undefined && /^(?:ws|http)s?:$/.test(address.protocol);
  if (known && /[^/]/.test(address.pathname) && !/%(?![0-9a-f]{2})/i.test(address.pathname)) return address;
  const message = `'${url}' is not the address of a database: give ws://HOST:PORT/NAME, or wss, http, https`;
  throw new ReplicationError('USAGE', message);
}

/** As on Node: without the port, and one name for this machine. */
function relayName({ hostname }: URL): string {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname) ? 'localhost' : hostname;
}

/**
 * Differs for each relay, so that one relay cannot speak for this site to another.
 *
 * Why     Not by Web Crypto, which a page has only from https or localhost.
 */
function siteKeyFor(store: Store, relay: string): string {
  const secret = store.secrets.get(store.identity.site);
  if (secret === undefined) {
    throw new ReplicationError('DATABASE_CORRUPT', 'this database has lost the secret of its site');
  }
  return hexFromBytes(hmac(sha256, secret, new TextEncoder().encode(`crmesh site key ${relay}`)));
}

/** Logs what no call hears. */
export function reporterTo(log: Log): (error: unknown) => void {
  return (error) => log.error({ err: error }, error instanceof Error ? error.message : String(error));
}

/** A worker has no other place to say what no call hears. */
export const consoleLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_fields, message) => globalThis.console.warn(`crmesh: ${message}`),
  error: (_fields, message) => globalThis.console.warn(`crmesh: ${message}`),
};
