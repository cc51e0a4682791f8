import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { createTableSql } from '../../src/core/schema-ddl.ts';
import { parseSchema, schemaShapeFromText } from '../../src/core/schema-parser.ts';
import type { SchemaShape } from '../../src/core/schema-shape.ts';
import { shapeHash, shapeSummary } from '../../src/core/schema-shape.ts';

const shapeOf = (text: string): SchemaShape => schemaShapeFromText(text, DEFAULT_LIMITS);
const hashOf = (text: string): string => shapeHash(shapeOf(text));
const todo = 'CREATE TABLE todo (id BLOB PRIMARY KEY, title TEXT, done INTEGER NOT NULL DEFAULT 0);';

describe('schema text', () => {
  test('is read into tables, columns and keys', () => {
    const shape = shapeOf(`${todo} CREATE TABLE IF NOT EXISTS "pair" (a TEXT, b INT, note, PRIMARY KEY (b, a)) STRICT;
      CREATE INDEX todo_done ON todo (done, title) WHERE done = 0;
      SELECT crsql_as_crr('todo');`);
    expect(shapeSummary(shape)).toEqual({ todo: ['id', 'title', 'done'], pair: ['a', 'b', 'note'] });
    expect(shape.tables[1]).toMatchObject({ primaryKey: ['b', 'a'], strict: true, local: false });
    expect(shape.tables[0]!.columns[2]).toMatchObject({ affinity: 'integer', notNull: true, defaultSql: '0' });
    expect(shape.indexes).toEqual([
      { name: 'todo_done', table: 'todo', unique: false, tail: '( done , title ) WHERE done = 0' },
    ]);
  });

  test('gives NOT NULL to key columns, and only a lone INTEGER key is a row number', () => {
    expect(createTableSql(shapeOf(todo).tables[0]!)).toBe(
      'CREATE TABLE "todo" ("id" BLOB NOT NULL, "title" TEXT, "done" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("id"))',
    );
    const affinities = (text: string): string[] => shapeOf(text).tables[0]!.columns.map((column) => column.affinity);
    expect(affinities('CREATE TABLE t (id INTEGER PRIMARY KEY)')).toEqual(['rowid']);
    expect(affinities('CREATE TABLE t (id INTEGER, PRIMARY KEY (id))')).toEqual(['rowid']);
    expect(affinities('CREATE TABLE t (id INT PRIMARY KEY)')).toEqual(['integer']);
    expect(affinities('CREATE TABLE t (a INTEGER, b INTEGER, PRIMARY KEY (a, b))')).toEqual(['integer', 'integer']);
  });

  test.each([
    [
      'case, white space and comments',
      'create  table todo(\n id blob primary key, -- key\n title text,/*x*/done INTEGER NOT NULL default 0)',
    ],
    ['quotes', 'CREATE TABLE "todo" (`id` BLOB PRIMARY KEY, [title] TEXT, "done" INTEGER NOT NULL DEFAULT 0)'],
    [
      'NOT NULL of a key, and where the key is declared',
      'CREATE TABLE todo (id BLOB NOT NULL, title TEXT, done INT NOT NULL DEFAULT (0), PRIMARY KEY(id))',
    ],
    ['the order of columns', 'CREATE TABLE todo (id BLOB PRIMARY KEY, done INTEGER DEFAULT 0 NOT NULL, title TEXT)'],
    ['local tables and indexes', `${todo} CREATE INDEX i ON todo(title);\n-- local\nCREATE TABLE draft (a UNIQUE, b);`],
  ])('has one hash whatever %s', (_what, text) => {
    expect(hashOf(text)).toBe(hashOf(todo));
    expect(hashOf(text)).toMatch(/^[0-9a-f]{32}$/);
  });

  test('has another hash when something that is stored differs', () => {
    const texts = [
      todo,
      todo.replace('todo', 'todos'),
      todo.replace('title TEXT', 'title INTEGER'),
      todo.replace('title TEXT', 'heading TEXT'),
      todo.replace('DEFAULT 0', 'DEFAULT 1'),
      todo.replace('NOT NULL ', ''),
      todo.replace('title TEXT', 'title TEXT COLLATE NOCASE'),
      todo
        .replace('id BLOB PRIMARY KEY', 'id BLOB, PRIMARY KEY(id, title)')
        .replace(', title TEXT', '')
        .replace('id BLOB', 'id BLOB, title TEXT'),
    ];
    const hashes = texts.flatMap((text) =>
      parseSchema(text, DEFAULT_LIMITS).refused.length > 0 ? [] : [hashOf(text)],
    );
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes.length).toBeGreaterThan(6);
  });

  test('marks a table local by the comment above it, and only that one', () => {
    const { tables } = shapeOf(`CREATE TABLE a (id TEXT PRIMARY KEY); -- local
      -- drafts stay here
      -- local
      CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE REFERENCES a(id));
      CREATE UNIQUE INDEX bx ON b (x);
      CREATE TABLE c (id TEXT PRIMARY KEY /* local */);`);
    expect(tables.map((table) => [table.name, table.local])).toEqual([
      ['a', false],
      ['b', true],
      ['c', false],
    ]);
  });

  test('keeps the old names that comments give', () => {
    const { tables } = shapeOf(`-- renamed from tasks
      CREATE TABLE todo (
        id TEXT PRIMARY KEY,
        title TEXT, -- renamed from name
        -- renamed from finished
        done INTEGER,
        note TEXT -- renamed from remark
      );`);
    expect(tables[0]!.renamedFrom).toBe('tasks');
    expect(tables[0]!.columns.map((column) => column.renamedFrom)).toEqual([undefined, 'name', 'finished', 'remark']);
  });

  test('tolerates crsql_fract_as_ordered and keeps its arguments', () => {
    const shape = shapeOf(`${todo} SELECT crsql_fract_as_ordered('todo', 'title', 'done');`);
    expect(shape.orderedLists).toEqual([{ table: 'todo', args: ['todo', 'title', 'done'] }]);
  });
});

