/** Copies, backups and clones of real files, opened and synced as an app does it. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Database, Log } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import { startRelay } from './served-relay.ts';
import type { TestRelay } from './served-relay.ts';

const SCHEMA = 'CREATE TABLE todo (id INTEGER PRIMARY KEY NOT NULL, title TEXT, done INTEGER);';
const root = mkdtempSync(join(tmpdir(), 'crmesh-identity-'));
const opened: Database[] = [];
let folders = 0;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function folder(): string {
  return mkdtempSync(join(root, `${folders++}-`));
}

interface Told {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

async function openFile(path: string, told: Told[] = []): Promise<Database> {
  const at = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void told.push({ level, fields, message });
  const log: Log = { debug: () => {}, info: () => {}, warn: at('warn'), error: at('error') };
  const db = await open(path, { schema: SCHEMA, log });
  opened.push(db);
  return db;
}

async function write(db: Database, from: number, to: number, title: string): Promise<void> {
  for (let id = from; id < to; id++) await db.exec('INSERT OR REPLACE INTO todo VALUES (?, ?, 0)', [id, title]);
}

const rows = (db: Database): Promise<unknown[]> => db.query('SELECT * FROM todo ORDER BY id');

async function syncOnce(db: Database, relay: TestRelay): Promise<void> {
  const link = db.sync(`${relay.url.replace('http', 'ws')}/todo`);
  await link.synced();
  link.close();
}

/** All have everything of each other after this, as far as they can. */
async function syncAll(relay: TestRelay, ...databases: readonly Database[]): Promise<void> {
  for (let round = 0; round < 2; round++) for (const db of databases) await syncOnce(db, relay);
}

describe('a file', () => {
  test('keeps its site id over restarts, and when it is moved with what lies beside it', async () => {
    const dir = folder();
    const path = join(dir, 'a.db');
    let db = await openFile(path);
    const { siteId } = db;
    await write(db, 1, 3, 'x');
    const moved = join(dir, 'moved');
    await db.close();
    for (let i = 0; i < 3; i++) {
      db = await openFile(path);
      expect(db.siteId).toBe(siteId);
      await db.close();
    }
    renameSync(path, moved);
    renameSync(`${path}-site`, `${moved}-site`);
    const told: Told[] = [];
    db = await openFile(moved, told);
    expect([db.siteId, told]).toEqual([siteId, []]);
  });

  test('that was copied alone gets a site id of its own, and says so; the original keeps its own', async () => {
    const dir = folder();
    const [path, copy] = [join(dir, 'a.db'), join(dir, 'copy.db')];
    let db = await openFile(path);
    await write(db, 1, 3, 'x');
    const { siteId } = db;
    await db.close();
    copyFileSync(path, copy);
    const told: Told[] = [];
    const other = await openFile(copy, told);
    db = await openFile(path, told);
    expect(db.siteId).toBe(siteId);
    expect(other.siteId > siteId).toBe(true);
    expect(told).toMatchObject([{ level: 'warn', fields: { code: 'SITE_CONFLICT', former: siteId } }]);
    await other.close();
    expect((await openFile(copy)).siteId).toBe(other.siteId);
  });

  test('whose side file is damaged gets a new site id', async () => {
    const path = join(folder(), 'a.db');
    const damages = [
      () => writeFileSync(`${path}-site`, 'what is this'),
      () => appendFileSync(`${path}-site`, 'a line too many'),
      () => writeFileSync(`${path}-site`, readFileSync(`${path}-site`, 'utf8').slice(0, 70)),
      () => writeFileSync(`${path}-site`, readFileSync(`${path}-site`, 'utf8').replace(/site\\":\\"./, 'site\\":\\"x')),
    ];
    let last = (await openFile(path)).siteId;
    await opened.pop()!.close();
    const changed: boolean[] = [];
    for (const damage of damages) {
      damage();
      const db = await openFile(path);
      changed.push(db.siteId !== last);
      last = db.siteId;
      await db.close();
    }
    expect(changed).toEqual([true, false, true, true]);
  });

  test('that another one takes the place of, by a new database of the same name, leaves no trace in it', async () => {
    const path = join(folder(), 'a.db');
    const first = await openFile(path);
    await first.close();
    rmSync(path);
    const told: Told[] = [];
    const second = await openFile(path, told);
    expect(second.siteId).not.toBe(first.siteId);
    expect(told).toEqual([]);
  });
});

