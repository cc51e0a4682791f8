/**
 * A relay process for the durability benchmark: 'full' as it is, or 'normal' with a connection that never syncs, to
 * show what group commit makes of the difference. Prints its url as a JSON line.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import type { Log } from '../src/core/runtime.ts';
import { createRelay, serveRelay } from '../src/relay.ts';
import { Replica } from '../src/replica/replica.ts';
import type { Connection, Driver } from '../src/sqlite/database.ts';
import { createWasmDriver } from '../src/sqlite/wasm/driver.ts';
import { openStore } from '../src/store/store.ts';
import { nodeCompression } from '../src/transport/node-compression.ts';
import { nodeRuntime } from '../src/transport/node-runtime.ts';
import { createCodec } from '../src/wire/codec.ts';

const normal = process.argv[2] === 'normal';
const dir = mkdtempSync(join(tmpdir(), 'crmesh-durable-'));
const runtime = nodeRuntime();
const limits = DEFAULT_LIMITS;
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const driver = await createWasmDriver();
const codec = createCodec({ limits, compression: nodeCompression() });

const relay = createRelay({
  log: silent,
  storage: {
    exists: async () => false,
    list: async () => [],
    async open(dbid) {
      const path = join(dir, `${dbid}.db`);
      const store = openStore({
        driver: normal ? unsynced(driver) : driver,
        path,
        limits,
        randomBytes: runtime.randomBytes,
      });
      return new Replica({ store, codec, limits, runtime, log: silent, dbid });
    },
  },
});
const server = await serveRelay(relay, { port: 0, host: '127.0.0.1' });
process.stdout.write(`${JSON.stringify({ url: server.url.replace('http', 'ws') })}\n`);
process.on('SIGTERM', () => {
  void server.close().then(() => {
    rmSync(dir, { recursive: true });
    process.exit(0);
  });
});

/** The same driver, whose commits survive a crash of the process but no power loss. */
function unsynced(inner: Driver): Driver {
  return {
    engine: inner.engine,
    exists: (path) => inner.exists(path),
    open: (path, options) => withoutSync(inner.open(path, { ...options, durability: 'normal' })),
  };
}

function withoutSync(connection: Connection): Connection {
  return new Proxy(connection, {
    get(target, name) {
      if (name === 'setDurability') return () => {};
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