describe('a schema is refused with a step', () => {
  const many = Array.from({ length: 64 }, (_, i) => `c${i}`).join(', ');
  test.each([
    ['no primary key', 'CREATE TABLE t (a, b)', 't', undefined],
    ['AUTOINCREMENT', 'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)', 't', 'id'],
    ['a unique column', 'CREATE TABLE t (id TEXT PRIMARY KEY, a UNIQUE)', 't', 'a'],
    ['a unique constraint', 'CREATE TABLE t (id TEXT PRIMARY KEY, a, UNIQUE (a))', 't', undefined],
    ['a unique index', 'CREATE TABLE t (id TEXT PRIMARY KEY, a); CREATE UNIQUE INDEX i ON t (a)', 't', undefined],
    ['a reference', 'CREATE TABLE t (id TEXT PRIMARY KEY, a REFERENCES u(id))', 't', 'a'],
    ['a foreign key', 'CREATE TABLE t (id TEXT PRIMARY KEY, a, FOREIGN KEY (a) REFERENCES u)', 't', undefined],
    ['NOT NULL without default', 'CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT NOT NULL)', 't', 'a'],
    ['NOT NULL with default NULL', 'CREATE TABLE t (id TEXT PRIMARY KEY, a NOT NULL DEFAULT NULL)', 't', 'a'],
    ['a NOCASE key', 'CREATE TABLE t (id TEXT PRIMARY KEY COLLATE NOCASE)', 't', 'id'],
    ['a NOCASE key in the constraint', 'CREATE TABLE t (id TEXT, PRIMARY KEY (id COLLATE NOCASE))', 't', 'id'],
    ['a computed default', 'CREATE TABLE t (id TEXT PRIMARY KEY, a DEFAULT (random()))', 't', 'a'],
    ['a default in double quotes', 'CREATE TABLE t (id TEXT PRIMARY KEY, a DEFAULT "x")', 't', 'a'],
    ['a generated column', 'CREATE TABLE t (id TEXT PRIMARY KEY, a AS (1))', 't', 'a'],
    ['WITHOUT ROWID', 'CREATE TABLE t (id TEXT PRIMARY KEY) WITHOUT ROWID', 't', undefined],
    ['a keyword as name', 'CREATE TABLE "order" (id TEXT PRIMARY KEY)', 'order', undefined],
    ['a name with a space', 'CREATE TABLE "my table" (id TEXT PRIMARY KEY)', 'my table', undefined],
    ['a name with a hyphen', 'CREATE TABLE "a-b" (id TEXT PRIMARY KEY)', 'a-b', undefined],
    ['a name of crmesh', 'CREATE TABLE crmesh_have (id TEXT PRIMARY KEY)', 'crmesh_have', undefined],
    ['a local name of crmesh', '-- local\nCREATE TABLE crmesh_x (id)', 'crmesh_x', undefined],
    ['a name of the engine', 'CREATE TABLE crsql_x (id TEXT PRIMARY KEY)', 'crsql_x', undefined],
    [
      'a name that the engine mistakes',
      'CREATE TABLE autoincrements (id TEXT PRIMARY KEY)',
      'autoincrements',
      undefined,
    ],
    ['a column name with a space', 'CREATE TABLE t (id TEXT PRIMARY KEY, "a b")', 't', 'a b'],
    ['a key that is not declared', 'CREATE TABLE t (a, PRIMARY KEY (b))', 't', 'b'],
    ['two keys', 'CREATE TABLE t (a PRIMARY KEY, b, PRIMARY KEY (b))', 't', undefined],
    ['a descending key', 'CREATE TABLE t (a INTEGER PRIMARY KEY DESC)', 't', 'a'],
    ['a conflict clause', 'CREATE TABLE t (a PRIMARY KEY ON CONFLICT REPLACE)', 't', 'a'],
    ['a column twice', 'CREATE TABLE t (a PRIMARY KEY, A)', 't', 'A'],
    ['a table twice', 'CREATE TABLE t (a PRIMARY KEY); CREATE TABLE T (a PRIMARY KEY)', 'T', undefined],
    ['too many columns', `CREATE TABLE t (id TEXT PRIMARY KEY, ${many})`, 't', undefined],
    ['CREATE TABLE AS', 'CREATE TABLE t AS SELECT 1', 't', undefined],
    ['another file', 'CREATE TABLE main.t (id TEXT PRIMARY KEY)', 'main', undefined],
    ['an index on nothing', 'CREATE INDEX i ON t (a)', 't', undefined],
    ['a table that is cut off', 'CREATE TABLE t (id TEXT PRIMARY KEY', 't', undefined],
    ['an open quote', "CREATE TABLE t (id TEXT PRIMARY KEY, a DEFAULT 'x)", '', undefined],
    ['a temporary table', 'CREATE TEMP TABLE t (id TEXT PRIMARY KEY)', '', undefined],
    ['a trigger', 'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END', '', undefined],
    ['an insert', 'INSERT INTO t VALUES (1)', '', undefined],
    ['a drop', 'DROP TABLE t', '', undefined],
    ['another SELECT', 'SELECT 1', '', undefined],
    ['a SELECT with more behind it', "SELECT crsql_as_crr('t'), load_extension('x')", '', undefined],
  ])('for %s', (_what, text, table, column) => {
    const step = parseSchema(text, DEFAULT_LIMITS).refused[0];
    expect(step).toMatchObject({ table, refused: true, reason: expect.any(String), instead: expect.any(String) });
    expect(step?.column).toBe(column);
    expect(() => shapeOf(text)).toThrow(expect.objectContaining({ code: 'SCHEMA_REFUSED' }));
  });

  test('for each fault of one text', () => {
    const { refused } = parseSchema(
      'CREATE TABLE a (x); DROP TABLE b; CREATE TABLE c (y UNIQUE PRIMARY KEY);',
      DEFAULT_LIMITS,
    );
    expect(refused.map((step) => step.table)).toEqual(['a', '', 'c']);
  });

  test('for more tables, statements or text than the engine takes', () => {
    const tables = (count: number): string =>
      Array.from({ length: count }, (_, i) => `CREATE TABLE t${i} (id TEXT PRIMARY KEY);`).join('\n');
    expect(parseSchema(tables(400), DEFAULT_LIMITS).refused).toEqual([]);
    expect(parseSchema(tables(401), DEFAULT_LIMITS).refused).toMatchObject([{ table: 't400' }]);
    expect(parseSchema('SELECT 1;'.repeat(3_000), DEFAULT_LIMITS).refused).toHaveLength(1);
    expect(parseSchema(' '.repeat(2_000_000), DEFAULT_LIMITS).refused).toHaveLength(1);
  });

  test('any text is read or refused, never worse', () => {
    const words = fc.constantFrom(
      'CREATE',
      'TABLE',
      'INDEX',
      '(',
      ')',
      ',',
      ';',
      't',
      'PRIMARY KEY',
      "'",
      '"',
      '--',
      '/*',
      '\n',
      'DEFAULT',
      '-',
      '5',
      'CHECK',
      '[',
      'UNIQUE',
      'SELECT',
      'NOT NULL',
      'ON',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((list) => list.join(' ')),
          fc.array(words).map((list) => `CREATE TABLE t (${list.join(' ')})`),
        ),
        (text) => {
          expect(Array.isArray(parseSchema(text, DEFAULT_LIMITS).refused)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
