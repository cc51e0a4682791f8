/** The WebAssembly driver keeps the law of the database port, wherever its files lie. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { databaseContract } from '../contract/database.contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'crmesh-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

databaseContract('wasm, in memory', async () => ({
  driver: await createWasmDriver(),
  freshPath: () => ':memory:',
  persistent: false,
}));

databaseContract('wasm, files', async () => {
  let count = 0;
  return {
    driver: await createWasmDriver(),
    freshPath: () => join(folder, `file-${count++}.db`),
    persistent: true,
  };
});

databaseContract('wasm, files in memory', async () => {
  let count = 0;
  return {
    driver: await createWasmDriver({ fileSystem: new MemoryFileSystem(), databasesPerEngine: 8 }),
    freshPath: () => `/file-${count++}.db`,
    persistent: true,
  };
});
