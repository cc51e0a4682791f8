/** Real replicas on real stores, joined by memory ports: the world of the replica tests. */
import { randomBytes } from 'node:crypto';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Log, Runtime } from '../../src/core/runtime.ts';
import type { LinkBudget } from '../../src/replica/link-budget.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { AttachOptions, Grant, Link, LinkListener } from '../../src/replica/replica-port.ts';
import type { Connection, Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { takeFirstFrame } from '../../src/transport/first-frame.ts';
import type { FramePort } from '../../src/transport/frame-port.ts';
import { memoryPortPair } from '../../src/transport/memory-port.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Hello, LinkMode, Message } from '../../src/wire/message.ts';

export const SCHEMA = `
CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER DEFAULT 0);
CREATE TABLE tag (name TEXT PRIMARY KEY NOT NULL);
`;

export const GRANT_ALL: Grant = { read: 'all', write: 'all', schema: true, mode: 'peer', vouch: true };

/** The hello of a client that is played by hand. */
export function helloOf({ site, era, mode }: Pick<Hello, 'site' | 'era' | 'mode'>): Hello {
  return {
    type: 'hello',
    wire: 1,
    session: '51'.repeat(16),
    dbid: 'world',
    site,
    formerSites: [],
    era,
    schemaHash: '',
    shape: {},
    mesh: site,
    digest: new Map(),
    capabilities: [],
    credit: 1_000_000,
    mode,
  };
}

/** Every log line above debug: a test that expects quiet looks at it. */
export interface Logged {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export interface Node {
  readonly replica: Replica;
  readonly store: Store;
  readonly connection: Connection;
  readonly logged: Logged[];
  write(sql: string): void;
  rows(sql: string): unknown[][];
}

export interface Wire {
  readonly client: Link;
  readonly server: () => Link | undefined;
  /** Messages in both directions, decoded, in order of sending. */
  readonly messages: { readonly from: 'client' | 'server'; readonly message: Message }[];
  cut(): void;
}

export interface NodeOptions {
  readonly schema?: string;
  readonly limits?: Partial<Limits>;
  /** Of a relay, which its replicas share. */
  readonly budget?: LinkBudget;
}

const drivers = new Map<string, Promise<Driver>>();

export class World {
  readonly nodes: Node[] = [];
  readonly runtime: Runtime = nodeRuntime();

  async node(options: NodeOptions = {}): Promise<Node> {
    const driver = await driverOfTests();
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const schema = options.schema ?? SCHEMA;
    const { randomBytes: random } = this.runtime;
    const store = openStore({ driver, path: ':memory:', limits, randomBytes: random, schema });
    const logged: Logged[] = [];
    const codec = createCodec({ limits, compression: nodeCompression() });
    const log = logInto(logged);
    const { budget } = options;
    const shared = budget === undefined ? {} : { budget };
    const replica = new Replica({ store, codec, limits, runtime: this.runtime, log, dbid: 'world', ...shared });
    const { connection } = store;
    const node: Node = {
      replica,
      store,
      connection,
      logged,
      write(sql) {
        connection.exec(sql);
        replica.wrote();
      },
      rows: (sql) => connection.prepare(sql).all(),
    };
    this.nodes.push(node);
    return node;
  }

  /** Joins two nodes; the server answers the hello as a relay does. */
  connect(
    client: Node,
    server: Node,
    options: {
      readonly mode?: LinkMode;
      readonly grant?: Grant;
      readonly client?: LinkListener & { readonly siteKey?: string };
    } = {},
  ): Wire {
    const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
    const { ports, cut } = memoryPortPair();
    const messages: Wire['messages'] = [];
    const seen = (from: 'client' | 'server', port: FramePort): FramePort =>
      tapped(port, (frame) => messages.push({ from, message: codec.decode(frame) }));
    let serverLink: Link | undefined;
    const serverPort = seen('server', ports[1]);
    const first = { runtime: this.runtime, limits: DEFAULT_LIMITS, timeoutMs: DEFAULT_LIMITS.handshakeMs };
    void takeFirstFrame(serverPort, first).then(({ frame, rest }) => {
      const hello = codec.decode(frame) as Hello;
      serverLink = server.replica.attach(rest, { role: 'server', hello, grant: options.grant ?? GRANT_ALL });
    });
    const attach: AttachOptions = { role: 'client', mode: options.mode ?? 'leaf', dbid: 'world', ...options.client };
    const clientLink = client.replica.attach(seen('client', ports[0]), attach);
    return { client: clientLink, server: () => serverLink, messages, cut };
  }

  async close(): Promise<void> {
    for (const { replica } of this.nodes.splice(0)) await replica.close();
  }
}

export async function driverOfTests(): Promise<Driver> {
  const driver = drivers.get('wasm') ?? createWasmDriver();
  drivers.set('wasm', driver);
  return driver;
}

/** Waits until the condition holds; fails with what it says after a bounded wait. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`did not happen: ${what}`);
}

export function newId(): string {
  return randomBytes(8).toString('hex');
}

function tapped(port: FramePort, onSend: (frame: Uint8Array) => void): FramePort {
  return {
    description: port.description,
    get bufferedBytes() {
      return port.bufferedBytes;
    },
    listen: (listener) => port.listen(listener),
    send: (frame) => {
      onSend(frame);
      port.send(frame);
    },
    close: (code, reason) => port.close(code, reason),
  };
}

function logInto(logged: Logged[]): Log {
  const at = (level: string) => (fields: Record<string, unknown>, message: string) => {
    logged.push({ level, fields, message });
  };
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
}
