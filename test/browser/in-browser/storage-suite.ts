/** What the two browser storages promise beside the contract: nothing torn is opened, nobody shares, nothing is lost. */
import { browserImagePlaces } from '../../../src/browser-adoption.ts';
import { isReplicationError } from '../../../src/core/errors.ts';
import type { Driver } from '../../../src/sqlite/database.ts';
import { engineDriver } from '../../../src/sqlite/wasm/engine-driver.ts';
import type { FileSystem } from '../../../src/sqlite/wasm/file-system.ts';
import { MirrorFileSystem } from '../../../src/sqlite/wasm/mirror-file-system.ts';
import { MirrorStorage } from '../../../src/sqlite/wasm/mirror-storage.ts';
import { OpfsFileSystem } from '../../../src/sqlite/wasm/opfs-file-system.ts';
import { reportTests } from './report.ts';
import { describe, expect, test } from './vitest.ts';

const module = await WebAssembly.compileStreaming(fetch('/crsqlite-sync.wasm'));
let names = 0;
const freshName = (): string => `storage-suite-${names++}`;

const driverOver = (fileSystem: FileSystem): Driver => engineDriver({ module, fileSystem });
const mirror = async (name: string): Promise<MirrorFileSystem> =>
  MirrorFileSystem.load((await MirrorStorage.open(name))!);
const folderOf = async (name: string): Promise<FileSystemDirectoryHandle> =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
const opfs = async (name: string): Promise<OpfsFileSystem> => OpfsFileSystem.open(await folderOf(name));

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'nothing thrown';
  } catch (error) {
    return isReplicationError(error) ? error.code : `uncoded: ${String(error)}`;
  }
}

/** Runs `change` on the stored pages, as a damaged disk would. */
async function damage(name: string, change: (pages: IDBObjectStore, files: IDBObjectStore) => void): Promise<void> {
  const request = indexedDB.open(name);
  await new Promise((resolve) => (request.onsuccess = resolve));
  const transaction = request.result.transaction(['pages', 'files'], 'readwrite');
  change(transaction.objectStore('pages'), transaction.objectStore('files'));
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  request.result.close();
}

async function saved(name: string, rows: number): Promise<void> {
  const fileSystem = await mirror(name);
  const db = driverOver(fileSystem).open('/a.db');
  db.exec('CREATE TABLE t (a, b)');
  for (let i = 0; i < rows; i++) db.prepare('INSERT INTO t VALUES (?, ?)').run([i, 'x'.repeat(500)]);
  db.close();
  await fileSystem.end();
}

const countIn = (fileSystem: FileSystem): unknown =>
  driverOver(fileSystem).open('/a.db').prepare('SELECT count(*) FROM t').get();

