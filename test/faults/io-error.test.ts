/** A share of the disk errors, and the ones that used to cost something. */
import { describe, expect, test } from 'vitest';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../src/sqlite/wasm/engine-module.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { FIRST_SCHEMA, SECOND_SCHEMA } from '../simulation/schema-texts.ts';
import { openOn } from './computers.ts';
import { HookedFileSystem } from './hooked-file-system.ts';
import { ioError } from './io-error.ts';
import { expectNoFailure, freshSeed } from './share.ts';

const compiled = await loadEngineModule();

async function faultyDisk() {
  const disk = new MemoryFileSystem();
  const hooked = new HookedFileSystem(disk);
  const driver = await createWasmDriver({ module: compiled, fileSystem: hooked });
  return { disk, hooked, driver };
}

describe('errors of the disk', () => {
  test('at any call end in a coded error, leave the store as it was, and lose nothing', async () => {
    await expectNoFailure(ioError, { from: freshSeed(), count: 300, seconds: 8 });
  });

  test('in a migration leave a store that goes on with the old schema, and migrates once there is room', async () => {
    const { disk, driver } = await faultyDisk();
    const store = openOn(driver, 1, FIRST_SCHEMA);
    const insert = (id: number) => store.connection.exec(`INSERT INTO item (id, a) VALUES (${id}, 'x')`);
    insert(1);
    store.flush();
    disk.capacityBytes = 0;
    expect(() => store.migrate(SECOND_SCHEMA)).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
    disk.capacityBytes = Infinity;
    insert(2);
    expect(store.flush()?.part?.rows.length).toBeGreaterThan(0);
    expect(store.migrate(SECOND_SCHEMA).outcome).toBe('migrated');
    store.connection.exec(`UPDATE item SET late = 'y' WHERE id = 1`);
    expect(store.flush()?.part?.rows.map(({ cid }) => cid)).toEqual(['late']);
    store.close();
  });

  test('of a sync are not forgotten: what is acknowledged after them is on the disk', async () => {
    const { disk, hooked, driver } = await faultyDisk();
    const store = openOn(driver, 1, FIRST_SCHEMA);
    store.connection.exec(`INSERT INTO tag (name) VALUES ('one')`);
    let failures = 1;
    hooked.hook = ({ call }) => (call === 'sync' && failures-- > 0 ? { kind: 'lost-sync' } : undefined);
    expect(() => store.flush()).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    expect(store.announced).toBe(0);
    expect(store.flush()?.announced[1]).toBeGreaterThan(0);
    const { announced } = store;
    disk.powerLoss();
    store.connection.close();
    const again = openOn(driver, 2);
    expect([again.announced, again.connection.prepare('SELECT name FROM tag').all()]).toEqual([announced, [['one']]]);
    again.close();
  });
});