describe('copies and backups flow together', () => {
  test('a cloned folder: both write, neither loses anything', async () => {
    await using relay = await startRelay();
    const dir = folder();
    let a = await openFile(join(dir, 'a.db'));
    await write(a, 1, 4, 'before');
    await syncOnce(a, relay);
    const { siteId } = a;
    await a.close();
    const clone = folder();
    cpSync(dir, clone, { recursive: true });
    a = await openFile(join(dir, 'a.db'));
    const b = await openFile(join(clone, 'a.db'));
    expect([a.siteId === siteId, b.siteId === siteId]).toEqual([true, false]);
    await write(a, 10, 15, 'of a');
    await write(b, 12, 18, 'of b');
    await syncAll(relay, a, b);
    expect(await rows(b)).toEqual(await rows(a));
    expect(await rows(a)).toHaveLength(11);
  });

  test.each([
    [
      'the file alone, put over the original',
      (from: string, to: string) => copyFileSync(join(from, 'a.db'), join(to, 'a.db')),
    ],
    ['the folder, copied over the original', (from: string, to: string) => cpSync(from, to, { recursive: true })],
    [
      'the folder, put in the place of the original',
      (from: string, to: string) => {
        rmSync(to, { recursive: true });
        cpSync(from, to, { recursive: true });
      },
    ],
  ])("yesterday's copy, %s: what was lost comes back, what is written later stays", async (_name, restore) => {
    await using relay = await startRelay();
    const [dir, backup] = [folder(), folder()];
    let a = await openFile(join(dir, 'a.db'));
    await write(a, 1, 4, 'before the backup');
    await syncOnce(a, relay);
    await a.close();
    cpSync(dir, backup, { recursive: true });
    a = await openFile(join(dir, 'a.db'));
    await write(a, 2, 8, 'after the backup');
    await syncOnce(a, relay);
    const { siteId } = a;
    await a.close();
    restore(backup, dir);
    const told: Told[] = [];
    a = await openFile(join(dir, 'a.db'), told);
    expect(a.siteId).not.toBe(siteId);
    expect(told).toHaveLength(1);
    expect(await rows(a)).toHaveLength(3);
    await write(a, 20, 29, 'after the restore');
    const b = await openFile(join(folder(), 'b.db'));
    await syncAll(relay, a, b);
    expect(await rows(a)).toEqual(await rows(b));
    expect(await rows(a)).toHaveLength(7 + 9);
  });

  test('a machine that was set back whole: nothing beside the file tells, the relay does, and the link mends itself', async () => {
    await using relay = await startRelay();
    const [dir, snapshot] = [folder(), folder()];
    let a = await openFile(join(dir, 'a.db'));
    await write(a, 1, 4, 'before the snapshot');
    await syncOnce(a, relay);
    await a.close();
    const names = ['a.db', 'a.db-site'];
    for (const name of names) execFileSync('cp', ['-p', join(dir, name), join(snapshot, name)]);
    a = await openFile(join(dir, 'a.db'));
    await write(a, 2, 8, 'after the snapshot');
    await syncOnce(a, relay);
    const { siteId } = a;
    await a.close();
    for (const name of names) execFileSync('cp', ['-p', join(snapshot, name), join(dir, name)]);
    const told: Told[] = [];
    a = await openFile(join(dir, 'a.db'), told);
    expect([a.siteId, told]).toEqual([siteId, []]);
    await write(a, 20, 40, 'later, and more than was lost');
    await a.flushed();
    const link = a.sync(`${relay.url}/todo`);
    await a.flushed({ tier: 'relay' });
    await link.synced();
    expect(a.siteId > siteId).toBe(true);
    expect(told).toMatchObject([{ level: 'error', fields: { code: 'SITE_CONFLICT', former: siteId, site: a.siteId } }]);
    const b = await openFile(join(folder(), 'b.db'));
    await syncOnce(b, relay);
    expect(await rows(b)).toEqual(await rows(a));
    expect(await rows(b)).toHaveLength(7 + 20);
  });

  test("a relay's folder that was copied is another replica; clients of both lose nothing", async () => {
    const first = await startRelay();
    const a = await openFile(join(folder(), 'a.db'));
    await write(a, 1, 4, 'x');
    await syncOnce(a, first);
    await first.relay.close();
    const clone = folder();
    cpSync(first.dir, clone, { recursive: true });
    const told: Told[] = [];
    const log: Log = {
      debug: () => {},
      info: () => {},
      warn: (fields, message) => void told.push({ level: 'warn', fields, message }),
      error: () => {},
    };
    const second = await startRelay({ log }, clone);
    await write(a, 4, 7, 'y');
    await syncOnce(a, second);
    expect(told.map(({ fields }) => fields['code'])).toContain('SITE_CONFLICT');
    const b = await openFile(join(folder(), 'b.db'));
    await syncOnce(b, second);
    expect(await rows(b)).toEqual(await rows(a));
    await second.close();
    await first.close();
  });
});
