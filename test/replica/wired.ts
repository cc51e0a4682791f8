/** Databases over real parts for the tests of this room, and pairs of them joined by memory ports. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Log, Runtime } from '../../src/core/runtime.ts';
import type { CallContext } from '../../src/replica/call-context.ts';
import { Database } from '../../src/replica/database.ts';
import { Peering } from '../../src/replica/peering.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { Grant } from '../../src/replica/replica-port.ts';
import type { Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import type { IdentityMarker } from '../../src/store/identity-marker.ts';
import type { StoreFaults } from '../../src/store/faults.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { takeFirstFrame } from '../../src/transport/first-frame.ts';
import type { Dial, FramePort } from '../../src/transport/frame-port.ts';
import { memoryPortPair } from '../../src/transport/memory-port.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';
import type { Codec } from '../../src/wire/codec-port.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { LinkMode } from '../../src/wire/message.ts';

export const SCHEMA = `
  CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER, size REAL);
  CREATE TABLE tag (todo TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (todo, name));
  -- local
  CREATE TABLE draft (id INTEGER PRIMARY KEY, body TEXT)`;

export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** What db.sync of these databases takes beside the address, which is not used. */
export interface TestSync {
  readonly dial: Dial;
  readonly mode?: LinkMode;
}

export interface Wired {
  readonly db: Database<TestSync>;
  readonly replica: Replica;
  readonly store: Store;
  readonly codec: Codec;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly unheard: unknown[];
}

export interface WiredOptions {
  readonly path?: string;
  readonly schema?: string;
  readonly limits?: Partial<Limits>;
  readonly context?: CallContext;
  /** Where files lie, for a database that is no memory one. */
  readonly driver?: Driver;
  readonly log?: Log;
  readonly marker?: IdentityMarker;
  readonly faults?: StoreFaults;
}

let driver: Promise<Driver> | undefined;

export async function wire(options: WiredOptions = {}): Promise<Wired> {
  const limits: Limits = { ...DEFAULT_LIMITS, retryFirstMs: 1, retryMaxMs: 5, ...options.limits };
  const runtime = nodeRuntime();
  const store = openStore({
    driver: options.driver ?? (await (driver ??= createWasmDriver())),
    path: options.path ?? ':memory:',
    randomBytes: (length) => runtime.randomBytes(length),
    limits,
    schema: options.schema ?? SCHEMA,
    ...(options.marker === undefined ? {} : { marker: options.marker }),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
  });
  const codec = createCodec({ limits });
  const replica = new Replica({ store, codec, runtime, limits, log: options.log ?? quiet, dbid: 'test' });
  const unheard: unknown[] = [];
  const storage = new AsyncLocalStorage<object>();
  const context: CallContext = {
    run: (token, work) => storage.run(token, work),
    current: () => storage.getStore(),
  };
  const db = new Database<TestSync>({
    replica,
    connection: () => store.connection,
    runtime,
    limits,
    context: options.context ?? context,
    target: (_url, { dial, mode }) => ({ dial, dbid: 'test', mode: mode ?? 'leaf', runtime }),
    peering: new Peering({ replica, codec, runtime, limits, log: options.log ?? quiet }),
    report: (error) => unheard.push(error),
  });
  return { db, replica, store, codec, runtime, limits, unheard };
}

export const ALL: Grant = { read: 'all', write: 'all', schema: true, mode: 'peer', vouch: true };

/** A relay in a nutshell: takes the hello of a memory port and attaches the rest to its replica. */
export class TestRelay {
  wired: Wired;
  grant: Grant = ALL;
  dials = 0;
  /** Set to refuse the next dials. */
  refusal: Error | undefined;
  #cuts: (() => void)[] = [];

  constructor(wired: Wired) {
    this.wired = wired;
  }

  readonly dial: Dial = async () => {
    this.dials++;
    if (this.refusal !== undefined) throw this.refusal;
    const pair = memoryPortPair();
    this.#cuts.push(() => pair.cut());
    this.#accept(pair.ports[1]).catch(() => pair.cut());
    return pair.ports[0];
  };

  /** Loses every connection. */
  cut(): void {
    for (const cut of this.#cuts.splice(0)) cut();
  }

  async #accept(port: FramePort): Promise<void> {
    const { codec, replica, runtime, limits } = this.wired;
    const { frame, rest } = await takeFirstFrame(port, { runtime, limits, timeoutMs: limits.handshakeMs });
    const hello = codec.decode(frame);
    if (hello.type === 'hello') replica.attach(rest, { role: 'server', hello, grant: this.grant });
  }
}

/** Waits until a condition holds; the test's own time limit ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}
