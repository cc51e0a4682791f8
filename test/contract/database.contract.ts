/**
 * The law of the database port (src/sqlite/database.ts), for every driver.
 *
 * A room gives what a driver needs to be tested: fresh paths, and whether its files outlive a connection.
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isReplicationError } from '../../src/core/errors.ts';
import { Real, real, sqlValuesEqual, type SqlValue } from '../../src/core/sql-value.ts';
import type { Connection, Driver, OpenOptions } from '../../src/sqlite/database.ts';

export interface DatabaseRoom {
  readonly driver: Driver;
  /** A path that no test has used. */
  readonly freshPath: () => string;
  /** False for ':memory:': nothing is left after close. */
  readonly persistent: boolean;
}

/** The code of the error that `use` throws, or 'nothing thrown'. */
export function codeOf(use: () => unknown): string {
  try {
    use();
  } catch (error) {
    return isReplicationError(error) ? error.code : `uncoded: ${String(error)}`;
  }
  return 'nothing thrown';
}

/** Authorizer actions. */
const DELETE = 9;
const READ = 20;

const EXACT_VALUES: readonly (readonly [string, SqlValue])[] = [
  ['NULL', null],
  ['zero', 0],
  ['a 32-bit integer', -2_147_483_648],
  ['an integer above 32 bits', 4_294_967_296],
  ['a negative integer above 32 bits', -4_294_967_297],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER],
  ['the smallest safe integer', Number.MIN_SAFE_INTEGER],
  ['an integer beyond the safe ones', 9_007_199_254_740_993n],
  ['the largest integer', 9_223_372_036_854_775_807n],
  ['the smallest integer', -9_223_372_036_854_775_808n],
  ['a fraction', 0.1],
  ['an integral REAL', real(5)],
  ['a negative zero', real(-0)],
  ['a large REAL', real(1e300)],
  ['the smallest REAL', 5e-324],
  ['infinity', Infinity],
  ['negative infinity', -Infinity],
  ['empty text', ''],
  ['text with a NUL', 'a\0b'],
  ['text that begins with a byte order mark', '\uFEFFx'],
  ['text beyond the basic plane', '\u{1F600} ä 漢 '.repeat(20)],
  ['long text', 'x'.repeat(200_000)],
  ['an empty blob', new Uint8Array(0)],
  ['a blob', new Uint8Array([0, 255, 0, 1])],
  ['a long blob', new Uint8Array(200_000).fill(7)],
];

const UNSUPPORTED: readonly (readonly [string, unknown])[] = [
  ['NaN', NaN],
  ['NaN marked as REAL', new Real(NaN)],
  ['a lone surrogate', 'a\uD800'],
  ['an integer beyond 64 bits', 2n ** 63n],
  ['undefined', undefined],
  ['a boolean', true],
  ['a Date', new Date(0)],
  ['an array', [1]],
];

/** Runs the suite; `makeRoom` is called once. */
export function databaseContract(name: string, makeRoom: () => Promise<DatabaseRoom>): void {
  describe(`database: ${name}`, () => {
    let room: DatabaseRoom;
    const open: Connection[] = [];
    const connect: Connect = (path = room.freshPath(), options = {}) => {
      const connection = room.driver.open(path, options);
      open.push(connection);
      return connection;
    };
    beforeAll(async () => {
      room = await makeRoom();
    });
    afterEach(() => {
      for (const connection of open.splice(0)) connection.close();
    });

    describe('values', () => {
      valueTests(connect);
    });
    describe('statements', () => {
      statementTests(connect);
    });
    describe('transactions', () => {
      transactionTests(connect);
    });
    describe('hooks', () => {
      hookTests(connect);
    });
    describe('replication functions', () => {
      replicationTests(connect);
    });
    describe('opening and closing', () => {
      lifeTests(connect, () => room);
    });
    describe('copying', () => {
      copyTests(connect, () => room);
    });
  });
}

type Connect = (path?: string, options?: OpenOptions) => Connection;

