/**
 * The door `crmesh/relay`: a relay on Node, with its databases in a folder, its sockets and its HTTP server.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { codedError, ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import { limitsWith } from './core/limits.ts';
import type { Log, Runtime } from './core/runtime.ts';
import type { Database } from './node-database.ts';
import { filePins } from './node-pins.ts';
import type { Machine } from './node-storage.ts';
import { fileStorage } from './node-storage.ts';
import { errorAnswer } from './relay/answer.ts';
import type { RelaySettings } from './relay/create-relay.ts';
import { createRelay as createCoreRelay } from './relay/create-relay.ts';
import type { RequestInfo } from './relay/relay.ts';
import type { Storage } from './relay/storage.ts';
import { LinkBudget } from './replica/link-budget.ts';
import type { ReplicaPort } from './replica/replica-port.ts';
import { SyncLink } from './replica/sync-link.ts';
import { makeFolder } from './sqlite/folder.ts';
import { dialHttpSession } from './transport/http-session-dial.ts';
import { nodeCompression } from './transport/node-compression.ts';
import { answerNodeRequest, errorOfClient, requestFromNode } from './transport/node-http.ts';
import { nodeRuntime } from './transport/node-runtime.ts';
import { refuseConnection, refuseUpgrade, socketUpgrades } from './transport/node-upgrade.ts';
import { dialWebSocket } from './transport/websocket-dial.ts';
import { createCodec } from './wire/codec.ts';

export { isReplicationError, ReplicationError } from './core/errors.ts';
export type { ErrorCode, Fault, Retry } from './core/errors.ts';
export type { Limits } from './core/limits.ts';
export type { Log } from './core/runtime.ts';
export type { AccessRequest, Authorize, GrantOffer, Operation, Refusal } from './relay/access.ts';
export type { Meter } from './relay/meter.ts';
export type { RouteName, Routes } from './relay/routes.ts';
export type { Pin, PinStore } from './relay/site-pins.ts';
export type { Storage } from './relay/storage.ts';
export type { Grant, WriteDecision } from './replica/replica-port.ts';

export interface Upstream {
  /** The upstream relay itself: a database's own address is this and its id. ws(s): or http(s):. */
  readonly url: string;
  /** Must allow mode peer. */
  readonly token?: string;
}

export interface RelayOptions extends RelaySettings {
  /** The folder of the databases, made when it is not there; or `storage`. */
  readonly dir?: string;
  readonly storage?: Storage;
  /**
   * Relays to stay equal with: every database syncs with the one of the same id there, from the start of the relay
   * and while nobody calls, up to limits.databasesOpenMax of them.
   */
  readonly upstreams?: readonly Upstream[];
  readonly limits?: Partial<Limits>;
  /** A pino logger or its like; errors become warnings of the process by default. */
  readonly log?: Log;
  readonly runtime?: Runtime;
  /** What other processes are told that find a file in use. */
  readonly lockNote?: string;
}

export interface NodeRelay {
  /** Answers any request; never rejects. `address` is the caller's, as your server sees it. */
  fetch(request: Request, info?: RequestInfo): Promise<Response>;
  /** Answers a request of Node's HTTP server. */
  handle(message: IncomingMessage, answer: ServerResponse, info?: RequestInfo): Promise<void>;
  /** Takes over an upgrade of Node's HTTP server. */
  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer, info?: RequestInfo): Promise<void>;
  /** Answers a connection of Node's HTTP server that sent no request ('clientError'), with a code and a log line. */
  refuse(error: Error, socket: Duplex): void;
  /** The database behind a dbid while it is open in the relay's folder: for queries of the owner's own. */
  database(dbid: string): Database | undefined;
  /** Whether a path is one of the relay's. */
  serves(pathname: string): boolean;
  /**
   * Does what a relay does on a database of no consequence, so that the first callers after a start find compiled code:
   * about a second of one core, in short turns. Ends early when a caller comes. Never rejects.
   */
  warmUp(): Promise<void>;
  /** Says bye on every link, closes every database. Idempotent. */
  close(): Promise<void>;
}

/** Sockets that do not answer the close are cut after so long. */
const CLOSE_GRACE_MS = 500;

/**
 * Makes a relay; databases are opened as they are asked for.
 *
 * Errors  USAGE without `dir` or `storage`, or for routes that lack their parameters; STORAGE_FAILED for a folder that
 *         cannot be made.
 */
