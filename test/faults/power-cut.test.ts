/** A share of the power cuts, and the moments at which one used to cost the file. */
import { describe, expect, test } from 'vitest';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../src/sqlite/wasm/engine-module.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { DATABASE_PATH } from '../simulation/computers.ts';
import { Random } from '../simulation/random.ts';
import { FIRST_SCHEMA } from '../simulation/schema-texts.ts';
import { openOn } from './computers.ts';
import { changesDisk, HookedFileSystem } from './hooked-file-system.ts';
import { powerCut, powerCutLong } from './power-cut.ts';
import { expectNoFailure, freshSeed } from './share.ts';

const compiled = await loadEngineModule();

describe('power cuts', () => {
  test('at every write and sync of short workloads leave a whole database with all that was acknowledged', async () => {
    await expectNoFailure(powerCut, { from: freshSeed(), count: 200, seconds: 6 });
  });

  test('at any point of long workloads do so, too', async () => {
    await expectNoFailure(powerCutLong, { from: freshSeed(), count: 20, seconds: 4 });
  });

  test('at every step of the first open and the first close leave a file that opens', async () => {
    const disk = new MemoryFileSystem();
    const hooked = new HookedFileSystem(disk);
    const driver = await createWasmDriver({ module: compiled, fileSystem: hooked });
    const moments: DiskSnapshot[] = [];
    hooked.hook = (operation) => {
      if (changesDisk(operation)) moments.push(disk.snapshot());
      return undefined;
    };
    driver.open(DATABASE_PATH).close();
    hooked.hook = undefined;
    expect(moments.length).toBeGreaterThan(30);
    const random = new Random(1, 'survivors');
    for (const [i, moment] of moments.entries()) {
      for (const survivors of [0, 0.5, 1]) {
        disk.restore(moment);
        disk.powerLoss(() => random.chance(survivors));
        const connection = driver.open(DATABASE_PATH);
        const found = connection
          .prepare('SELECT length(crsql_site_id()), integrity_check FROM pragma_integrity_check')
          .get();
        expect([i, survivors, found]).toEqual([i, survivors, [16, 'ok']]);
        connection.close();
      }
    }
  });

  test('right after a migration keep it', async () => {
    const disk = new MemoryFileSystem();
    const driver = await createWasmDriver({ module: compiled, fileSystem: disk });
    const store = openOn(driver, 1);
    store.migrate(FIRST_SCHEMA);
    const { tables } = store.schema;
    disk.powerLoss();
    store.connection.close();
    const again = openOn(driver, 2);
    expect(again.schema.tables).toEqual(tables);
    again.close();
  });

  test('do not make a file of somebody else anew', async () => {
    const disk = new MemoryFileSystem();
    const driver = await createWasmDriver({ module: compiled, fileSystem: disk });
    const connection = driver.open(DATABASE_PATH);
    connection.exec(`CREATE TABLE theirs (a); DELETE FROM crsql_master`);
    connection.close();
    expect(() => driver.open(DATABASE_PATH)).toThrow(/cr-sqlite version 0/);
    expect(disk.sizeOf(DATABASE_PATH)).toBeGreaterThan(0);
  });
});
