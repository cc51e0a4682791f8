/** automerge-repo: one document with all rows, its WebSocket adapters, no storage. */
import type { WebSocketServer } from 'ws';
import { hexId, type BenchRow } from '../lib/rows.ts';
import { webSocketServer } from '../lib/web-socket-server.ts';
import type { Contender, ContenderClient, ContenderServer, Place } from './contender.ts';

interface Document {
  readonly rows: Record<string, { title: string; done: number; owner: string }>;
}

interface Handle {
  readonly url: string;
  isReady(): boolean;
  doc(): Document;
  change(edit: (document: Document) => void): void;
  on(event: 'change', listener: (change: { readonly patches: readonly Patch[] }) => void): void;
}

interface Patch {
  readonly action: string;
  readonly path: readonly (string | number)[];
  readonly value?: unknown;
}

interface Repo {
  readonly networkSubsystem: {
    addNetworkAdapter(adapter: Adapter): void;
    removeNetworkAdapter(adapter: Adapter): void;
  };
  readonly handles: Readonly<Record<string, Handle>>;
  create(document: Document): Handle;
  find(url: string): Promise<Handle>;
  shutdown(): Promise<void>;
}

interface Adapter {
  disconnect(): void;
}

interface Modules {
  readonly Repo: new (options: object) => Repo;
  readonly WebSocketClientAdapter: new (url: string) => Adapter;
  readonly WebSocketServerAdapter: new (server: WebSocketServer) => Adapter;
}

export const automerge: Contender = {
  name: 'automerge-repo',
  kind: 'peer',
  keeps: 'memory',
  packages: ['@automerge/automerge-repo@2.5.6', '@automerge/automerge-repo-network-websocket@2.5.6', 'ws@8.23.0'],
  subscribesWhole: true,
  serve,
  open: async (place) => new AutomergeClient(await modules(place)),
  subscribe,
};

async function modules({ load }: Place): Promise<Modules> {
  const { Repo } = (await load('@automerge/automerge-repo')) as Modules;
  const network = (await load('@automerge/automerge-repo-network-websocket')) as Modules;
  return {
    Repo,
    WebSocketClientAdapter: network.WebSocketClientAdapter,
    WebSocketServerAdapter: network.WebSocketServerAdapter,
  };
}

async function serve(place: Place): Promise<ContenderServer> {
  const { Repo, WebSocketServerAdapter } = await modules(place);
  const { server, url } = await webSocketServer();
  const repo = new Repo({ network: [new WebSocketServerAdapter(server)], sharePolicy: async () => true });
  return { url, rows: () => Object.values(repo.handles).reduce((sum, handle) => sum + rowsOf(handle), 0) };
}

/** The protocol asks for the document's state: a subscriber is a whole client. */
async function subscribe(address: string, onStamp: (stamp: string) => void, place: Place): Promise<void> {
  const client = new AutomergeClient(await modules(place));
  await client.connect(address);
  client.handle?.on('change', ({ patches }) => {
    for (const { value } of patches) if (typeof value === 'string' && value.startsWith('@')) onStamp(value);
  });
}

class AutomergeClient implements ContenderClient {
  readonly #modules: Modules;
  readonly #repo: Repo;
  #adapter: Adapter | undefined;
  handle: Handle | undefined;

  constructor(modules: Modules) {
    this.#modules = modules;
    this.#repo = new modules.Repo({ network: [] });
  }

  async write(rows: readonly BenchRow[]): Promise<void> {
    this.handle ??= this.#repo.create({ rows: {} });
    this.handle.change((document) => {
      for (const { id, title, done, owner } of rows) document.rows[hexId(id)] = { title, done, owner };
    });
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    this.handle!.change((document) => {
      for (const id of ids) document.rows[hexId(id)]!.owner = owner;
    });
  }

  async connect(address: string): Promise<string> {
    const [url = '', document] = address.split('#');
    this.#adapter = new this.#modules.WebSocketClientAdapter(url);
    this.#repo.networkSubsystem.addNetworkAdapter(this.#adapter);
    if (document !== undefined && this.handle === undefined) this.handle = await this.#repo.find(document);
    return this.handle === undefined ? url : `${url}#${this.handle.url}`;
  }

  async disconnect(): Promise<void> {
    if (this.#adapter !== undefined) this.#repo.networkSubsystem.removeNetworkAdapter(this.#adapter);
  }

  rows(owner?: string): number {
    if (this.handle === undefined) return 0;
    if (owner === undefined) return rowsOf(this.handle);
    return Object.values(this.handle.doc().rows).filter((row) => row.owner === owner).length;
  }

  async close(): Promise<void> {
    await this.#repo.shutdown();
  }
}

function rowsOf(handle: Handle): number {
  return handle.isReady() ? Object.keys(handle.doc().rows ?? {}).length : 0;
}
