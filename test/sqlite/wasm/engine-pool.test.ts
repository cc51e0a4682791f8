/** Engine instances are shared, used again, and left behind in time. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createWasmDriver } from '../../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../../src/sqlite/wasm/engine-module.ts';
import { EnginePool } from '../../../src/sqlite/wasm/engine-pool.ts';
import { codeOf } from '../../contract/database.contract.ts';

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await loadEngineModule();
});

describe('engine pool', () => {
  test('fills an instance before it makes another', () => {
    const pool = new EnginePool(compiled, { databasesMax: 2, opensMax: 100 });
    const [a, b, c] = [pool.lease(), pool.lease(), pool.lease()];
    expect(a.engine).toBe(b.engine);
    expect(c.engine).not.toBe(a.engine);
    b.release();
    b.release();
    expect(pool.lease().engine).toBe(a.engine);
    expect(pool.lease().engine).toBe(c.engine);
  });

  test('uses an instance again until its life is over', () => {
    const pool = new EnginePool(compiled, { databasesMax: 1, opensMax: 3 });
    const engines = Array.from({ length: 5 }, () => {
      const lease = pool.lease();
      lease.release();
      return lease.engine;
    });
    expect(new Set(engines.slice(0, 3)).size).toBe(1);
    expect(engines[3]).not.toBe(engines[0]);
    expect(engines[4]).toBe(engines[3]);
  });

  test('gives nobody an instance that failed', () => {
    const pool = new EnginePool(compiled, { databasesMax: 4, opensMax: 100 });
    const first = pool.lease();
    expect(first.engine.errorFrom(new WebAssembly.RuntimeError('unreachable')).code).toBe('ENGINE_FAILED');
    // Compared here: a difference of two engines would be printed byte by byte.
    expect(pool.lease().engine === first.engine).toBe(false);
  });

  test('many databases in memory come and go, hooks and all', async () => {
    const driver = await createWasmDriver({ module: compiled });
    for (let i = 0; i < 1_000; i++) {
      const db = driver.open(':memory:');
      let heard = 0;
      db.onRowChange(() => heard++);
      db.setAuthorizer(() => true);
      db.setProgressHandler(() => false);
      db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
      expect(heard).toBe(1);
      db.close();
    }
  });

  test('a module that is no engine is refused at the first open', async () => {
    const empty = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    const driver = await createWasmDriver({ module: empty });
    expect(codeOf(() => driver.open(':memory:'))).toBe('ENGINE_FAILED');
  });
});
