/** What the engine gets wrong by itself, shown, and that the driver keeps it from happening. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection, Driver } from '../../../src/sqlite/database.ts';
import { createWasmDriver } from '../../../src/sqlite/wasm/driver.ts';
import { instantiateEngine } from '../../../src/sqlite/wasm/engine-instance.ts';
import { loadEngineModule } from '../../../src/sqlite/wasm/engine-module.ts';
import { Engine } from '../../../src/sqlite/wasm/engine.ts';
import type { FileHandle, FileSystem } from '../../../src/sqlite/wasm/file-system.ts';
import { FileVfs, VFS_NAME } from '../../../src/sqlite/wasm/file-vfs.ts';
import { MemoryFileSystem } from '../../../src/sqlite/wasm/memory-file-system.ts';
import { execute, openDatabase, useJournal } from '../../../src/sqlite/wasm/open-database.ts';
import { codeOf } from '../../contract/database.contract.ts';

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await loadEngineModule();
});

const driverOver = (fileSystem: FileSystem, databasesPerEngine = 1): Promise<Driver> =>
  createWasmDriver({ module: compiled, fileSystem, databasesPerEngine });

/** An engine over the file layer, without anything that the driver adds. */
function bareEngine(fileSystem: FileSystem): { engine: Engine; vfs: FileVfs } {
  const engine = new Engine(instantiateEngine(compiled));
  const vfs = new FileVfs(fileSystem, () => {});
  engine.module.registerVFS(vfs, false);
  return { engine, vfs };
}

const countOf = (db: Connection): unknown => db.prepare('SELECT count(*) FROM t').get()![0];

describe('a file in WAL mode', () => {
  async function diskAfterKill(rows: number): Promise<MemoryFileSystem> {
    const disk = new MemoryFileSystem();
    const db = (await driverOver(disk)).open('/a.db');
    db.exec('CREATE TABLE t (a)');
    for (let i = 0; i < rows; i++) db.prepare('INSERT INTO t VALUES (?)').run([i]);
    disk.processEnd();
    return disk;
  }

  test('cannot be opened by the engine alone, with its log or without', async () => {
    const disk = await diskAfterKill(5);
    const { engine, vfs } = bareEngine(disk);
    expect(codeOf(() => openDatabase(engine, vfs.admit('/a.db'), VFS_NAME))).not.toBe('nothing thrown');
    disk.remove('/a.db-wal');
    expect(codeOf(() => openDatabase(engine, vfs.admit('/a.db'), VFS_NAME))).not.toBe('nothing thrown');
  });

  test('is recovered and opened by the driver, with every committed row', async () => {
    const disk = await diskAfterKill(5);
    const db = (await driverOver(disk)).open('/a.db');
    expect(countOf(db)).toBe(5);
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual(['wal']);
    db.exec('INSERT INTO t VALUES (6)');
    db.close();
    expect(countOf((await driverOver(disk)).open('/a.db'))).toBe(6);
  });

  test('leaves WAL mode at close: one plain file stays, with nothing beside it', async () => {
    const disk = new MemoryFileSystem();
    const db = (await driverOver(disk)).open('/a.db');
    db.exec('CREATE TABLE t (a)');
    expect(disk.sizeOf('/a.db-wal')).toBeGreaterThan(0);
    db.close();
    expect(disk.sizeOf('/a.db-wal')).toBeUndefined();
    expect(disk.sizeOf('/a.db-journal')).toBeUndefined();
    const header = new Uint8Array(20);
    disk.read(disk.open('/a.db', { create: false }), header, 0);
    expect([...header.subarray(18)]).toEqual([1, 1]);
  });
});

describe('names', () => {
  const LONG = `/${'folder/'.repeat(40)}file with blanks, \u00e4 and 'quotes'.db`;

  test('of more than 56 characters are refused by the engine alone', () => {
    const { engine } = bareEngine(new MemoryFileSystem());
    expect(codeOf(() => openDatabase(engine, `/${'x'.repeat(80)}`, VFS_NAME))).toBe('STORAGE_FAILED');
  });

  test('of any length and spelling are opened by the driver, and recovered', async () => {
    const disk = new MemoryFileSystem();
    const db = (await driverOver(disk)).open(LONG);
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    disk.processEnd();
    expect(countOf((await driverOver(disk)).open(LONG))).toBe(1);
  });

  test('of other files are not reached by SQL', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk, 2);
    driver.open('/other.db').exec('CREATE TABLE t (a)');
    const db = driver.open('/a.db');
    expect(codeOf(() => db.exec("ATTACH '/other.db' AS other"))).toBe('STORAGE_FAILED');
    expect(codeOf(() => db.exec("VACUUM INTO '/copy.db'"))).toBe('STORAGE_FAILED');
    expect(disk.sizeOf('/copy.db')).toBeUndefined();
  });
});

