/**
 * A schema as values: what its text says, without its spelling. Two replicas whose replicated tables have one shape
 * can store each other's changes, whatever order, white space or quotes their texts use.
 */
import type { Affinity } from './affinity.ts';
import { canonicalSql } from './sql-tokenizer.ts';

export interface ColumnShape {
  readonly name: string;
  /** As declared, upper case; '' for none. */
  readonly type: string;
  readonly affinity: Affinity;
  /** Declared; key columns are NOT NULL whatever this says. */
  readonly notNull: boolean;
  /** A literal or CURRENT_*, without brackets. */
  readonly defaultSql?: string;
  readonly collation?: string;
  /** SQL of CHECK expressions. */
  readonly checks: readonly string[];
  /** From a comment `-- renamed from old_name`. */
  readonly renamedFrom?: string;
  /** The definition as written, on one line. */
  readonly sql: string;
}

export interface TableShape {
  readonly name: string;
  /** Marked `-- local`: a plain table that does not replicate. */
  readonly local: boolean;
  readonly strict: boolean;
  readonly columns: readonly ColumnShape[];
  /** Column names in key order. */
  readonly primaryKey: readonly string[];
  /** SQL of CHECK expressions of the table. */
  readonly checks: readonly string[];
  readonly renamedFrom?: string;
  /** The statement as written, on one line; what a local table is made from. */
  readonly sql: string;
}

export interface IndexShape {
  readonly name: string;
  readonly table: string;
  readonly unique: boolean;
  /** What follows the table's name: `(a, b) WHERE ...`. */
  readonly tail: string;
}

/** A tolerated call of crsql_fract_as_ordered: its arguments. */
export interface OrderedList {
  readonly table: string;
  readonly args: readonly string[];
}

export interface SchemaShape {
  readonly tables: readonly TableShape[];
  readonly indexes: readonly IndexShape[];
  readonly orderedLists: readonly OrderedList[];
}

export const emptySchemaShape: SchemaShape = { tables: [], indexes: [], orderedLists: [] };

export function replicatedTables(shape: SchemaShape): readonly TableShape[] {
  return shape.tables.filter((table) => !table.local);
}

/** SQLite compares names without case. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

export function tableOfShape(shape: SchemaShape, name: string): TableShape | undefined {
  return shape.tables.find((table) => sameName(table.name, name));
}

export function isKeyColumn(table: TableShape, column: ColumnShape): boolean {
  return table.primaryKey.some((name) => sameName(name, column.name));
}

/** Table -> its columns, replicated tables only. */
export function shapeSummary(shape: SchemaShape): Record<string, readonly string[]> {
  const summary: Record<string, readonly string[]> = {};
  for (const table of replicatedTables(shape)) summary[table.name] = table.columns.map((column) => column.name);
  return summary;
}

/**
 * 32 hex digits that are equal for equal shapes of replicated tables.
 *
 * Why     Local tables, indexes, checks and the order of tables and columns do not change what can be stored.
 */
export function shapeHash(shape: SchemaShape): string {
  const text = replicatedTables(shape).map(canonicalTable).sort().join('\n');
  return fnv64(text, 0xcbf29ce484222325n) + fnv64(text, 0x84222325cbf29ce4n);
}

function canonicalTable(table: TableShape): string {
  const columns = table.columns.map((column) => canonicalColumn(column, isKeyColumn(table, column))).sort();
  return [table.name, table.strict ? 'strict' : '', table.primaryKey.join(','), ...columns].join(';');
}

/** A column in a spelling that is equal for equal columns; checks are not part of it. */
export function canonicalColumn(column: ColumnShape, isKey: boolean): string {
  const notNull = isKey || column.notNull ? 'not null' : '';
  const fallback = column.defaultSql === undefined ? '' : `default ${canonicalSql(column.defaultSql)}`;
  return [column.name, column.affinity, notNull, fallback, column.collation ?? ''].join(' ');
}

/** FNV-1a over UTF-16 units: names a shape, defends nothing. */
function fnv64(text: string, offset: bigint): string {
  let hash = offset;
  for (let i = 0; i < text.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}
