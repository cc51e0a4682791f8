/** y-websocket: the client of 3.1 with the server of 2.1, the last that has one; a Y.Map a row, in memory. */
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { hexId, stampsIn, type BenchRow } from '../lib/rows.ts';
import { webSocketServer } from '../lib/web-socket-server.ts';
import type { Contender, ContenderClient, ContenderServer, Place } from './contender.ts';

interface YMap {
  readonly size: number;
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  values(): Iterable<YMap>;
}

interface YDoc {
  getMap(name: string): YMap;
  transact(work: () => void): void;
}

interface Provider {
  once(event: 'sync', listener: () => void): void;
  destroy(): void;
}

interface Modules {
  readonly Doc: new () => YDoc;
  readonly Map: new (entries: Iterable<readonly [string, unknown]>) => YMap;
  readonly WebsocketProvider: new (url: string, room: string, doc: YDoc, options: object) => Provider;
}

interface ServerModule {
  readonly docs: ReadonlyMap<string, YDoc>;
  setupWSConnection(socket: WebSocket, request: IncomingMessage, options: { docName: string }): void;
}

const ROOM = 'bench';
/** Sync step 1 with an empty state vector: 'send me all, and what comes'. */
const ASK_FOR_ALL = Uint8Array.of(0, 0, 1, 0);

export const yWebsocket: Contender = {
  name: 'y-websocket',
  kind: 'peer',
  keeps: 'memory',
  packages: ['yjs@13.6.33', 'y-websocket@3.1.0', 'y-websocket-server@npm:y-websocket@2.1.0', 'ws@8.23.0'],
  ignoreScripts: true,
  serve,
  open: async (place) => new YClient(await modules(place)),
  subscribe: (address, onStamp) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${address}/${ROOM}`);
      socket.on('open', () => socket.send(ASK_FOR_ALL));
      socket.once('message', () => resolve());
      socket.on('message', (frame: Buffer) => stampsIn(frame).forEach(onStamp));
    }),
};

async function modules({ load }: Place): Promise<Modules> {
  const { Doc, Map } = (await load('yjs')) as Modules;
  const { WebsocketProvider } = (await load('y-websocket')) as Modules;
  return { Doc, Map, WebsocketProvider };
}

async function serve({ load }: Place): Promise<ContenderServer> {
  const module = (await load('y-websocket-server/bin/utils')) as { default?: ServerModule } & ServerModule;
  const { docs, setupWSConnection } = module.default ?? module;
  const { server, url } = await webSocketServer();
  server.on('connection', (socket, request) => setupWSConnection(socket, request, { docName: ROOM }));
  return { url, rows: () => docs.get(ROOM)?.getMap('todo').size ?? 0 };
}

class YClient implements ContenderClient {
  readonly #modules: Modules;
  readonly #doc: YDoc;
  #provider: Provider | undefined;

  constructor(modules: Modules) {
    this.#modules = modules;
    this.#doc = new modules.Doc();
  }

  async write(rows: readonly BenchRow[]): Promise<void> {
    const { Map } = this.#modules;
    this.#doc.transact(() => {
      for (const { id, title, done, owner } of rows) {
        this.#todo().set(hexId(id), new Map(Object.entries({ title, done, owner })));
      }
    });
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    this.#doc.transact(() => {
      for (const id of ids) (this.#todo().get(hexId(id)) as YMap).set('owner', owner);
    });
  }

  async connect(address: string): Promise<string> {
    const options = { WebSocketPolyfill: WebSocket, disableBc: true };
    const provider = new this.#modules.WebsocketProvider(address, ROOM, this.#doc, options);
    this.#provider = provider;
    await new Promise<void>((resolve) => provider.once('sync', resolve));
    return address;
  }

  async disconnect(): Promise<void> {
    this.#provider?.destroy();
  }

  rows(owner?: string): number {
    if (owner === undefined) return this.#todo().size;
    return [...this.#todo().values()].filter((row) => row.get('owner') === owner).length;
  }

  async close(): Promise<void> {
    await this.disconnect();
  }

  #todo(): YMap {
    return this.#doc.getMap('todo');
  }
}
