/** What user SQL may do, on the real engine with a replicated table. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isReplicationError } from '../../src/core/errors.ts';
import { compileGuarded, isInternalTable } from '../../src/replica/statement-guard.ts';
import { outlineSql } from '../../src/replica/sql-outline.ts';
import type { Connection } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';

let connection: Connection;

beforeAll(async () => {
  connection = (await createWasmDriver()).open(':memory:');
  connection.exec('CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER)');
  connection.exec('CREATE TABLE other (id TEXT PRIMARY KEY NOT NULL, n INTEGER)');
  connection.exec('CREATE VIEW open_todo AS SELECT * FROM todo WHERE done = 0');
  connection.exec("SELECT crsql_as_crr('todo')");
});

afterAll(() => connection.close());

function access(sql: string): { reads: string[]; writes: string[] } {
  const { statement, reads, writes } = compileGuarded(connection, sql);
  statement.finalize();
  return { reads: [...reads].sort(), writes: [...writes].sort() };
}

describe('reads and writes', () => {
  test('a query names the tables and views it reads, also without a column', () => {
    expect(access('SELECT count(*) FROM todo').reads).toEqual(['todo']);
    expect(access('WITH a AS (SELECT id FROM open_todo) SELECT * FROM a, other').reads).toEqual([
      'open_todo',
      'other',
      'todo',
    ]);
    expect(access('SELECT 1 WHERE EXISTS (SELECT 1 FROM other)').reads).toEqual(['other']);
  });

  test.each([
    ["INSERT INTO todo VALUES (?, 'x', 0)"],
    ["INSERT INTO todo VALUES ('a', 'x', 0) ON CONFLICT (id) DO UPDATE SET done = 1"],
    ["REPLACE INTO todo VALUES ('a', 'x', 0)"],
    ['UPDATE todo SET done = 1 RETURNING *'],
    ['DELETE FROM todo'],
    ["WITH a AS (SELECT 'a' AS id) DELETE FROM todo WHERE id IN (SELECT id FROM a)"],
    ['-- a comment\n/* another */ DELETE FROM todo;'],
  ])('%s writes todo', (sql) => {
    expect(access(sql).writes).toEqual(['todo']);
  });

  test('what only tells something passes', () => {
    for (const sql of [
      'PRAGMA table_info(todo)',
      'PRAGMA main.table_info(todo)',
      'PRAGMA journal_mode',
      'PRAGMA integrity_check',
      "SELECT name FROM pragma_table_info('todo')",
      'SELECT * FROM crsql_changes',
      'SELECT crsql_db_version(), hex(crsql_site_id())',
      'EXPLAIN QUERY PLAN SELECT * FROM todo',
      'VALUES (1)',
    ]) {
      expect(access(sql).writes).toEqual([]);
    }
  });
});

describe('refusals', () => {
  test.each([
    'CREATE TABLE x (a)',
    '  create temp table x (a)',
    '/* hidden */ DROP TABLE todo',
    'ALTER TABLE todo ADD COLUMN x',
    'REINDEX',
  ])('%s is refused with USE_SCHEMA and points to db.migrate', (sql) => {
    expect(() => access(sql)).toThrow(expect.objectContaining({ code: 'USE_SCHEMA' }));
    expect(() => access(sql)).toThrow(/db\.migrate/);
  });

  test.each([
    'PRAGMA journal_mode = DELETE',
    'PRAGMA main.journal_mode = DELETE',
    'PRAGMA locking_mode',
    'PRAGMA "locking_mode" = NORMAL',
    'PRAGMA synchronous(0)',
    'PRAGMA writable_schema = 1',
    'PRAGMA user_version = 5',
    'PRAGMA wal_checkpoint',
    'PRAGMA',
  ])('%s is refused with USE_SCHEMA', (sql) => {
    expect(() => access(sql)).toThrow(expect.objectContaining({ code: 'USE_SCHEMA' }));
  });

  test.each(['BEGIN', 'commit', 'END', 'ROLLBACK', 'SAVEPOINT a', 'RELEASE a'])(
    '%s is refused and points to db.transaction',
    (sql) => {
      expect(() => access(sql)).toThrow(expect.objectContaining({ code: 'SQL_ERROR' }));
      expect(() => access(sql)).toThrow(/db\.transaction/);
    },
  );

  test.each([
    ["ATTACH 'x' AS x", /open\(path\)/],
    ['DETACH x', /open\(path\)/],
    ['VACUUM', /open\(path\)/],
    ["VACUUM INTO 'x'", /open\(path\)/],
    ['ANALYZE', /open\(path\)/],
    ['SELECT 1; SELECT 2', /one statement/],
    ['', /no statement/],
    [' ; -- nothing', /no statement/],
    ['SELECT 1\0', /NUL/],
    ["INSERT INTO crsql_changes VALUES ('todo', x'', 'title', 1, 1, 1, x'', 1, 1)", /read-only/],
    ['UPDATE todo__crsql_clock SET db_version = 9', /read-only/],
    ['DELETE FROM "todo__crsql_pks"', /read-only/],
    ['DELETE FROM crsql_site_id', /read-only/],
    ["SELECT crsql_as_crr('other')", /belongs to the replication/],
    ['SELECT CRSQL_internal_sync_bit (1)', /belongs to the replication/],
    ['SELECT "crsql_next_db_version"()', /belongs to the replication/],
    ['SELECT * FROM nowhere', /no such table/],
    ['SELEC 1', /syntax/],
  ])('%s is refused with SQL_ERROR and what to do', (sql, message) => {
    expect(() => access(sql)).toThrow(expect.objectContaining({ code: 'SQL_ERROR' }));
    expect(() => access(sql)).toThrow(message);
  });

  test('a text that is not one is refused', () => {
    expect(() => access(undefined as unknown as string)).toThrow(/not a string/);
  });

  test('after a refusal the connection works without the guard', () => {
    expect(() => access('DROP TABLE todo')).toThrow(/db\.migrate/);
    connection.exec('CREATE TABLE later (a); DROP TABLE later');
  });
});

describe('any text', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'SELECT',
      'INSERT INTO',
      'DROP',
      'PRAGMA',
      'todo',
      "'",
      '"',
      '`',
      '[',
      ']',
      '(',
      ')',
      ';',
      '--',
      '/*',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );

  test('is compiled or refused with a code, and leaves the tables as they are', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          compileGuarded(connection, pieces.join(' ')).statement.finalize();
        } catch (error) {
          expect(isReplicationError(error)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(connection.prepare('SELECT count(*) FROM todo').get()).toEqual([0]);
  });
});

describe('outline', () => {
  test('words in strings, quotes and comments are not taken for SQL', () => {
    expect(outlineSql('SELECT \'a;b\', "x;y", [c;d], `e;f` -- ; g(\n/* ; h( */').statements).toBe(1);
    expect([...outlineSql('SELECT \'crsql_x(\', max (1), "q"(2)').calls]).toEqual(['max', 'q']);
  });

  test('an unclosed string or comment ends at the end of the text', () => {
    expect(outlineSql("SELECT 'abc; def").statements).toBe(1);
    expect(outlineSql('SELECT 1 /* abc').statements).toBe(1);
  });

  test('names of the engine and the replication are told from those of the user', () => {
    expect(['crsql_changes', 'CRMESH_have', 'sqlite_master', 'a__crsql_clock'].every(isInternalTable)).toBe(true);
    expect(['todo', 'my_crsql_x', 'crsqlx'].some(isInternalTable)).toBe(false);
  });
});
