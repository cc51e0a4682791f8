/** What survives a loss of power: everything that a full commit covers, and never a broken file. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection, Driver } from '../../../src/sqlite/database.ts';
import { createWasmDriver } from '../../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../../src/sqlite/wasm/engine-module.ts';
import { MemoryFileSystem } from '../../../src/sqlite/wasm/memory-file-system.ts';

const CUTS = 40;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await loadEngineModule();
});

const driverOver = (disk: MemoryFileSystem): Promise<Driver> =>
  createWasmDriver({ module: compiled, fileSystem: disk });

/** A small generator of numbers from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function withTable(driver: Driver): Connection {
  const db = driver.open('/a.db', { durability: 'full' });
  db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b)');
  return db;
}

const insert = (db: Connection, a: number): number =>
  db.prepare('INSERT INTO t VALUES (?, ?)').run([a, 'x'.repeat(3_000)]);

const rowsOf = (db: Connection): unknown[] =>
  db
    .prepare('SELECT a FROM t ORDER BY a')
    .all()
    .map(([a]) => a);

describe('loss of power', () => {
  test('keeps a full commit, and every normal commit before it', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk);
    const db = withTable(driver);
    db.setDurability('normal');
    for (let i = 0; i < 5; i++) insert(db, i);
    db.setDurability('full');
    insert(db, 5);
    disk.powerLoss();
    db.close();
    expect(rowsOf(driver.open('/a.db'))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('may take back normal commits, which is why acknowledging needs a full one', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk);
    const db = withTable(driver);
    db.setDurability('normal');
    insert(db, 1);
    disk.powerLoss();
    db.close();
    expect(rowsOf(driver.open('/a.db'))).toEqual([]);
  });

  test('keeps what a close has written, and a file that was only opened', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk);
    const db = driver.open('/a.db');
    disk.powerLoss();
    db.close();
    expect(driver.exists('/a.db')).toBe(true);
    const again = driver.open('/a.db');
    again.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    again.close();
    disk.powerLoss();
    expect(rowsOf(driver.open('/a.db'))).toEqual([1]);
  });

  test('at any moment, with any part of the unsynced sectors written, breaks nothing and keeps full commits', async () => {
    for (let seed = 1; seed <= CUTS; seed++) {
      const random = randomFrom(seed);
      const disk = new MemoryFileSystem();
      const driver = await driverOver(disk);
      const db = withTable(driver);
      let acknowledged = -1;
      for (let i = 0; i < 3 + random() * 40; i++) {
        const full = random() < 0.5;
        db.setDurability(full ? 'full' : 'normal');
        insert(db, i);
        if (full) acknowledged = i;
        if (random() < 0.1) db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      }
      if (random() < 0.3) db.exec('BEGIN; UPDATE t SET b = 1');
      disk.powerLoss(() => random() < 0.5);
      db.close();
      const again = driver.open('/a.db');
      expect([seed, again.prepare('PRAGMA integrity_check').get()]).toEqual([seed, ['ok']]);
      const rows = rowsOf(again);
      expect(rows).toEqual(rows.map((_, i) => i));
      expect([seed, rows.length]).toEqual([seed, Math.max(rows.length, acknowledged + 1)]);
      again.close();
    }
  });
});

describe('a snapshot of the disk', () => {
  test('brings back the database as it was, as often as wanted', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk);
    const db = withTable(driver);
    insert(db, 1);
    const snapshot = disk.snapshot();
    insert(db, 2);
    for (const extra of [3, 4]) {
      disk.restore(snapshot);
      db.close();
      const again = driver.open('/a.db');
      expect(rowsOf(again)).toEqual([1]);
      insert(again, extra);
      expect(rowsOf(again)).toEqual([1, extra]);
      again.close();
    }
  });
});
