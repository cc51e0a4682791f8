/** A definition that says something else than it did, in a file that SQLite itself reads without complaint. */
import { afterEach, expect, test } from 'vitest';
import type { ReplicationError } from '../../src/core/errors.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Store } from '../../src/store/store.ts';
import { openTestStore, write } from './test-store.ts';

const PATH = '/data.db';
const opened: Store[] = [];
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

/** One row, then `column` of `table` renamed behind everybody's back. */
async function damagedDisk(table: string, column: string): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  const store = openTestStore({ driver: await createWasmDriver({ fileSystem: disk }), path: PATH });
  write(store, `INSERT INTO num VALUES (1, 'x')`);
  store.flush();
  store.close();
  const bare = (await createWasmDriver({ fileSystem: disk })).open(PATH, { durability: 'normal' });
  bare.exec('PRAGMA writable_schema = ON');
  bare
    .prepare('UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?')
    .run([` ${column} `, ` x${column.slice(1)} `, table]);
  bare.close();
  return disk;
}

function errorOf(work: () => unknown): Pick<ReplicationError, 'code' | 'message'> {
  try {
    work();
  } catch (error) {
    return error as ReplicationError;
  }
  throw new Error('nothing was thrown');
}

test('is noticed at open, with what to do', async () => {
  const driver = await createWasmDriver({ fileSystem: await damagedDisk('crmesh_have', 'hi') });
  const { code, message } = errorOf(() => opened.push(openTestStore({ driver, path: PATH, tables: [] })));
  expect(code).toBe('DATABASE_CORRUPT');
  expect(message).toContain('restore a backup or sync into a new file');
});

test('is noticed when it is served', async () => {
  const driver = await createWasmDriver({ fileSystem: await damagedDisk('num__crsql_clock', 'col_version') });
  const { code } = errorOf(() => {
    const store = openTestStore({ driver, path: PATH, tables: [] });
    opened.push(store);
    store.readPiece(0 as never, { without: [], changesMax: 10 });
  });
  expect(code).toBe('DATABASE_CORRUPT');
});