describe('temporary data', () => {
  const SORT = `CREATE TEMP TABLE u (a, b);
    INSERT INTO u WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n LIMIT 20000) SELECT a, hex(zeroblob(200)) FROM n`;

  const temporaryFiles = (disk: MemoryFileSystem): string[] =>
    [...disk.snapshot().live.keys()].filter((name) => name.startsWith('/a.db-temporary'));

  test('goes to files beside the database where nobody says otherwise, which go with it', () => {
    const disk = new MemoryFileSystem();
    const { engine, vfs } = bareEngine(disk);
    const name = vfs.admit('/a.db');
    const db = openDatabase(engine, name, VFS_NAME);
    execute(engine, db, SORT);
    expect(temporaryFiles(disk)).not.toEqual([]);
    vfs.dismiss(name);
    expect(temporaryFiles(disk)).toEqual([]);
  });

  test('has no files where no database is open', () => {
    const { engine } = bareEngine(new MemoryFileSystem());
    const db = openDatabase(engine, ':memory:', VFS_NAME);
    expect(codeOf(() => execute(engine, db, SORT))).toBe('STORAGE_FAILED');
  });

  test('stays in memory in a database of the driver', async () => {
    const disk = new MemoryFileSystem();
    const db = (await driverOver(disk)).open('/a.db');
    db.exec(SORT);
    expect(db.prepare('SELECT count(*) FROM u').get()).toEqual([20_000]);
    expect(temporaryFiles(disk)).toEqual([]);
  });
});

describe('two owners of one file', () => {
  test('destroy rows of each other where nothing keeps them apart', () => {
    const disk = new MemoryFileSystem();
    const owners = [bareEngine(disk), bareEngine(disk)].map(({ engine, vfs }) => {
      const db = openDatabase(engine, vfs.admit('/a.db'), VFS_NAME);
      return { engine, db };
    });
    execute(owners[0]!.engine, owners[0]!.db, 'CREATE TABLE t (a)');
    for (const { engine, db } of owners) useJournal(engine, db, 'wal');
    const seen = owners.map(({ engine, db }) => {
      try {
        execute(engine, db, 'INSERT INTO t VALUES (1)');
        return 'acknowledged';
      } catch {
        return 'refused';
      }
    });
    expect(seen).toContain('acknowledged');
    disk.processEnd();
    const { engine, vfs } = bareEngine(disk);
    const survivors = rowsAfterRecovery(engine, vfs);
    expect(survivors).not.toBe(2);
  });

  test('are kept apart by the driver', async () => {
    const driver = await driverOver(new MemoryFileSystem());
    const db = driver.open('/a.db');
    expect(codeOf(() => driver.open('/a.db'))).toBe('FILE_LOCKED');
    expect(codeOf(() => driver.open('a.db'))).toBe('FILE_LOCKED');
    db.close();
    driver.open('/a.db');
  });
});

/** Rows found by the driver's way of opening, or -1 if the file is broken. */
function rowsAfterRecovery(engine: Engine, vfs: FileVfs): number {
  try {
    const name = vfs.admit('/a.db');
    const db = openDatabase(engine, ':memory:', VFS_NAME);
    execute(engine, db, `PRAGMA locking_mode = EXCLUSIVE; ATTACH '${name}' AS x; PRAGMA x.journal_mode = DELETE`);
    execute(engine, db, 'CREATE TEMP TABLE found AS SELECT count(*) AS n FROM x.t');
    for (const n of [0, 1, 2]) {
      if (
        codeOf(() => execute(engine, db, `SELECT CASE n WHEN ${n} THEN abs(-9223372036854775808) END FROM found`)) !==
        'nothing thrown'
      )
        return n;
    }
    return -1;
  } catch {
    return -1;
  }
}

describe('a trap inside the engine', () => {
  /** An empty packed key makes the engine stop. */
  const TRAP = `INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)
    VALUES ('t', x'', 'v', 1, 1, 0, x'00112233445566778899aabbccddeeff', 1, 0)`;
  const SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('t')";

  test('fails every database of that instance, which open again with what they had', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk, 4);
    const [a, b] = [driver.open('/a.db'), driver.open('/b.db')];
    for (const db of [a, b]) db.exec(`${SCHEMA}; INSERT INTO t VALUES (1, 'kept')`);
    const statement = b.prepare('SELECT v FROM t');
    a.exec("BEGIN; INSERT INTO t VALUES (2, 'not committed')");
    expect(codeOf(() => a.prepare(TRAP).run())).toBe('ENGINE_FAILED');
    expect(codeOf(() => a.exec('COMMIT'))).toBe('ENGINE_FAILED');
    expect(codeOf(() => statement.get())).toBe('ENGINE_FAILED');
    expect(codeOf(() => b.inTransaction)).toBe('ENGINE_FAILED');
    for (const db of [a, b]) db.close();
    for (const path of ['/a.db', '/b.db']) {
      const again = driver.open(path);
      expect(again.prepare('SELECT v FROM t').all()).toEqual([['kept']]);
      expect(again.prepare('PRAGMA integrity_check').get()).toEqual(['ok']);
    }
  });

  test('leaves databases of other instances and later ones alone', async () => {
    const driver = await createWasmDriver({ module: compiled, databasesPerEngine: 1 });
    const [a, b] = [driver.open(':memory:'), driver.open(':memory:')];
    a.exec(SCHEMA);
    expect(codeOf(() => a.exec(TRAP))).toBe('ENGINE_FAILED');
    expect(b.prepare('SELECT 1').get()).toEqual([1]);
    expect(driver.open(':memory:').prepare('SELECT 1').get()).toEqual([1]);
    a.close();
  });
});

