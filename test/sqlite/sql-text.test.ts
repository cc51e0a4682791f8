/** What is known of an SQL text before SQLite has seen it. */
import { describe, expect, test } from 'vitest';
import { countsChanges, isBlankSql } from '../../src/sqlite/sql-text.ts';

describe('countsChanges', () => {
  test.each([
    'INSERT INTO t VALUES (1)',
    '  replace into t values (1)',
    '-- SELECT\nUPDATE t SET a = 1',
    '/* WITH */ DELETE FROM t',
    'WITH w AS (SELECT 1) INSERT INTO t SELECT * FROM w RETURNING a',
    'WITH w(a) AS (VALUES (1)), "select" AS (SELECT 2) UPDATE t SET a = 1',
  ])('is true for %s', (sql) => {
    expect(countsChanges(sql)).toBe(true);
  });

  test.each([
    '',
    'SELECT 1',
    "SELECT 'INSERT'",
    'WITH w AS (SELECT 1) SELECT * FROM w',
    'WITH "insert" AS (SELECT 1) SELECT * FROM "insert"',
    'CREATE TABLE t (a)',
    'PRAGMA user_version',
    'EXPLAIN DELETE FROM t',
    'VALUES (1)',
  ])('is false for %j', (sql) => {
    expect(countsChanges(sql)).toBe(false);
  });
});

describe('isBlankSql', () => {
  test.each(['', ' \n;; ', '-- a remark', '/* one */ -- two', '/* open'])('is true for %j', (sql) => {
    expect(isBlankSql(sql)).toBe(true);
  });

  test.each(['SELECT 1', "'text'", ' ; x', '- 1', '/ 2'])('is false for %j', (sql) => {
    expect(isBlankSql(sql)).toBe(false);
  });
});
