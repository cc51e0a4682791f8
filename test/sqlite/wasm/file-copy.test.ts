/** Copies of open databases: durable when they are said to be made, and never half there. */
import { describe, expect, test } from 'vitest';
import { createWasmDriver } from '../../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../../src/sqlite/wasm/memory-file-system.ts';
import { codeOf } from '../../contract/database.contract.ts';

const ROWS = 400;

async function filled(): Promise<{
  disk: MemoryFileSystem;
  db: ReturnType<Awaited<ReturnType<typeof createWasmDriver>>['open']>;
}> {
  const disk = new MemoryFileSystem();
  const db = (await createWasmDriver({ fileSystem: disk })).open('/a.db');
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, v)');
  for (let id = 0; id < ROWS; id++) db.prepare('INSERT INTO t VALUES (?, ?)').run([id, 'x'.repeat(5_000)]);
  return { disk, db };
}

describe('a copy', () => {
  test('survives a loss of power, with commits that the original had only in its log', async () => {
    const { disk, db } = await filled();
    db.copyTo('/copy.db');
    disk.powerLoss();
    const copy = (await createWasmDriver({ fileSystem: disk })).open('/copy.db');
    expect(copy.prepare('PRAGMA integrity_check').get()).toEqual(['ok']);
    expect(copy.prepare('SELECT count(*) FROM t').get()).toEqual([ROWS]);
    copy.close();
  });

  test('is one plain file without a log', async () => {
    const { disk, db } = await filled();
    db.copyTo('/copy.db');
    const head = new Uint8Array(20);
    disk.read(disk.open('/copy.db', { create: false }), head, 0);
    expect([...head.subarray(18)]).toEqual([1, 1]);
    expect(disk.sizeOf('/copy.db-wal')).toBeUndefined();
    db.close();
  });

  test('on a disk that is full is not made, and leaves nothing behind', async () => {
    const { disk, db } = await filled();
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    disk.capacityBytes = disk.sizeOf('/a.db')! * 1.5;
    expect(codeOf(() => db.copyTo('/copy.db'))).toBe('STORAGE_FULL');
    expect(disk.sizeOf('/copy.db')).toBeUndefined();
    expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([ROWS]);
    disk.capacityBytes = Infinity;
    db.copyTo('/copy.db');
    db.close();
  });

  test('reaches no file by SQL', async () => {
    const { disk, db } = await filled();
    for (const sql of ["VACUUM INTO '/copy.db'", "ATTACH '/copy.db' AS x"])
      expect(codeOf(() => db.exec(sql))).not.toBe('nothing thrown');
    expect(disk.sizeOf('/copy.db')).toBeUndefined();
    db.close();
  });
});
