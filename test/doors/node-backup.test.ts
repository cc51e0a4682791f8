/** db.backup and restore, with real files and a real relay. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Database } from '../../src/node.ts';
import { open, restore } from '../../src/node.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { startRelay } from './served-relay.ts';

const SCHEMA = 'CREATE TABLE todo (id INTEGER PRIMARY KEY NOT NULL, title TEXT, done INTEGER);';
const root = mkdtempSync(join(tmpdir(), 'crmesh-backup-'));
const opened = new Set<Database>();
let folders = 0;

afterEach(async () => {
  for (const db of opened) await db.close();
  opened.clear();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const folder = (): string => mkdtempSync(join(root, `${folders++}-`));

async function openFile(path: string): Promise<Database> {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const db = await open(path, { schema: SCHEMA, log });
  opened.add(db);
  return db;
}

async function write(db: Database, from: number, to: number, title: string): Promise<void> {
  for (let id = from; id < to; id++) await db.exec('INSERT OR REPLACE INTO todo VALUES (?, ?, 0)', [id, title]);
}

const rows = (db: Database): Promise<unknown[]> => db.query('SELECT * FROM todo ORDER BY id');

describe('a backup', () => {
  test('is one file with everything before it, made while a link and writers go on', async () => {
    await using relay = await startRelay();
    const dir = folder();
    const a = await openFile(join(dir, 'a.db'));
    const link = a.sync(`${relay.url}/todo`);
    await write(a, 1, 20, 'before');
    const writing = write(a, 100, 140, 'meanwhile');
    const waiting = a.transaction(async (tx) => {
      await tx.exec("INSERT INTO todo VALUES (50, 'whole', 0)");
      await new Promise((resolve) => setTimeout(resolve, 5));
      await tx.exec("INSERT INTO todo VALUES (51, 'whole', 0)");
    });
    await a.backup(join(dir, 'backup.db'));
    await Promise.all([writing, waiting]);
    await link.synced();
    expect(readdirSync(dir).filter((name) => name.startsWith('backup'))).toEqual(['backup.db']);
    const copy = await openFile(join(dir, 'backup.db'));
    expect(copy.siteId).not.toBe(a.siteId);
    expect(await copy.query('SELECT count(*) AS n FROM todo WHERE id < 20')).toEqual([{ n: 19 }]);
    expect(await copy.query('SELECT count(*) AS n FROM todo WHERE id IN (50, 51)')).not.toEqual([{ n: 1 }]);
    await write(copy, 200, 203, 'of the copy');
    await copy.sync(`${relay.url}/todo`).synced();
    await link.synced();
    expect(await rows(copy)).toEqual(await rows(a));
    expect(await rows(a)).toHaveLength(19 + 40 + 2 + 3);
  });

  test('overwrites nothing, and a database in memory has none', async () => {
    const dir = folder();
    const a = await openFile(join(dir, 'a.db'));
    writeFileSync(join(dir, 'there'), 'mine');
    await expect(a.backup(join(dir, 'there'))).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(readFileSync(join(dir, 'there'), 'utf8')).toBe('mine');
    await expect(a.backup(join(dir, 'no', 'folder'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect((await openFile(':memory:')).backup(join(dir, 'x'))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});

describe('restore', () => {
  test('replaces the file, and what was written after the backup comes back from the relay', async () => {
    await using relay = await startRelay();
    const [path, backup] = [join(folder(), 'a.db'), join(folder(), 'backup.db')];
    let a = await openFile(path);
    const { siteId } = a;
    await write(a, 1, 5, 'before');
    await a.sync(`${relay.url}/todo`).synced();
    await a.backup(backup);
    await write(a, 3, 12, 'after');
    await a.sync(`${relay.url}/todo`).synced();
    await a.close();
    await expect(restore(backup, path)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    const restored = await restore(backup, path, { force: true });
    expect(restored).toMatchObject({ former: siteId, tables: ['todo'] });
    a = await openFile(path);
    expect(a.siteId).toBe(restored.site);
    expect(await rows(a)).toHaveLength(4);
    await write(a, 20, 23, 'after the restore');
    await a.sync(`${relay.url}/todo`).synced();
    const b = await openFile(join(folder(), 'b.db'));
    await b.sync(`${relay.url}/todo`).synced();
    expect(await rows(b)).toEqual(await rows(a));
    expect(await rows(b)).toHaveLength(11 + 3);
    await a.close();
    expect((await openFile(path)).siteId).toBe(restored.site);
  });

  test('takes a new file, and one backup as often as wanted: all are replicas of their own', async () => {
    await using relay = await startRelay();
    const [dir, backup] = [folder(), join(folder(), 'backup.db')];
    const a = await openFile(join(dir, 'a.db'));
    await write(a, 1, 5, 'x');
    await a.backup(backup);
    const sites = [a.siteId];
    const replicas = [a];
    for (const name of ['b.db', 'c.db']) {
      sites.push((await restore(backup, join(dir, name))).site);
      const db = await openFile(join(dir, name));
      await write(db, 10 * sites.length, 10 * sites.length + 3, name);
      replicas.push(db);
    }
    expect(new Set(sites).size).toBe(3);
    for (const db of [...replicas, ...replicas]) await db.sync(`${relay.url}/todo`).synced();
    for (const db of replicas) expect(await rows(db)).toEqual(await rows(a));
    expect(await rows(a)).toHaveLength(10);
    expect(readdirSync(dir).filter((name) => name.includes('restoring'))).toEqual([]);
  });

  test('takes a copy of files that were not closed, with what stands only in the log', async () => {
    const [path, copy] = [join(folder(), 'a.db'), join(folder(), 'copy.db')];
    const a = await openFile(path);
    await write(a, 1, 30, 'x');
    for (const ending of ['', '-wal']) copyFileSync(path + ending, copy + ending);
    const target = join(folder(), 'b.db');
    await restore(copy, target);
    expect(await rows(await openFile(target))).toEqual(await rows(a));
  });

  test('refuses what is no backup, what is in use and what is not there; the file stays as it was', async () => {
    const dir = folder();
    const [path, backup] = [join(dir, 'a.db'), join(dir, 'backup.db')];
    const a = await openFile(path);
    await write(a, 1, 40, 'x'.repeat(500));
    await a.backup(backup);
    const force = { force: true };
    await expect(restore(backup, path, force)).rejects.toMatchObject({ code: 'FILE_LOCKED' });
    await expect(restore(path, join(dir, 'new.db'))).rejects.toMatchObject({ code: 'FILE_LOCKED' });
    await a.close();
    await expect(restore(join(dir, 'nothing'), path, force)).rejects.toMatchObject({ code: 'NO_DATABASE' });
    await expect(restore(path, path, force)).rejects.toMatchObject({ code: 'USAGE' });
    writeFileSync(join(dir, 'text'), 'no database at all '.repeat(500));
    await expect(restore(join(dir, 'text'), path, force)).rejects.toMatchObject({ code: 'DATABASE_CORRUPT' });
    const half = readFileSync(backup);
    writeFileSync(join(dir, 'half'), half.subarray(0, half.length >> 1));
    await expect(restore(join(dir, 'half'), path, force)).rejects.toMatchObject({ code: 'DATABASE_CORRUPT' });
    const other = (await createWasmDriver()).open(join(dir, 'other.db'));
    other.exec('CREATE TABLE t (a)');
    other.close();
    await expect(restore(join(dir, 'other.db'), path, force)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(readdirSync(dir).filter((name) => name.includes('restoring'))).toEqual([]);
    expect(existsSync(join(dir, 'new.db'))).toBe(false);
    const again = await openFile(path);
    expect(again.siteId).toBe(a.siteId);
    expect(await rows(again)).toHaveLength(39);
  });
});
