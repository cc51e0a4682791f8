import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { addColumnSql, createIndexSql } from '../../src/core/schema-ddl.ts';
import type { SchemaDifference } from '../../src/core/schema-difference.ts';
import { schemaDifference, stepsOfDifference } from '../../src/core/schema-difference.ts';
import { schemaShapeFromText } from '../../src/core/schema-parser.ts';

const old = `CREATE TABLE todo (id BLOB PRIMARY KEY, title TEXT, done INTEGER DEFAULT 0);
  CREATE INDEX by_title ON todo (title);
  -- local
  CREATE TABLE draft (id INTEGER PRIMARY KEY, body TEXT, UNIQUE (body));`;

function differenceTo(text: string): SchemaDifference {
  return schemaDifference(schemaShapeFromText(old, DEFAULT_LIMITS), schemaShapeFromText(text, DEFAULT_LIMITS));
}

describe('schema difference', () => {
  test('is empty for another spelling', () => {
    const text = old.toLowerCase().replaceAll('\n', '\n\n').replace('(title)', '( "title" )');
    expect(stepsOfDifference(differenceTo(text))).toEqual([]);
  });

  test('adds tables, columns and indexes, and replaces indexes', () => {
    const difference = differenceTo(
      `${old.replace('title TEXT', "owner TEXT DEFAULT 'me', title TEXT").replace('(title)', '(title, done)').replace('body TEXT,', 'body TEXT, at REAL,')}
       CREATE TABLE tag (name TEXT PRIMARY KEY); CREATE INDEX by_owner ON todo (owner);`,
    );
    expect(stepsOfDifference(difference)).toEqual([
      { action: 'drop-index', table: 'todo' },
      { action: 'create-table', table: 'tag' },
      { action: 'add-column', table: 'todo', column: 'owner' },
      { action: 'add-column', table: 'draft', column: 'at' },
      { action: 'create-index', table: 'todo' },
      { action: 'create-index', table: 'todo' },
    ]);
    const additions = difference.columnsAdded.map(({ table, columns }) => addColumnSql(table, columns[0]!));
    expect(additions).toEqual([
      `ALTER TABLE "todo" ADD COLUMN "owner" TEXT DEFAULT 'me'`,
      'ALTER TABLE "draft" ADD COLUMN at REAL',
    ]);
    expect(difference.indexesAdded.map(createIndexSql)).toContain('CREATE INDEX "by_owner" ON "todo" ( owner )');
  });

  test.each([
    ['drop-table', 'todo', undefined, old.slice(old.indexOf('-- local'))],
    ['drop-column', 'todo', 'title', old.replace('title TEXT, ', '').replace(/CREATE INDEX[^;]*;/, '')],
    ['change-column', 'todo', 'title', old.replace('title TEXT', 'title INTEGER')],
    ['change-column', 'todo', 'done', old.replace('DEFAULT 0', 'DEFAULT 1')],
    ['change-column', 'todo', 'done', old.replace('DEFAULT 0', 'NOT NULL DEFAULT 0')],
    ['change-column', 'todo', 'title', old.replace('title TEXT', "title TEXT CHECK (title <> '')")],
    [
      'change-key',
      'todo',
      undefined,
      old.replace('id BLOB PRIMARY KEY', 'id BLOB').replace('DEFAULT 0', 'DEFAULT 0, PRIMARY KEY (id, done)'),
    ],
    ['change-table', 'todo', undefined, old.replace('DEFAULT 0)', 'DEFAULT 0, CHECK (done < 2))')],
    ['change-table', 'todo', undefined, `-- local\n${old}`],
    ['change-table', 'draft', undefined, old.replace(', UNIQUE (body)', '')],
    ['change-column', 'draft', 'body', old.replace('body TEXT', 'body BLOB')],
    ['rename-table', 'task', undefined, `-- renamed from todo\n${old.replaceAll('todo', 'task')}`],
    [
      'rename-column',
      'todo',
      'name',
      old.replace('title TEXT,', 'name TEXT, -- renamed from title\n').replace('(title)', '(name)'),
    ],
    ['rename-table', 'Todo', undefined, old.replaceAll('todo', 'Todo')],
    ['add-column', 'todo', 'at', old.replace('title TEXT', 'title TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP')],
  ])('refuses to %s of %s %s', (action, table, column, text) => {
    const [step] = differenceTo(text).refused;
    expect(step).toMatchObject({ action, table, refused: true });
    expect(step!.column).toBe(column);
    expect(step!.reason.length * step!.instead.length).toBeGreaterThan(0);
  });
});
