/** PouchDB: express-pouchdb as the server, all databases in its memory adapter; a document a row. */
import { createServer, type RequestListener } from 'node:http';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hexId, stampsIn, type BenchRow } from '../lib/rows.ts';
import type { Contender, ContenderClient, ContenderServer, Place } from './contender.ts';

interface Pouch {
  bulkDocs(documents: readonly object[]): Promise<unknown>;
  allDocs(options: object): Promise<{ rows: { doc: { _id: string; _rev: string; owner: string } }[] }>;
  info(): Promise<{ doc_count: number }>;
  close(): Promise<void>;
}

interface Replication extends Promise<unknown> {
  cancel(): void;
}

interface PouchClass {
  new (name: string, options?: object): Pouch;
  plugin(plugin: unknown): PouchClass;
  defaults(options: object): PouchClass;
  replicate(source: Pouch, target: Pouch, options: object): Replication;
}

const BATCH = { batch_size: 1_000, batches_limit: 10 };

export const pouchdb: Contender = {
  name: 'PouchDB',
  kind: 'peer',
  keeps: 'memory',
  packages: [
    'pouchdb-core@9.0.0',
    'pouchdb-adapter-memory@9.0.0',
    'pouchdb-adapter-http@9.0.0',
    'pouchdb-replication@9.0.0',
    'pouchdb-mapreduce@9.0.0',
    'express@4.21.2',
    'express-pouchdb@4.2.0',
  ],
  ignoreScripts: true,
  serve,
  open: async (place) => new PouchClient(await pouchClass(place)),
  subscribe,
};

async function pouchClass({ load }: Place): Promise<PouchClass> {
  const plugins = ['memory', 'http'].map((name) => `pouchdb-adapter-${name}`);
  let { default: Pouch } = (await load('pouchdb-core')) as { default: PouchClass };
  for (const name of [...plugins, 'pouchdb-replication', 'pouchdb-mapreduce']) {
    Pouch = Pouch.plugin(((await load(name)) as { default: unknown }).default);
  }
  return Pouch;
}

async function serve(place: Place): Promise<ContenderServer> {
  const Memory = (await pouchClass(place)).defaults({ adapter: 'memory' });
  type Express = () => { use(handler: unknown): void } & RequestListener;
  const { default: express } = (await place.load('express')) as { default: Express };
  const { default: handlerOf } = (await place.load('express-pouchdb')) as {
    default: (Pouch: PouchClass, options: object) => unknown;
  };
  const app = express();
  app.use(handlerOf(Memory, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: `${place.dir}/log.txt` }));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const todo = new Memory('bench');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/bench`, rows: async () => (await todo.info()).doc_count };
}

/** The continuous feed of changes, with the documents. */
function subscribe(address: string, onStamp: (stamp: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const url = `${address}/_changes?feed=continuous&include_docs=true&since=now&heartbeat=1000`;
    get(url, { agent: false }, (answer) => {
      answer.once('data', () => resolve());
      answer.on('data', (piece: Buffer) => stampsIn(piece).forEach(onStamp));
    }).on('error', reject);
  });
}

class PouchClient implements ContenderClient {
  readonly #Pouch: PouchClass;
  readonly #local: Pouch;
  #replications: Replication[] = [];

  constructor(Pouch: PouchClass) {
    this.#Pouch = Pouch;
    this.#local = new Pouch('local', { adapter: 'memory' });
  }

  async write(rows: readonly BenchRow[]): Promise<void> {
    await this.#local.bulkDocs(rows.map(({ id, title, done, owner }) => ({ _id: hexId(id), title, done, owner })));
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    const { rows } = await this.#local.allDocs({ keys: ids.map(hexId), include_docs: true });
    await this.#local.bulkDocs(rows.map(({ doc }) => ({ ...doc, owner })));
  }

  /** Once each way, then live. */
  async connect(address: string): Promise<string> {
    const remote = new this.#Pouch(address, { adapter: 'http' });
    const { replicate } = this.#Pouch;
    await replicate(this.#local, remote, BATCH);
    await replicate(remote, this.#local, BATCH);
    for (const [from, to] of [[this.#local, remote] as const, [remote, this.#local] as const]) {
      const replication = replicate(from, to, { ...BATCH, live: true });
      replication.catch(() => undefined);
      this.#replications.push(replication);
    }
    return address;
  }

  async disconnect(): Promise<void> {
    for (const replication of this.#replications.splice(0)) replication.cancel();
  }

  async rows(owner?: string): Promise<number> {
    if (owner === undefined) return (await this.#local.info()).doc_count;
    const { rows } = await this.#local.allDocs({ include_docs: true });
    return rows.filter(({ doc }) => doc.owner === owner).length;
  }

  async close(): Promise<void> {
    await this.disconnect();
  }
}