describe('the file layer', () => {
  /** Reads and writes a few bytes at a time, as a file system may. */
  class ShortFileSystem extends MemoryFileSystem {
    override read(handle: FileHandle, target: Uint8Array, offset: number): number {
      return super.read(handle, target.subarray(0, 700), offset);
    }
    override write(handle: FileHandle, source: Uint8Array, offset: number): number {
      return super.write(handle, source.subarray(0, 300), offset);
    }
  }

  test('reads and writes to the end where the system does less than it was asked', async () => {
    const disk = new ShortFileSystem();
    const db = (await driverOver(disk)).open('/a.db');
    db.exec('CREATE TABLE t (a)');
    db.prepare('INSERT INTO t VALUES (?)').run(['x'.repeat(50_000)]);
    db.close();
    const again = (await driverOver(disk)).open('/a.db');
    expect(again.prepare('SELECT length(a) FROM t').get()).toEqual([50_000]);
    expect(again.prepare('PRAGMA integrity_check').get()).toEqual(['ok']);
  });

  test('a full disk is STORAGE_FULL, loses nothing, and writing goes on when there is room', async () => {
    const disk = new MemoryFileSystem();
    const db = (await driverOver(disk)).open('/a.db');
    db.exec('CREATE TABLE t (a)');
    disk.capacityBytes = 200_000;
    const insert = db.prepare('INSERT INTO t VALUES (?)');
    let stored = 0;
    const fill = (): void => {
      for (; stored < 1_000; stored++) insert.run(['x'.repeat(2_000)]);
    };
    expect(codeOf(fill)).toBe('STORAGE_FULL');
    expect(countOf(db)).toBe(stored);
    disk.capacityBytes = Infinity;
    insert.run(['more']);
    db.close();
    expect(countOf((await driverOver(disk)).open('/a.db'))).toBe(stored + 1);
  });

  test('a lost disk is STORAGE_FAILED, and the connection still closes', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk);
    const db = driver.open('/a.db');
    db.exec('CREATE TABLE t (a)');
    disk.processEnd();
    expect(codeOf(() => db.exec('INSERT INTO t VALUES (1)'))).toBe('STORAGE_FAILED');
    db.close();
    expect(countOf(driver.open('/a.db'))).toBe(0);
  });

  test('a file that is no database is DATABASE_CORRUPT and stays as it is', async () => {
    const disk = new MemoryFileSystem();
    const text = new TextEncoder().encode('this is a letter and no database at all. '.repeat(100));
    disk.write(disk.open('/letter.txt', { create: true }), text, 0);
    const driver = await driverOver(disk);
    expect(codeOf(() => driver.open('/letter.txt'))).toBe('DATABASE_CORRUPT');
    expect(disk.sizeOf('/letter.txt')).toBe(text.length);
    expect(codeOf(() => driver.open('/letter.txt'))).toBe('DATABASE_CORRUPT');
  });

  test('a damaged database is DATABASE_CORRUPT, at open or when the damage is met', async () => {
    const disk = new MemoryFileSystem();
    const driver = await driverOver(disk);
    const db = driver.open('/a.db');
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    db.close();
    disk.write(disk.open('/a.db', { create: false }), new Uint8Array(disk.sizeOf('/a.db')! - 200).fill(255), 100);
    const use = (): void => {
      const again = driver.open('/a.db');
      again.prepare('SELECT * FROM t').all();
    };
    expect(codeOf(use)).toBe('DATABASE_CORRUPT');
  });

  test('a full disk at open is STORAGE_FULL', async () => {
    const disk = new MemoryFileSystem();
    disk.capacityBytes = 5_000;
    const driver = await driverOver(disk);
    expect(codeOf(() => driver.open('/a.db'))).toBe('STORAGE_FULL');
    disk.capacityBytes = Infinity;
    driver.open('/a.db');
  });
});
