/** The native driver keeps the law of the database port where it is installed, and says so where it is not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Driver } from '../../src/sqlite/database.ts';
import { createNativeDriver } from '../../src/sqlite/native/driver.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { databaseContract } from '../contract/database.contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'crmesh-native-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const freshPath = (): string => join(folder, `file-${count++}.db`);

function presentTests(native: Driver): void {
  databaseContract('native, in memory', async () => ({
    driver: native,
    freshPath: () => ':memory:',
    persistent: false,
  }));
  databaseContract('native, files', async () => ({ driver: native, freshPath, persistent: true }));

  describe('native and WebAssembly', () => {
    test('open the files of each other', async () => {
      const wasm = await createWasmDriver();
      const path = freshPath();
      const engines = [native, wasm, native, wasm];
      engines.forEach((driver, i) => {
        const db = driver.open(path);
        db.exec('CREATE TABLE IF NOT EXISTS t (a)');
        db.prepare('INSERT INTO t VALUES (?)').run([i]);
        expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([i + 1]);
        db.close();
      });
    });
  });
}

function absentTests(error: unknown): void {
  console.warn(`\n*** THE NATIVE ENGINE IS ABSENT: its contract was not tested.\n*** ${String(error)}\n`);
  describe('native driver', () => {
    test('says what to install where it is absent', () => {
      expect(error).toMatchObject({ code: 'NATIVE_ABSENT', message: expect.stringContaining('better-sqlite3') });
    });
  });
}

await createNativeDriver().then(presentTests, absentTests);
