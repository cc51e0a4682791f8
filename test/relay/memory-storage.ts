/** A storage of real replicas in memory that counts what is opened and closed, and a clock that is turned by hand. */
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Log, Runtime } from '../../src/core/runtime.ts';
import type { Storage } from '../../src/relay/storage.ts';
import { Replica } from '../../src/replica/replica.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { openStore } from '../../src/store/store.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';
import { createCodec } from '../../src/wire/codec.ts';

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface HandRuntime extends Runtime {
  /** Rings every timer that waits. */
  readonly ring: () => void;
}

export function handRuntime(): HandRuntime {
  const timers = new Set<() => void>();
  return {
    ...nodeRuntime(),
    setTimer(_ms, callback) {
      timers.add(callback);
      return () => timers.delete(callback);
    },
    ring() {
      const waiting = [...timers];
      timers.clear();
      for (const callback of waiting) callback();
    },
  };
}

export interface MemoryStorage extends Storage {
  /** What happened, in order: 'open todo', 'close todo', 'remove todo'. */
  readonly events: string[];
}

/** Schemas outlive a closing; rows do not. */
export async function memoryStorage(): Promise<MemoryStorage> {
  const driver = await createWasmDriver();
  const runtime = nodeRuntime();
  const limits = DEFAULT_LIMITS;
  const schemas = new Map<string, string>();
  const events: string[] = [];
  return {
    events,
    async open(dbid) {
      events.push(`open ${dbid}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const schema = schemas.get(dbid) ?? '';
      const given = schema === '' ? {} : { schema };
      const randomBytes = (length: number): Uint8Array => runtime.randomBytes(length);
      const store = openStore({ driver, path: ':memory:', randomBytes, limits, ...given });
      schemas.set(dbid, schema);
      const replica = new Replica({ store, codec: createCodec({ limits }), runtime, limits, log: silentLog, dbid });
      const close = replica.close.bind(replica);
      replica.close = async () => {
        events.push(`close ${dbid}`);
        schemas.set(dbid, store.schema.text);
        await close();
      };
      return replica;
    },
    exists: async (dbid) => schemas.has(dbid),
    list: async () => [...schemas.keys()],
    async remove(dbid) {
      events.push(`remove ${dbid}`);
      schemas.delete(dbid);
    },
  };
}
