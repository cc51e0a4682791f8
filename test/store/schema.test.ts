import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';
import type { Connection } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { SchemaStore } from '../../src/store/schema.ts';

const driver = await createWasmDriver();
const todo = 'CREATE TABLE todo (id TEXT PRIMARY KEY, title TEXT, done INTEGER NOT NULL DEFAULT 0);';

function open(text?: string): { connection: Connection; schemas: SchemaStore } {
  const connection = driver.open(':memory:');
  const schemas = new SchemaStore(connection, DEFAULT_LIMITS);
  if (text !== undefined) expect(schemas.migrate(text).outcome).toBe('created');
  return { connection, schemas };
}

function rows(connection: Connection, sql: string): SqlValue[][] {
  return connection.prepare(sql).all();
}

const changes = (connection: Connection): SqlValue[][] =>
  rows(connection, 'SELECT "table", cid, val, col_version FROM crsql_changes ORDER BY db_version, seq');

describe('schema store', () => {
  test('makes tables that replicate, indexes, and local tables that do not', () => {
    const { connection, schemas } = open(`${todo} CREATE INDEX by_title ON todo (title);
      -- local
      CREATE TABLE draft (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT UNIQUE);`);
    connection.exec("INSERT INTO todo (id, title) VALUES ('a', 'x'); INSERT INTO draft (body) VALUES ('y')");
    expect(changes(connection)).toEqual([
      ['todo', 'title', 'x', 1],
      ['todo', 'done', 0, 1],
    ]);
    expect(schemas.current.tables).toEqual({ todo: ['id', 'title', 'done'] });
    expect(schemas.tableInfo('TODO')?.primaryKey).toEqual(['id']);
    expect(rows(connection, "SELECT name FROM sqlite_master WHERE name = 'by_title'")).toHaveLength(1);
  });

  test('says unchanged for the same text and for another spelling, and remembers the text', () => {
    const { connection, schemas } = open(todo);
    const { hash } = schemas.current;
    expect(schemas.migrate(todo)).toEqual({ outcome: 'unchanged', steps: [] });
    const other = todo.toLowerCase().replaceAll(',', ' ,\n');
    expect(schemas.migrate(other)).toEqual({ outcome: 'unchanged', steps: [] });
    expect(new SchemaStore(connection, DEFAULT_LIMITS).current).toEqual({ ...schemas.current, text: other, hash });
  });

  test('adds columns and tables to a table in use, and old rows and clocks stay', () => {
    const { connection, schemas } = open(todo);
    connection.exec("INSERT INTO todo (id, title) VALUES ('a', 'x')");
    const before = changes(connection);
    const result = schemas.migrate(
      `${todo.replace('title TEXT', "title TEXT, owner TEXT DEFAULT 'me', weight REAL")} CREATE TABLE tag (name TEXT PRIMARY KEY);`,
    );
    expect(result).toEqual({
      outcome: 'migrated',
      steps: [
        { action: 'create-table', table: 'tag' },
        { action: 'add-column', table: 'todo', column: 'owner' },
        { action: 'add-column', table: 'todo', column: 'weight' },
      ],
    });
    expect(changes(connection)).toEqual(before);
    connection.exec("UPDATE todo SET owner = 'you', weight = 2; INSERT INTO tag VALUES ('t')");
    expect(changes(connection).slice(2)).toEqual([
      ['todo', 'owner', 'you', 1],
      ['todo', 'weight', real(2), 1],
      ['tag', '-1', null, 1],
    ]);
  });

  test('adds columns to a local table', () => {
    const local = '-- local\nCREATE TABLE draft (id INTEGER PRIMARY KEY, body TEXT);';
    const { connection, schemas } = open(local);
    connection.exec("INSERT INTO draft (body) VALUES ('y')");
    expect(schemas.migrate(local.replace('TEXT)', "TEXT, at TEXT DEFAULT 'now')")).outcome).toBe('migrated');
    expect(rows(connection, 'SELECT id, body, at FROM draft')).toEqual([[1, 'y', 'now']]);
  });

  test('replaces and drops indexes', () => {
    const { connection, schemas } = open(`${todo} CREATE INDEX a ON todo (title); CREATE INDEX b ON todo (done);`);
    expect(schemas.migrate(`${todo} CREATE INDEX a ON todo (title, done);`).outcome).toBe('migrated');
    const left = "SELECT sql FROM sqlite_master WHERE type = 'index' AND name IN ('a', 'b')";
    expect(rows(connection, left)).toEqual([['CREATE INDEX "a" ON "todo" ( title , done )']]);
  });

  test('plans without touching anything', () => {
    const { connection, schemas } = open();
    expect(schemas.migrate(todo, { plan: true })).toEqual({
      outcome: 'created',
      steps: [{ action: 'create-table', table: 'todo' }],
    });
    expect(rows(connection, "SELECT 1 FROM sqlite_master WHERE name = 'todo'")).toEqual([]);
    expect(schemas.current.text).toBe('');
  });

  test.each([
    ['a text that cannot be read', 'CREATE TABLE todo (id'],
    ['a drop', 'CREATE TABLE other (id TEXT PRIMARY KEY)'],
    [
      'a changed type, beside an addition',
      `${todo.replace('title TEXT', 'title REAL, more TEXT')} CREATE TABLE x (id TEXT PRIMARY KEY);`,
    ],
  ])('refuses %s whole, with steps', (_what, text) => {
    const { connection, schemas } = open(todo);
    const before = rows(connection, 'SELECT sql FROM sqlite_master');
    const { outcome, steps } = schemas.migrate(text);
    expect(outcome).toBe('refused');
    expect(steps.some((step) => step.refused === true)).toBe(true);
    expect(rows(connection, 'SELECT sql FROM sqlite_master')).toEqual(before);
    expect(schemas.mustReopen).toBe(false);
    expect(schemas.current.text).toBe(todo);
  });

  test('a statement that SQLite refuses leaves nothing behind and asks for a reopened connection', () => {
    const { connection, schemas } = open(todo);
    const { outcome, steps } = schemas.migrate(
      `${todo} CREATE TABLE tag (name TEXT PRIMARY KEY); CREATE INDEX i ON tag (missing);`,
    );
    expect(outcome).toBe('refused');
    expect(steps.at(-1)).toMatchObject({ action: 'create-index', table: 'tag', refused: true });
    expect(steps.at(-1)!.reason).toContain('missing');
    expect(schemas.mustReopen).toBe(true);
    expect(schemas.current.tables).toEqual({ todo: ['id', 'title', 'done'] });
    expect(rows(connection, "SELECT 1 FROM sqlite_master WHERE name LIKE 'tag%'")).toEqual([]);
  });

  test('refuses an UPDATE of a primary key, and lets an upsert and a merge through', () => {
    const { connection } = open(`${todo} CREATE TABLE num (id INTEGER PRIMARY KEY, v);`);
    connection.exec("INSERT INTO todo (id, title) VALUES ('a', 'x'); INSERT INTO num VALUES (1, 1)");
    const refusal = expect.objectContaining({ message: expect.stringContaining('DELETE the row and INSERT') });
    expect(() => connection.exec("UPDATE todo SET id = 'b'")).toThrow(refusal);
    expect(() => connection.exec("UPDATE OR REPLACE todo SET id = 'b'")).toThrow(refusal);
    expect(() => connection.exec('UPDATE num SET rowid = 2')).toThrow(refusal);
    connection.exec(
      "INSERT INTO todo (id, title) VALUES ('a', 'y') ON CONFLICT DO UPDATE SET id = excluded.id, title = 'z'",
    );
    connection
      .prepare('INSERT INTO crsql_changes VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)')
      .run(['todo', encodePackedKey(['a']), 'title', 'w', 9, new Uint8Array(16).fill(7), 1, 0]);
    expect(rows(connection, 'SELECT id, title FROM todo')).toEqual([['a', 'w']]);
    expect(rows(connection, 'SELECT id FROM num')).toEqual([[1]]);
  });

  test('keeps the guard of a primary key after columns were added', () => {
    const { connection, schemas } = open(todo);
    expect(schemas.migrate(todo.replace('title TEXT', 'title TEXT, more TEXT')).outcome).toBe('migrated');
    connection.exec("INSERT INTO todo (id) VALUES ('a')");
    expect(() => connection.exec("UPDATE todo SET id = 'b'")).toThrow(/primary key of todo/);
  });

  test('takes 63 columns and updates them', () => {
    const columns = Array.from({ length: 62 }, (_, i) => `c${i}`);
    const { connection } = open(`CREATE TABLE wide (id TEXT PRIMARY KEY, ${columns.join(', ')})`);
    connection.exec("INSERT INTO wide (id) VALUES ('a'); UPDATE wide SET c61 = 1");
    expect(rows(connection, 'SELECT c61 FROM wide')).toEqual([[1]]);
  });

  test('reads the tables of a file that another tool made', () => {
    const connection = driver.open(':memory:');
    connection.exec(`CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER NOT NULL DEFAULT 0);
      SELECT crsql_as_crr('todo'); CREATE INDEX by_title ON todo (title); CREATE TABLE plain (x UNIQUE);`);
    const schemas = new SchemaStore(connection, DEFAULT_LIMITS);
    expect(schemas.current.tables).toEqual({ todo: ['id', 'title', 'done'] });
    const plan = schemas.migrate(
      `${todo.replace('title TEXT', 'title TEXT, more')} -- local\nCREATE TABLE plain (x UNIQUE);`,
    );
    expect(plan.outcome).toBe('refused');
    const text = `${todo.replace('title TEXT', 'title TEXT, more')}\n-- local\nCREATE TABLE plain (x UNIQUE); CREATE INDEX by_title ON todo (title);`;
    expect(schemas.migrate(text)).toEqual({
      outcome: 'migrated',
      steps: [{ action: 'add-column', table: 'todo', column: 'more' }],
    });
    connection.exec("INSERT INTO todo (id) VALUES ('a')");
    expect(() => connection.exec("UPDATE todo SET id = 'b'")).toThrow(/primary key of todo/);
  });

  test('orders a list by crsql_fract_as_ordered', () => {
    const text = `CREATE TABLE item (id INTEGER PRIMARY KEY, list TEXT, spot TEXT);
      SELECT crsql_as_crr('item'); SELECT crsql_fract_as_ordered('item', 'spot', 'list');`;
    const { connection, schemas } = open(text);
    connection.exec(
      "INSERT INTO item VALUES (1, 'a', 1); INSERT INTO item VALUES (2, 'a', -1); INSERT INTO item VALUES (3, 'a', 1)",
    );
    expect(rows(connection, 'SELECT id FROM item ORDER BY spot')).toEqual([[2], [1], [3]]);
    expect(schemas.migrate(`${text} `).outcome).toBe('unchanged');
  });
});
