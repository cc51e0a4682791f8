/**
 * vlcn: @vlcn.io/ws-server and ws-client over the native cr-sqlite extension, files in WAL mode, commits not synced.
 *
 * Its native part is downloaded by an install script from a place of its own; where that cannot be reached it is absent.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { ROW_SCHEMA, stampsIn, type BenchRow } from '../lib/rows.ts';
import type { Contender, ContenderClient, ContenderServer, Place } from './contender.ts';

/** What of better-sqlite3 is used. */
interface Native {
  prepare(sql: string): NativeStatement;
  transaction(work: () => void): () => void;
}

interface NativeStatement {
  run(...params: readonly unknown[]): unknown;
  get(...params: readonly unknown[]): unknown;
  all(...params: readonly unknown[]): unknown[];
  raw(on: boolean): NativeStatement;
  safeIntegers(): NativeStatement;
}

/** A database as ws-server opens it. */
interface VlcnDb {
  readonly siteId: Uint8Array;
  getDB(): Native;
  applyChangesetAndSetLastSeen(changes: unknown, site: Uint8Array, end: unknown): Promise<void>;
  close(): void;
}

interface Synced {
  start(): Promise<void>;
  stop(): void;
}

interface Modules {
  readonly server: {
    attachWebsocketServer(
      server: Server,
      config: object,
    ): {
      getAndRef(room: string, schema: string, version: bigint): Promise<VlcnDb>;
    };
    readonly internal: {
      readonly DB: new (config: object, notify: null, name: string, schema: string, version: bigint) => VlcnDb;
    };
  };
  readonly client: {
    readonly defaultConfig: object;
    createSyncedDB(config: object, name: string, transport: object): Promise<Synced>;
  };
  readonly common: {
    readonly tags: { readonly AnnouncePresence: number };
    cryb64(text: string): bigint;
    encode(message: object): Uint8Array;
  };
}

const ROOM = 'bench';
const SCHEMA_NAME = 'main.sql';
const SCHEMA = `${ROW_SCHEMA};\nSELECT crsql_as_crr('todo');\n`;

export const vlcn: Contender = {
  name: 'vlcn ws-server',
  kind: 'peer',
  keeps: 'disk, not synced',
  packages: [
    '@vlcn.io/ws-server@0.2.3',
    '@vlcn.io/ws-client@0.2.0',
    '@vlcn.io/ws-common@0.2.0',
    '@vlcn.io/crsqlite@0.16.3',
  ],
  serve,
  open: async (place) => new VlcnClient(await modules(place), place),
  subscribe,
};

async function modules({ load }: Place): Promise<Modules> {
  // Their client is a browser's: it takes the global one.
  Object.assign(globalThis, { WebSocket });
  // It throws at a rejection that the server sends beside applying the changes: in a browser that is a line in the console.
  process.removeAllListeners('uncaughtException').on('uncaughtException', ({ message }) => console.error(message));
  const { logger } = (await load('@vlcn.io/logger-provider')) as { logger: { level: string } };
  logger.level = 'error';
  const [server, client, common] = await Promise.all(
    ['server', 'client', 'common'].map((name) => load(`@vlcn.io/ws-${name}`)),
  );
  return { server, client, common } as Modules;
}

function configIn(folder: string): object {
  writeFileSync(join(folder, SCHEMA_NAME), SCHEMA);
  return { dbFolder: folder, schemaFolder: folder, pathPattern: /vlcn-ws/, notifyLatencyMs: 50, appName: 'bench' };
}