function valueTests(connect: Connect): void {
  test.each(EXACT_VALUES)('%s comes back as it went in', (_name, value) => {
    const db = connect();
    db.exec('CREATE TABLE t (v)');
    db.prepare('INSERT INTO t VALUES (?)').run([value]);
    const stored = db.prepare('SELECT v FROM t').get()!;
    const bound = db.prepare('SELECT ?').get([value])!;
    expect(sqlValuesEqual(stored[0]!, value)).toBe(true);
    expect(sqlValuesEqual(bound[0]!, value)).toBe(true);
  });

  test.each(UNSUPPORTED)('%s is refused and nothing is stored', (_name, value) => {
    const db = connect();
    db.exec('CREATE TABLE t (v)');
    expect(codeOf(() => db.prepare('INSERT INTO t VALUES (?)').run([value as SqlValue]))).toBe('VALUE_UNSUPPORTED');
    expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([0]);
  });

  test('a JavaScript number is INTEGER when it is integral, REAL when it is not, REAL when it is marked', () => {
    const kinds = connect().prepare('SELECT typeof(?), typeof(?), typeof(?), typeof(?), typeof(?)');
    const names = kinds.get([1, 1.5, real(1), 2 ** 60, -0]);
    expect(names).toEqual(['integer', 'real', 'real', 'real', 'real']);
  });

  test('plain rows give integral REALs as numbers, exact rows mark them', () => {
    const db = connect();
    const plain = db.compile('SELECT 5.0, 5, 0.5', 'plain');
    expect(plain.get()).toEqual([5, 5, 0.5]);
    plain.finalize();
    expect(db.prepare('SELECT 5.0, 5, 0.5').get()).toEqual([real(5), 5, 0.5]);
  });

  test('a blob that was read stays as it is when other statements run', () => {
    const db = connect();
    const [blob] = db.prepare("SELECT x'010203'").get()!;
    db.prepare('SELECT ?').get([new Uint8Array(1_000_000).fill(9)]);
    expect(blob).toEqual(new Uint8Array([1, 2, 3]));
  });

  test('a value can be larger than the memory the engine began with', () => {
    const db = connect();
    const large = 'ä'.repeat(12_000_000);
    expect(db.prepare('SELECT ?').get([large])![0] === large).toBe(true);
  });
}

function statementTests(connect: Connect): void {
  test('run answers how many table rows the statement changed', () => {
    const db = connect();
    expect(db.prepare('CREATE TABLE t (a)').run()).toBe(0);
    expect(db.prepare('INSERT INTO t VALUES (1), (2), (3)').run()).toBe(3);
    expect(db.prepare('WITH w(a) AS (SELECT 4) INSERT INTO t SELECT a FROM w').run()).toBe(1);
    expect(db.prepare('UPDATE t SET a = a + 1 WHERE a > 1 RETURNING a').run()).toBe(3);
    expect(db.prepare('SELECT * FROM t').run()).toBe(0);
    expect(db.prepare('-- all\nDELETE FROM t').run()).toBe(4);
    expect(db.prepare('DELETE FROM t').run()).toBe(0);
    expect(db.changes).toBe(0);
  });

  test('get answers the first row or nothing, all answers every row', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)');
    expect(db.prepare('SELECT a FROM t').get()).toEqual([1]);
    expect(db.prepare('SELECT a FROM t WHERE a > 5').get()).toBeUndefined();
    expect(db.prepare('SELECT a FROM t').all()).toEqual([[1], [2]]);
    expect(db.prepare('SELECT a FROM t WHERE a > ?').all([1])).toEqual([[2]]);
  });

  test('leaving an iteration early frees the statement and the table', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)');
    const rows = db.prepare('SELECT a FROM t');
    for (const [a] of rows.iterate()) if (a === 2) break;
    db.exec('DROP TABLE t; CREATE TABLE t (a); INSERT INTO t VALUES (7)');
    expect([...rows.iterate()]).toEqual([[7]]);
  });

  test('a statement that is being iterated is not started a second time', () => {
    const db = connect();
    const rows = db.prepare('SELECT 1 UNION SELECT 2');
    for (const _ of rows.iterate()) expect(codeOf(() => rows.all())).toBe('SQL_ERROR');
    expect(rows.all()).toEqual([[1], [2]]);
  });

  test('other statements run while one is iterated', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); CREATE TABLE u (a)');
    for (const row of db.prepare('SELECT a FROM t').iterate()) db.prepare('INSERT INTO u VALUES (?)').run(row);
    expect(db.prepare('SELECT a FROM u').all()).toEqual([[1], [2]]);
  });

  test('column names follow the schema', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a, "b c")');
    const rows = db.prepare('SELECT * FROM t');
    expect(rows.columnNames).toEqual(['a', 'b c']);
    db.exec("ALTER TABLE t ADD COLUMN d DEFAULT 4; INSERT INTO t VALUES (1, 2, 'x')");
    expect(rows.all()).toEqual([[1, 2, 'x']]);
    expect(rows.columnNames).toEqual(['a', 'b c', 'd']);
    expect(db.prepare('DELETE FROM t').columnNames).toEqual([]);
  });

  test('the same text gives the same prepared statement', () => {
    const db = connect();
    expect(db.prepare('SELECT 1')).toBe(db.prepare('SELECT 1'));
    expect(db.prepare('SELECT 1').sql).toBe('SELECT 1');
  });

  test('a prepared statement works after many others were prepared', () => {
    const db = connect();
    const first = db.prepare('SELECT 42');
    for (let i = 0; i < 500; i++) expect(db.prepare(`SELECT ${i}, 'many'`).get()).toEqual([i, 'many']);
    expect(first.get()).toEqual([42]);
    first.finalize();
    expect(first.get()).toEqual([42]);
  });

  test('a compiled statement ends with finalize', () => {
    const db = connect();
    const statement = db.compile('SELECT 1', 'exact');
    expect(statement.get()).toEqual([1]);
    statement.finalize();
    statement.finalize();
    expect(codeOf(() => statement.get())).toBe('CLOSED');
  });

  test.each([
    ['a misspelt statement', 'SELEC 1', /near "SELEC": syntax error/],
    ['an unknown table', 'SELECT * FROM nowhere', /no such table: nowhere/],
    ['two statements', 'SELECT 1; SELECT 2', /one statement/],
    ['no statement', ' -- nothing\n', /no statement/],
    ['a text with a NUL', "SELECT 'a\0b'", /NUL/],
  ])('%s is refused with a message that says why', (_name, sql, message) => {
    const db = connect();
    expect(codeOf(() => db.prepare(sql))).toBe('SQL_ERROR');
    expect(() => db.compile(sql, 'plain')).toThrow(message);
    expect(db.prepare('SELECT 1;  -- and a remark').get()).toEqual([1]);
  });

  test('parameters that are too many or too few are refused', () => {
    const db = connect();
    const statement = db.prepare('SELECT ?, ?');
    expect(codeOf(() => statement.get([1]))).toBe('SQL_ERROR');
    expect(codeOf(() => statement.get([1, 2, 3]))).toBe('SQL_ERROR');
    expect(statement.get([1, 2])).toEqual([1, 2]);
  });

  test('a violated constraint tells its message and its result code', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a PRIMARY KEY); INSERT INTO t VALUES (1)');
    const insert = db.prepare('INSERT INTO t VALUES (?)');
    try {
      insert.run([1]);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'SQL_ERROR',
        message: expect.stringContaining('UNIQUE'),
        details: { sqliteCode: 19 },
      });
    }
    expect(insert.run([2])).toBe(1);
  });

  test('exec runs several statements and stops at the first that fails', () => {
    const db = connect();
    expect(codeOf(() => db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1); WRONG; INSERT INTO t VALUES (2)'))).toBe(
      'SQL_ERROR',
    );
    expect(db.prepare('SELECT a FROM t').all()).toEqual([[1]]);
    db.exec('');
  });
}

