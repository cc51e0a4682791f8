/** TinyBase: mergeable stores over its WsServer, whose copy of the store is kept in memory. */
import { WebSocket, type WebSocketServer } from 'ws';
import { pause } from '../lib/pause.ts';
import { hexId, stampsIn, type BenchRow } from '../lib/rows.ts';
import type { Contender, ContenderClient, ContenderServer, Place } from './contender.ts';
import { webSocketServer } from '../lib/web-socket-server.ts';

interface MergeableStore {
  setRow(table: string, id: string, row: Readonly<Record<string, string | number>>): void;
  setCell(table: string, id: string, cell: string, value: string): void;
  getRowCount(table: string): number;
  getRowIds(table: string): string[];
  getCell(table: string, id: string, cell: string): unknown;
  transaction(actions: () => void): void;
}

interface Modules {
  createMergeableStore(): MergeableStore;
  createWsServer(
    server: WebSocketServer,
    createPersister: () => unknown,
    onError: undefined,
    requestTimeoutSeconds: number,
  ): unknown;
  createWsSynchronizer(
    store: MergeableStore,
    socket: WebSocket,
    requestTimeoutSeconds: number,
  ): Promise<{ startSync(): Promise<unknown>; destroy(): Promise<unknown> }>;
  createCustomPersister(
    store: MergeableStore,
    get: () => Promise<undefined>,
    set: () => Promise<void>,
    listen: () => void,
    unlisten: () => void,
    onError: () => void,
    persists: number,
  ): unknown;
}

/** A persister of what only mergeable stores have. */
const MERGEABLE_ONLY = 2;
/** Its own second is too short for many rows: it would go without them. */
const REQUEST_SECONDS = 5;

export const tinybase: Contender = {
  name: 'TinyBase',
  kind: 'peer',
  keeps: 'memory',
  packages: ['tinybase@10.0.1', 'ws@8.23.0'],
  serve,
  open: async (place) => new TinyBaseClient(await modules(place)),
  subscribe: (address, onStamp) =>
    new Promise((resolve) => {
      const socket = new WebSocket(address);
      socket.on('open', resolve);
      socket.on('message', (frame: Buffer) => stampsIn(frame).forEach(onStamp));
    }),
};

async function modules({ load }: Place): Promise<Modules> {
  const names = ['tinybase', 'tinybase/persisters', 'synchronizer-ws-server', 'synchronizer-ws-client'];
  const loaded = await Promise.all(
    names.map((name) => load(name.startsWith('tinybase') ? name : `tinybase/synchronizers/${name}`)),
  );
  return Object.assign({}, ...loaded) as Modules;
}

async function serve(place: Place): Promise<ContenderServer> {
  const { createMergeableStore, createWsServer, createCustomPersister } = await modules(place);
  const store = createMergeableStore();
  const nothing = async (): Promise<undefined> => undefined;
  const { server, url } = await webSocketServer();
  const ignore = (): void => {};
  const persister = (): unknown =>
    createCustomPersister(store, nothing, nothing, ignore, ignore, ignore, MERGEABLE_ONLY);
  createWsServer(server, persister, undefined, REQUEST_SECONDS);
  // Its server asks the first client for all, before that one answers, and waits in vain: somebody silent comes first.
  const silent = new WebSocket(`${url}/bench`);
  await new Promise((resolve) => silent.once('open', resolve));
  await pause(1_000 * (REQUEST_SECONDS + 1));
  return { url: `${url}/bench`, rows: () => store.getRowCount('todo') };
}

class TinyBaseClient implements ContenderClient {
  readonly #modules: Modules;
  readonly #store: MergeableStore;
  #synchronizer: { destroy(): Promise<unknown> } | undefined;

  constructor(modules: Modules) {
    this.#modules = modules;
    this.#store = modules.createMergeableStore();
  }

  async write(rows: readonly BenchRow[]): Promise<void> {
    this.#store.transaction(() => {
      for (const { id, title, done, owner } of rows) this.#store.setRow('todo', hexId(id), { title, done, owner });
    });
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    this.#store.transaction(() => {
      for (const id of ids) this.#store.setCell('todo', hexId(id), 'owner', owner);
    });
  }

  async connect(address: string): Promise<string> {
    const synchronizer = await this.#modules.createWsSynchronizer(this.#store, new WebSocket(address), REQUEST_SECONDS);
    this.#synchronizer = synchronizer;
    // What arrives is seen in the rows.
    synchronizer.startSync().catch(() => undefined);
    return address;
  }

  async disconnect(): Promise<void> {
    await this.#synchronizer?.destroy();
  }

  rows(owner?: string): number {
    const store = this.#store;
    if (owner === undefined) return store.getRowCount('todo');
    return store.getRowIds('todo').filter((id) => store.getCell('todo', id, 'owner') === owner).length;
  }

  async close(): Promise<void> {
    await this.disconnect();
  }
}