async function serve(place: Place): Promise<ContenderServer> {
  const { server, common } = await modules(place);
  const http = createServer();
  const cache = server.attachWebsocketServer(http, configIn(place.dir));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const db = await cache.getAndRef(ROOM, SCHEMA_NAME, common.cryb64(SCHEMA));
  const { port } = http.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}/vlcn-ws`, rows: () => countRows(db.getDB()) };
}

/** Announces itself as a replica that has nothing, and reads what comes. */
async function subscribe(address: string, onStamp: (stamp: string) => void, place: Place): Promise<void> {
  const { common } = await modules(place);
  const protocol = btoa(`room=${ROOM}`).replaceAll('=', '');
  const socket = new WebSocket(address, [protocol], { perMessageDeflate: false });
  const hello = {
    _tag: common.tags.AnnouncePresence,
    lastSeens: [],
    schemaName: SCHEMA_NAME,
    schemaVersion: common.cryb64(SCHEMA),
    sender: new Uint8Array(randomBytes(16)),
  };
  socket.on('open', () => socket.send(common.encode(hello)));
  socket.on('message', (frame: Buffer) => stampsIn(frame).forEach(onStamp));
  await new Promise((resolve) => socket.once('message', resolve));
}

class VlcnClient implements ContenderClient {
  readonly #modules: Modules;
  readonly #db: VlcnDb;
  readonly #listeners = new Set<() => void>();
  #synced: Synced | undefined;

  constructor(modules: Modules, { dir }: Place) {
    this.#modules = modules;
    const version = modules.common.cryb64(SCHEMA);
    this.#db = new modules.server.internal.DB(configIn(dir), null, 'client.db', SCHEMA_NAME, version);
  }

  async write(rows: readonly BenchRow[]): Promise<void> {
    const insert = this.#sql('INSERT INTO todo VALUES (?, ?, ?, ?)');
    this.#transact(() => {
      for (const { id, title, done, owner } of rows) insert.run(id, title, done, owner);
    });
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    const update = this.#sql('UPDATE todo SET owner = ? WHERE id = ?');
    this.#transact(() => {
      for (const id of ids) update.run(owner, id);
    });
  }

  async connect(address: string): Promise<string> {
    const { client } = this.#modules;
    const config = { ...client.defaultConfig, dbProvider: async () => this.#port() };
    this.#synced = await client.createSyncedDB(config, 'client.db', { url: address, room: ROOM });
    await this.#synced.start();
    return address;
  }

  async disconnect(): Promise<void> {
    this.#synced?.stop();
    this.#synced = undefined;
  }

  rows(owner?: string): number {
    return countRows(this.#db.getDB(), owner);
  }

  async close(): Promise<void> {
    await this.disconnect();
    this.#db.close();
  }

  #transact(work: () => void): void {
    this.#db.getDB().transaction(work)();
    for (const listener of this.#listeners) listener();
  }

  #sql(text: string): NativeStatement {
    return this.#db.getDB().prepare(text);
  }

  /** The database as ws-client wants it; it outlives the links. */
  #port(): object {
    const own = `SELECT "table", pk, cid, val, col_version, db_version, NULL, cl, seq FROM crsql_changes
      WHERE db_version > ? AND site_id = crsql_site_id()`;
    const seen = 'SELECT site_id, version, seq FROM crsql_tracked_peers WHERE tag = 0 AND event = 0';
    return {
      siteid: this.#db.siteId,
      pullChangeset: async ([since]: readonly [bigint]) => this.#sql(own).raw(true).safeIntegers().all(since),
      applyChangesetAndSetLastSeen: (changes: unknown, site: Uint8Array, end: unknown) =>
        this.#db.applyChangesetAndSetLastSeen(changes, site, end),
      getLastSeens: async () => {
        const peers = this.#sql(seen).raw(true).safeIntegers().all() as [Uint8Array, bigint, bigint][];
        return peers.map(([site, version, seq]) => [site, [version, Number(seq)]]);
      },
      getSchemaNameAndVersion: async () => [SCHEMA_NAME, this.#modules.common.cryb64(SCHEMA)],
      onChange: (listener: () => void) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      close: () => undefined,
    };
  }
}

function countRows(db: Native, owner?: string): number {
  const sql = 'SELECT count(*) AS n FROM todo';
  const row = owner === undefined ? db.prepare(sql).get() : db.prepare(`${sql} WHERE owner = ?`).get(owner);
  return Number((row as { n: number | bigint }).n);
}