function transactionTests(connect: Connect): void {
  test('inTransaction is true from BEGIN to COMMIT or ROLLBACK', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a)');
    expect(db.inTransaction).toBe(false);
    db.prepare('BEGIN').run();
    db.exec('INSERT INTO t VALUES (1)');
    expect(db.inTransaction).toBe(true);
    db.prepare('ROLLBACK').run();
    expect(db.inTransaction).toBe(false);
    expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([0]);
  });

  test('a transaction larger than the cache commits whole', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a PRIMARY KEY, b); BEGIN');
    const insert = db.prepare('INSERT INTO t VALUES (?, ?)');
    const filler = 'x'.repeat(1_000);
    for (let i = 0; i < 5_000; i++) insert.run([i, filler]);
    db.exec('COMMIT');
    expect(db.prepare('SELECT count(*), sum(length(b)) FROM t').get()).toEqual([5_000, 5_000_000]);
  });

  test('durability is changed between transactions', () => {
    const db = connect();
    db.setDurability('full');
    expect(db.prepare('PRAGMA synchronous').get()).toEqual([2]);
    db.setDurability('normal');
    expect(db.prepare('PRAGMA synchronous').get()).toEqual([1]);
  });

  test('temporary data lies in memory', () => {
    const db = connect();
    expect(db.prepare('PRAGMA temp_store').get()).toEqual([2]);
    db.exec('CREATE TABLE t (a); CREATE TEMP TABLE u (a)');
    db.exec("INSERT INTO t SELECT value FROM json_each('[3,1,2]'); INSERT INTO u SELECT a FROM t ORDER BY a");
    expect(db.prepare('SELECT a FROM u').all()).toEqual([[1], [2], [3]]);
    db.exec('VACUUM');
  });
}

