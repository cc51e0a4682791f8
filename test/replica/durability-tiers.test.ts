/** What flushed() promises, tier by tier, when the power fails right after; and that the tests notice a broken promise. */
import { afterEach, describe, expect, test } from 'vitest';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { StoreFaults } from '../../src/store/faults.ts';
import type { Wired } from './wired.ts';
import { ALL, TestRelay, until, wire } from './wired.ts';

const opened: Wired[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ db }) => db.close().catch(() => {})));
});

async function on(disk: MemoryFileSystem, faults?: StoreFaults): Promise<Wired> {
  const driver = await createWasmDriver({ fileSystem: disk });
  const wired = await wire({ path: '/data.db', driver, ...(faults === undefined ? {} : { faults }) });
  opened.push(wired);
  return wired;
}

async function memory(): Promise<Wired> {
  const wired = await wire();
  opened.push(wired);
  return wired;
}

const add = ({ db }: Wired, id: string): Promise<unknown> => db.exec("INSERT INTO todo VALUES (?, 'x', 0, 0.5)", [id]);

/** Rows that a disk still has after its power failed. */
async function survivors(disk: MemoryFileSystem): Promise<number> {
  disk.powerLoss();
  const { store } = await on(disk);
  return Number(store.connection.prepare('SELECT count(*) FROM todo').get()![0]);
}

describe('tier local', () => {
  test.each([
    [undefined, 5],
    [{ 'full-commit': true }, 0],
  ] as const)('with faults %j the disk has %i of 5 writes after a power cut', async (faults, rows) => {
    const disk = new MemoryFileSystem();
    await (await on(disk)).db.close();
    const a = await on(disk, faults);
    for (let i = 0; i < 5; i++) await add(a, `${i}`);
    await a.db.flushed();
    expect(await survivors(disk)).toBe(rows);
  });
});

describe('tier relay', () => {
  test.each([
    [undefined, 5],
    [{ 'full-commit': true }, 0],
  ] as const)('with faults %j at the relay it has %i of 5 writes after a power cut there', async (faults, rows) => {
    const disk = new MemoryFileSystem();
    await (await on(disk)).db.close();
    const relay = new TestRelay(await on(disk, faults));
    const a = await memory();
    a.db.sync('memory', { dial: relay.dial });
    for (let i = 0; i < 5; i++) await add(a, `${i}`);
    await a.db.flushed({ tier: 'relay' });
    expect(await survivors(disk)).toBe(rows);
  });

  test('does not count a relay that was wiped, nor one machine under two names', async () => {
    const disk = new MemoryFileSystem();
    const relay = new TestRelay(await on(disk));
    const a = await memory();
    const link = a.db.sync('memory', { dial: relay.dial });
    await add(a, '1');
    await a.db.flushed({ tier: 'relay' });
    link.pause();
    relay.wired.store.reidentify();
    link.resume();
    await link.synced();
    const twice = a.db.flushed({ tier: { peers: 2 } }).then(() => true);
    const waited = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 100));
    expect(await Promise.race([twice, waited])).toBe(false);
    const second = new TestRelay(await memory());
    second.grant = relay.grant = { ...ALL, vouch: true };
    link.close();
    a.db.sync('memory', { dial: second.dial });
    expect(await twice).toBe(true);
  });

  test('pending names what no peer has acknowledged, and empties with the acknowledgement', async () => {
    const [relay, a] = [new TestRelay(await memory()), await memory()];
    await add(a, '1');
    expect(await a.db.pending()).toMatchObject([{ table: 'todo', pk: { id: '1' } }]);
    a.db.sync('memory', { dial: relay.dial });
    await until(async () => (await a.db.pending()).length === 0);
    expect(await a.db.flushed({ tier: 'relay' })).toBeUndefined();
  });
});
