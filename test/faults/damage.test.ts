/** A share of the damaged files, and those that used to be called something else. */
import { describe, expect, test } from 'vitest';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../src/sqlite/wasm/engine-module.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { DATABASE_PATH } from '../simulation/computers.ts';
import { FIRST_SCHEMA } from '../simulation/schema-texts.ts';
import { openOn } from './computers.ts';
import { damage } from './damage.ts';
import { expectNoFailure, freshSeed } from './share.ts';

const compiled = await loadEngineModule();

async function closedFile() {
  const disk = new MemoryFileSystem();
  const driver = await createWasmDriver({ module: compiled, fileSystem: disk });
  openOn(driver, 1, FIRST_SCHEMA).close();
  return { disk, driver };
}

const corrupt: unknown = expect.objectContaining({
  code: 'DATABASE_CORRUPT',
  message: expect.stringContaining('restore a backup or sync into a new file') as unknown,
});

describe('a damaged file', () => {
  test('ends in rows or a coded error that says what to do, whatever the damage', async () => {
    await expectNoFailure(damage, { from: freshSeed(), count: 200, seconds: 5 });
  });

  test('of a form that the engine does not know is DATABASE_CORRUPT', async () => {
    const { disk, driver } = await closedFile();
    const handle = disk.open(DATABASE_PATH, { create: false });
    disk.write(handle, Uint8Array.of(0xff, 0xff, 0xff, 0xff), 44);
    expect(() => driver.open(DATABASE_PATH)).toThrow(corrupt);
  });

  test('that was cut off is DATABASE_CORRUPT', async () => {
    const { disk, driver } = await closedFile();
    const handle = disk.open(DATABASE_PATH, { create: false });
    disk.truncate(handle, disk.size(handle) >> 1);
    expect(() => openOn(driver, 2)).toThrow(corrupt);
  });

  test('with values of another form in the tables of the store is DATABASE_CORRUPT, not a bug', async () => {
    const { driver } = await closedFile();
    const connection = driver.open(DATABASE_PATH);
    connection.exec(`UPDATE crmesh_self SET announced = 'many'`);
    connection.close();
    expect(() => openOn(driver, 2)).toThrow(corrupt);
  });
});