function hookTests(connect: Connect): void {
  test('a row change is told with its table until the listener leaves', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY); CREATE TABLE u (a)');
    const heard: string[] = [];
    const alsoHeard: string[] = [];
    const off = db.onRowChange((table) => heard.push(table));
    db.onRowChange((table) => alsoHeard.push(table));
    db.exec('INSERT INTO t VALUES (1); UPDATE t SET a = 2; INSERT INTO u VALUES (1); DELETE FROM t WHERE a = 2');
    expect(heard).toEqual(['t', 't', 'u', 't']);
    off();
    db.exec('BEGIN; INSERT INTO t VALUES (3); ROLLBACK');
    expect(heard.length).toBe(4);
    expect(alsoHeard).toEqual(['t', 't', 'u', 't', 't']);
  });

  test('a listener that throws does not disturb the statement', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a)');
    db.onRowChange(() => {
      throw new RangeError('no');
    });
    expect(db.prepare('INSERT INTO t VALUES (1)').run()).toBe(1);
    expect(codeOf(() => db.exec('WRONG'))).toBe('SQL_ERROR');
  });

  test('the authorizer sees tables and refuses a statement while it is compiled', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a); CREATE TABLE secret (a)');
    const seen = new Set<string>();
    db.setAuthorizer((action, a) => {
      seen.add(`${action} ${a}`);
      return a !== 'secret';
    });
    expect(db.compile('SELECT a FROM t', 'plain').all()).toEqual([]);
    expect(codeOf(() => db.compile('SELECT a FROM secret', 'plain'))).toBe('SQL_ERROR');
    expect(codeOf(() => db.compile('DELETE FROM secret', 'plain'))).toBe('SQL_ERROR');
    db.setAuthorizer(undefined);
    expect(db.compile('SELECT a FROM secret', 'plain').all()).toEqual([]);
    expect(seen).toContain(`${READ} t`);
    expect(seen).toContain(`${DELETE} secret`);
  });

  test('an authorizer that throws refuses', () => {
    const db = connect();
    db.setAuthorizer(() => {
      throw new RangeError('no');
    });
    expect(codeOf(() => db.compile('SELECT 1', 'plain'))).toBe('SQL_ERROR');
    db.setAuthorizer(undefined);
    expect(db.compile('SELECT 1', 'plain').get()).toEqual([1]);
  });

  test('a progress handler ends a statement that runs too long, and the next one works', () => {
    const db = connect();
    let asked = 0;
    db.setProgressHandler(() => ++asked > 5);
    const endless = db.compile(
      'WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT a FROM n',
      'plain',
    );
    expect(
      codeOf(() => {
        for (const _ of endless.iterate());
      }),
    ).toBe('QUERY_TIMEOUT');
    db.setProgressHandler(undefined);
    expect(db.prepare('SELECT 1').get()).toEqual([1]);
  });
}