export function createRelay(options: RelayOptions): NodeRelay {
  const limits = limitsWith(options.limits);
  const { runtime = nodeRuntime(), log = processWarnings() } = options;
  const codec = createCodec({ limits, compression: nodeCompression() });
  const machine = { runtime, limits, log, codec, budget: new LinkBudget(limits.linksBytesMax) };
  const databases = new Map<string, Database>();
  const { upstreams = [], lockNote } = options;
  const hasUpstreams = upstreams.length > 0;
  const storage = options.storage ?? fileStorage(folderOf(options), machine, { databases, lockNote, hasUpstreams });
  const pins = options.pins ?? (options.dir === undefined ? undefined : filePins(options.dir, limits));
  const settings = pins === undefined ? options : { ...options, pins };
  const linked = upstreamLinks(upstreams, machine);
  const onOpened = (replica: ReplicaPort): (() => void) => {
    const unlink = linked(replica);
    return () => {
      databases.delete(replica.dbid);
      unlink();
    };
  };
  const relay = createCoreRelay(settings, { ...machine, storage, onOpened, staysOpen: upstreams.length > 0 });
  if (upstreams.length > 0) void relay.wake();
  const sockets = socketUpgrades(machine);
  return {
    fetch: (request, info) => relay.fetch(request, info),
    handle: (message, answer, info) =>
      answerNodeRequest(message, answer, {
        fetch: (request, seen) => relay.fetch(request, seen),
        onError: errorAnswer,
        address: info?.address,
      }),
    async upgrade(message, socket, head, info = addressOf(message)) {
      socket.on('error', () => socket.destroy());
      try {
        const admission = await relay.admit(requestFromNode(message), info);
        if (socket.destroyed) return admission.leave();
        sockets.open({ message, socket, head }, admission.accept, admission.leave);
      } catch (error) {
        await refuseUpgrade(socket, errorAnswer(codedError(error)));
      }
    },
    refuse(error, socket) {
      const coded = errorOfClient(error);
      const { code, level, message } = coded;
      log[level]({ code, peer: addressOfSocket(socket) }, message);
      void refuseConnection(socket, errorAnswer(coded));
    },
    database: (dbid) => databases.get(dbid),
    serves: (pathname) => relay.serves(pathname),
    warmUp: () => relay.warmUp(),
    async close() {
      await relay.close();
      await sockets.close(CLOSE_GRACE_MS);
    },
  };
}

export interface ServeOptions {
  /** 0 = a free one. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Answers what is none of the relay's paths: pages of an app, say. `next` leaves the answer to the relay. */
  readonly pages?: PageHandler;
}

/** As the middleware of Node's web servers, sirv for example. */
export type PageHandler = (message: IncomingMessage, answer: ServerResponse, next: () => void) => void;

export interface ServedRelay {
  /** http://HOST:PORT */
  readonly url: string;
  readonly server: Server;
  /** Closes the relay, then the server. */
  close(): Promise<void>;
}

/** Serves a relay on a port, alone or with pages beside it. Errors  UNAVAILABLE when the port cannot be had. */
export async function serveRelay(
  relay: NodeRelay,
  { port, host = '127.0.0.1', pages }: ServeOptions,
): Promise<ServedRelay> {
  const server = createServer((message, answer) => {
    const onRelay = (): void => void relay.handle(message, answer);
    if (pages === undefined || relay.serves(pathOf(message))) onRelay();
    else pages(message, answer, onRelay);
  });
  server.on('clientError', (error, socket) => relay.refuse(error, socket));
  server.on('upgrade', (message, socket, head) => void relay.upgrade(message, socket, head));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new ReplicationError('UNAVAILABLE', `cannot listen on ${host}:${port}: ${cause.message}`, {}, { cause }));
    });
    server.listen(port, host, resolve);
  });
  const { port: opened } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    await relay.close();
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${opened}`, server, close };
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

function folderOf({ dir }: RelayOptions): string {
  if (dir === undefined) throw new ReplicationError('USAGE', 'a relay needs a folder: createRelay({ dir: "./data" })');
  makeFolder(dir);
  return dir;
}

/** Links of every open database to the same database of each upstream. */
function upstreamLinks(upstreams: readonly Upstream[], machine: Machine): (replica: ReplicaPort) => () => void {
  return (replica) => {
    const links = upstreams.map((upstream) => upstreamLink(upstream, replica, machine));
    return () => {
      for (const link of links) link.close();
    };
  };
}

function upstreamLink({ url, token }: Upstream, replica: ReplicaPort, machine: Machine): SyncLink {
  const { runtime, limits, log } = machine;
  const { dbid } = replica;
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/${dbid}`;
  const dialOne = address.protocol.startsWith('ws') ? dialWebSocket : dialHttpSession;
  const dial = dialOne({ url: address.href, limits, ...(token === undefined ? {} : { token }) });
  const report = (error: unknown): void => log.error({ dbid, err: error }, 'upstream link');
  const link = new SyncLink({ replica, dial, dbid, mode: 'peer', runtime, limits, report });
  link.on('error', (error) => {
    // CLOSED: the upstream is restarted, and the link tries again by itself as for a lost connection.
    const isRefused = error.retry !== 'back-off' && error.code !== 'CLOSED';
    log[isRefused ? 'warn' : 'info']({ dbid, code: error.code, upstream: url }, error.message);
    // A refusal may be put right over there at any time.
    if (isRefused) runtime.setTimer(limits.retryMaxMs, () => resumeRefused(link));
  });
  return link;
}

function resumeRefused(link: SyncLink): void {
  if (link.status.state === 'refused') link.resume();
}

function addressOfSocket(socket: Duplex): string | undefined {
  return (socket as Partial<Socket>).remoteAddress;
}

function addressOf(message: IncomingMessage): RequestInfo {
  const address = message.socket.remoteAddress;
  return address === undefined ? {} : { address };
}

function processWarnings(): Log {
  const silent = (): void => undefined;
  const error: Log['error'] = (fields, message) => {
    process.emitWarning(message, { type: 'crmesh', code: String(fields['code'] ?? 'CRMESH') });
  };
  return { debug: silent, info: silent, warn: silent, error };
}
