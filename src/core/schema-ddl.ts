/** The SQL that makes a shape: always in one spelling, without the comments and constraints of the text it came from. */
import type { ColumnShape, IndexShape, TableShape } from './schema-shape.ts';
import { isKeyColumn } from './schema-shape.ts';
import { quotedName } from './sql-tokenizer.ts';

/** A local table is made from its own words. */
export function createTableSql(table: TableShape): string {
  if (table.local) return table.sql;
  const parts = table.columns.map((column) => columnSql(column, isKeyColumn(table, column)));
  parts.push(`PRIMARY KEY (${table.primaryKey.map(quotedName).join(', ')})`);
  parts.push(...table.checks.map((check) => `CHECK (${check})`));
  return `CREATE TABLE ${quotedName(table.name)} (${parts.join(', ')})${table.strict ? ' STRICT' : ''}`;
}

export function addColumnSql(table: TableShape, column: ColumnShape): string {
  const definition = table.local ? column.sql : columnSql(column, false);
  return `ALTER TABLE ${quotedName(table.name)} ADD COLUMN ${definition}`;
}

export function createIndexSql(index: IndexShape): string {
  const create = index.unique ? 'CREATE UNIQUE INDEX' : 'CREATE INDEX';
  return `${create} ${quotedName(index.name)} ON ${quotedName(index.table)} ${index.tail}`;
}

/** The engine takes no key column that might be NULL, so NOT NULL is added to them. */
function columnSql(column: ColumnShape, isKey: boolean): string {
  const parts = [quotedName(column.name)];
  if (column.type !== '') parts.push(column.type);
  if (isKey || column.notNull) parts.push('NOT NULL');
  if (column.defaultSql !== undefined) parts.push(`DEFAULT ${column.defaultSql}`);
  if (column.collation !== undefined) parts.push(`COLLATE ${quotedName(column.collation)}`);
  parts.push(...column.checks.map((check) => `CHECK (${check})`));
  return parts.join(' ');
}