function replicationTests(connect: Connect): void {
  const SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('t')";
  const PULL = 'SELECT "table", pk, cid, val, col_version, db_version, site_id, cl, seq FROM crsql_changes';
  const PUSH = `INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

  test('each database has a site id of its own', () => {
    const ids = [connect(), connect(), connect()].map((db) => db.prepare('SELECT hex(crsql_site_id())').get()![0]);
    expect(new Set(ids).size).toBe(3);
  });

  test('changes of one database merge into another with their exact types', () => {
    const [a, b] = [connect(), connect()];
    for (const db of [a, b]) db.exec(SCHEMA);
    const values = [5, real(5), real(-0), 'a\0b', new Uint8Array(0), null, 9_007_199_254_740_993n];
    values.forEach((value, id) => a.prepare('INSERT INTO t VALUES (?, ?)').run([id, value]));
    b.exec('BEGIN');
    for (const row of a.prepare(PULL).iterate()) b.prepare(PUSH).run(row);
    b.exec('COMMIT');
    expect(b.prepare('SELECT v FROM t ORDER BY id').all()).toEqual(values.map((value) => [value]));
    expect(b.prepare(PULL).all().length).toBe(a.prepare(PULL).all().length);
  });

  test('the mathematical functions are there', () => {
    expect(connect().prepare('SELECT sqrt(16.0)').get()).toEqual([real(4)]);
  });
}

function lifeTests(connect: Connect, roomOf: () => DatabaseRoom): void {
  test('a closed connection refuses everything and closes again quietly', () => {
    const db = connect();
    const statement = db.prepare('SELECT 1');
    const rows = db.prepare('SELECT 1 UNION SELECT 2').iterate();
    rows.next();
    db.close();
    db.close();
    const uses: readonly (() => unknown)[] = [
      () => statement.get(),
      () => rows.next(),
      () => db.prepare('SELECT 1'),
      () => db.prepare('SELECT 2'),
      () => db.compile('SELECT 1', 'plain'),
      () => db.exec('SELECT 1'),
      () => db.inTransaction,
      () => db.changes,
      () => db.onRowChange(() => {}),
      () => db.setDurability('full'),
    ];
    expect(uses.map(codeOf)).toEqual(uses.map(() => 'CLOSED'));
  });

  test('close frees compiled statements and rolls back an open transaction', () => {
    const db = connect();
    db.exec('CREATE TABLE t (a)');
    const kept = db.compile('SELECT 1', 'plain');
    db.exec('BEGIN; INSERT INTO t VALUES (1)');
    db.close();
    expect(codeOf(() => kept.get())).toBe('CLOSED');
    kept.finalize();
  });

  test('an empty path is refused', () => {
    expect(codeOf(() => connect(''))).toBe('USAGE');
  });

  test('the connection knows its path and its engine', () => {
    const path = roomOf().freshPath();
    expect(connect(path)).toMatchObject({ path, engine: roomOf().driver.engine });
  });

  test('many databases are open side by side and keep apart', () => {
    const all = Array.from({ length: 20 }, () => connect());
    all.forEach((db, i) => db.exec(`CREATE TABLE t (a); INSERT INTO t VALUES (${i})`));
    expect(all.map((db) => db.prepare('SELECT a FROM t').get()![0])).toEqual(all.map((_, i) => i));
  });

  test('a database of a file is found again, one in memory is gone', () => {
    const { driver, freshPath, persistent } = roomOf();
    const path = freshPath();
    const db = connect(path);
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    const site = db.prepare('SELECT crsql_site_id()').get();
    db.close();
    expect(driver.exists(path)).toBe(persistent);
    const again = connect(path);
    expect(again.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 't'").get()).toEqual([persistent ? 1 : 0]);
    if (persistent) expect(again.prepare('SELECT crsql_site_id()').get()).toEqual(site);
  });

  test('a file has one owner until it is closed', () => {
    const { freshPath, persistent } = roomOf();
    if (!persistent) return;
    const path = freshPath();
    const first = connect(path, { lockNote: 'note' });
    expect(codeOf(() => connect(path))).toBe('FILE_LOCKED');
    first.exec('CREATE TABLE t (a)');
    first.close();
    expect(connect(path).prepare('SELECT count(*) FROM t').get()).toEqual([0]);
  });

  test('mustExist refuses a file that is not there and does not make it', () => {
    const { driver, freshPath, persistent } = roomOf();
    if (!persistent) return;
    const path = freshPath();
    expect(codeOf(() => connect(path, { mustExist: true }))).toBe('NO_DATABASE');
    expect(driver.exists(path)).toBe(false);
    connect(path).close();
    connect(path, { mustExist: true });
  });
}

function copyTests(connect: Connect, roomOf: () => DatabaseRoom): void {
  test('a copy holds what was committed when it was made, and the original goes on', () => {
    const { driver, freshPath, persistent } = roomOf();
    const [db, copy] = [connect(), freshPath()];
    db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('t')");
    for (let id = 0; id < 300; id++) db.prepare('INSERT INTO t VALUES (?, ?)').run([id, 'x'.repeat(id)]);
    if (!persistent) return expect(codeOf(() => db.copyTo(copy))).toBe('BAD_REQUEST');
    db.copyTo(copy);
    db.exec('DELETE FROM t WHERE id < 100');
    expect(driver.exists(copy)).toBe(true);
    const copied = connect(copy);
    expect(copied.prepare('PRAGMA integrity_check').get()).toEqual(['ok']);
    const counts = 'SELECT count(*), (SELECT count(*) FROM crsql_changes), crsql_site_id() FROM t';
    const [site] = db.prepare('SELECT crsql_site_id()').get()!;
    expect(copied.prepare(counts).get()).toEqual([300, 300, site]);
    copied.exec('INSERT INTO t VALUES (1000, 1)');
    expect(db.prepare(counts).get()).toEqual([200, 300, site]);
  });

  test('a copy is refused inside a transaction, over another file, and of a closed database', () => {
    const { freshPath, persistent } = roomOf();
    if (!persistent) return;
    const [db, copy] = [connect(), freshPath()];
    db.exec('CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)');
    expect(codeOf(() => db.copyTo(copy))).toBe('SQL_ERROR');
    db.exec('COMMIT');
    db.copyTo(copy);
    expect(codeOf(() => db.copyTo(copy))).toBe('FILE_EXISTS');
    expect(connect(copy).prepare('SELECT a FROM t').get()).toEqual([1]);
    db.close();
    expect(codeOf(() => db.copyTo(freshPath()))).toBe('CLOSED');
  });
}