describe('mirror', () => {
  test('what whenDurable() waited for is found again, what came after it may not be', async () => {
    const name = freshName();
    const fileSystem = await mirror(name);
    const db = driverOver(fileSystem).open('/a.db');
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    await db.whenDurable?.();
    expect(db.whenDurable?.()).toBeUndefined();
    const again = driverOver(await mirror(name)).open('/a.db');
    expect(again.prepare('SELECT a FROM t').all()).toEqual([[1]]);
  });

  test('a save in the middle of a transaction holds nothing of it', async () => {
    const name = freshName();
    const fileSystem = await mirror(name);
    const db = driverOver(fileSystem).open('/a.db');
    db.exec('CREATE TABLE t (a); PRAGMA cache_size = 10; BEGIN');
    for (let i = 0; i < 2_000; i++) db.prepare('INSERT INTO t VALUES (?)').run(['x'.repeat(1_000)]);
    await db.whenDurable?.();
    const again = driverOver(await mirror(name)).open('/a.db');
    expect(again.prepare('SELECT count(*) FROM t').get()).toEqual([0]);
    expect(again.prepare('PRAGMA integrity_check').get()).toEqual(['ok']);
  });

  test('what was written and never synced is gone when its last user leaves', async () => {
    const fileSystem = await mirror(freshName());
    const handle = fileSystem.open('/f', { create: true });
    fileSystem.write(handle, new Uint8Array(5_000).fill(1), 0);
    fileSystem.sync(handle);
    fileSystem.write(handle, new Uint8Array(9_000).fill(2), 3_000);
    fileSystem.close(handle);
    const bytes = new Uint8Array(20_000);
    expect(fileSystem.read(fileSystem.open('/f', { create: false }), bytes, 0)).toBe(5_000);
    expect(bytes.subarray(0, 5_000).every((byte) => byte === 1)).toBe(true);
  });

  test('a renamed file takes the place of another in one save', async () => {
    const name = freshName();
    await saved(name, 300);
    const fileSystem = await mirror(name);
    const draft = driverOver(fileSystem).open('/draft.db');
    draft.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    draft.close();
    await fileSystem.whenDurable();
    const before = await mirror(name);
    fileSystem.rename('/draft.db', '/a.db');
    await fileSystem.whenDurable();
    const after = await mirror(name);
    expect([before, after].map((files) => files.sizeOf('/draft.db') !== undefined)).toEqual([true, false]);
    expect(countIn(before)).toEqual([300]);
    expect(countIn(after)).toEqual([1]);
  });

  test('a shrunk database is found again as it is', async () => {
    const name = freshName();
    await saved(name, 500);
    const fileSystem = await mirror(name);
    const before = fileSystem.sizeOf('/a.db')!;
    const db = driverOver(fileSystem).open('/a.db');
    db.exec('DELETE FROM t WHERE a > 10; VACUUM');
    db.close();
    await fileSystem.end();
    const again = await mirror(name);
    expect(again.sizeOf('/a.db')).toBeLessThan(before);
    expect(driverOver(again).open('/a.db').prepare('SELECT count(*) FROM t').get()).toEqual([11]);
  });

  test.each([
    ['a page is missing', (pages: IDBObjectStore) => pages.delete(['/a.db', 3])],
    ['a page is older than the rest', (pages: IDBObjectStore) => pages.put(new Uint8Array(4096), ['/a.db', 3])],
    ['a page is cut', (pages: IDBObjectStore) => pages.put(new Uint8Array(100), ['/a.db', 3])],
    ['a page is no page', (pages: IDBObjectStore) => pages.put('x', ['/a.db', 3])],
  ])('an image is refused when %s', async (_what, change: (pages: IDBObjectStore) => unknown) => {
    const name = freshName();
    await saved(name, 100);
    await damage(name, (pages) => void change(pages));
    expect(await codeOf(() => mirror(name))).toBe('DATABASE_CORRUPT');
  });

  test('two pages that changed places are found out', async () => {
    const name = freshName();
    await saved(name, 200);
    await damage(name, (pages) => {
      const [third, fourth] = [pages.get(['/a.db', 3]), pages.get(['/a.db', 4])];
      fourth.onsuccess = () => {
        pages.put(fourth.result, ['/a.db', 3]);
        pages.put(third.result, ['/a.db', 4]);
      };
    });
    expect(await codeOf(() => mirror(name))).toBe('DATABASE_CORRUPT');
  });

  test('a second writer is found out and its save changes nothing', async () => {
    const name = freshName();
    const [first, second] = [await mirror(name), await mirror(name)];
    const db = driverOver(first).open('/a.db');
    await db.whenDurable?.();
    const other = driverOver(second).open('/a.db');
    expect(await codeOf(() => other.whenDurable?.())).toBe('FILE_LOCKED');
    db.exec('CREATE TABLE mine (a)');
    await db.whenDurable?.();
    const again = driverOver(await mirror(name)).open('/a.db');
    expect(again.prepare("SELECT name FROM sqlite_schema WHERE name = 'mine'").all()).toEqual([['mine']]);
  });
});

function makeTable(fileSystem: FileSystem, path: string, rows: number): void {
  const db = driverOver(fileSystem).open(path);
  db.exec('CREATE TABLE t (a)');
  for (let i = 0; i < rows; i++) db.prepare('INSERT INTO t VALUES (?)').run([i]);
  db.close();
}

/** The files of a pool that hold more than a name, as they are on the disk. */
async function filesWithContent(name: string): Promise<File[]> {
  const found: File[] = [];
  for await (const entry of (await folderOf(name)).values()) {
    const file = await (entry as FileSystemFileHandle).getFile();
    if (file.size > 4_096) found.push(file);
  }
  return found;
}

describe('opfs', () => {
  test('a folder has one pool at a time', async () => {
    const name = freshName();
    const pool = await opfs(name);
    expect(await codeOf(() => opfs(name))).toBe('FILE_LOCKED');
    await pool.end();
    await (await opfs(name)).end();
  });

  test('the pool grows by itself', async () => {
    const pool = await opfs(freshName());
    const driver = driverOver(pool);
    for (let i = 0; i < 12; i++) {
      driver.open(`/${i}.db`).exec('CREATE TABLE t (a)');
      await pool.reserve(2);
    }
    expect(driver.exists('/11.db')).toBe(true);
  });

  test('files of nobody are used again, files of databases are kept', async () => {
    const name = freshName();
    const pool = await opfs(name);
    await pool.reserve(30);
    const db = driverOver(pool).open('/a.db');
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    db.close();
    await pool.end();
    await (await folderOf(name)).getFileHandle('orphan', { create: true });
    const again = await opfs(name);
    expect(driverOver(again).open('/a.db').prepare('SELECT a FROM t').all()).toEqual([[1]]);
    let files = 0;
    for await (const _ of (await folderOf(name)).keys()) files++;
    expect(files).toBeLessThan(24);
  });

  test('a renamed file takes the place of another', async () => {
    const name = freshName();
    const pool = await opfs(name);
    makeTable(pool, '/a.db', 300);
    makeTable(pool, '/draft.db', 1);
    pool.rename('/draft.db', '/a.db');
    pool.syncDirectory();
    expect(countIn(pool)).toEqual([1]);
    await pool.end();
    const again = await opfs(name);
    expect(again.sizeOf('/draft.db')).toBeUndefined();
    expect(countIn(again)).toEqual([1]);
  });

  test('of two files that a cut rename left under one name the renamed one is found', async () => {
    const name = freshName();
    const first = await opfs(name);
    makeTable(first, '/a.db', 300);
    await first.end();
    const [file] = await filesWithContent(name);
    const old = await file!.arrayBuffer();
    const pool = await opfs(name);
    makeTable(pool, '/draft.db', 1);
    pool.rename('/draft.db', '/a.db');
    await pool.end();
    // What stood there before the rename let it go.
    const copy = await (await folderOf(name)).getFileHandle('left behind', { create: true });
    const writable = await copy.createWritable();
    await writable.write(old);
    await writable.close();
    for (let i = 0; i < 2; i++) {
      const again = await opfs(name);
      expect(countIn(again)).toEqual([1]);
      await again.end();
    }
    expect((await filesWithContent(name)).length).toBe(1);
  });

  test('a log that was left beside a database or a draft is not replayed over the image', async () => {
    const name = freshName();
    const first = await opfs(name);
    const places = browserImagePlaces(first, '/a.db');
    // Both end with the worker, and their logs stay.
    for (const path of ['/a.db', places.draft]) {
      driverOver(first).open(path).exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)');
    }
    expect(places.isDraftWhole()).toBe(false);
    await first.end();
    const pool = await opfs(name);
    expect(pool.sizeOf('/a.db-wal')).toBeGreaterThan(0);
    const again = browserImagePlaces(pool, '/a.db');
    again.removeDraft();
    expect([again.draft, `${again.draft}-wal`].map((path) => pool.sizeOf(path))).toEqual([undefined, undefined]);
    makeTable(pool, again.draft, 1);
    expect(again.isDraftWhole()).toBe(true);
    again.swap();
    expect(pool.sizeOf('/a.db-wal')).toBeUndefined();
    expect(countIn(pool)).toEqual([1]);
    await pool.end();
  });

  test('content under a header that cannot be read is refused', async () => {
    const name = freshName();
    const pool = await opfs(name);
    driverOver(pool).open('/a.db').exec('CREATE TABLE t (a)');
    await pool.end();
    for await (const entry of (await folderOf(name)).values()) {
      const file = await (entry as FileSystemFileHandle).getFile();
      if (file.size < 5_000) continue;
      const writable = await (entry as FileSystemFileHandle).createWritable({ keepExistingData: true });
      await writable.write(new Uint8Array([9, 9, 9, 9]));
      await writable.close();
    }
    expect(await codeOf(() => opfs(name))).toBe('DATABASE_CORRUPT');
  });

  test('a removed file is gone after the next opening too', async () => {
    const name = freshName();
    const pool = await opfs(name);
    driverOver(pool).open('/a.db').close();
    pool.remove('/a.db');
    pool.syncDirectory();
    await pool.end();
    expect((await opfs(name)).sizeOf('/a.db')).toBeUndefined();
  });
});

reportTests();
