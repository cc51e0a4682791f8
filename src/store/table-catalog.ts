/**
 * The replicated tables as the database has them: names, keys in packing order, columns with their affinity.
 *
 * Read from the engine, not from the schema text: the file may have been made by another tool. Our own internal
 * replicated table (the anchor) is not part of it.
 */
import type { Affinity } from '../core/affinity.ts';
import { affinityOfType } from '../core/affinity.ts';
import type { Connection } from '../sqlite/database.ts';
import { numberOf, quotedText, textOf } from './sql-text.ts';

export interface ReplicatedColumn {
  readonly name: string;
  readonly affinity: Affinity;
}

export interface ReplicatedTable {
  readonly name: string;
  /** In the order in which they are packed. */
  readonly keyColumns: readonly ReplicatedColumn[];
  /** The others, by name. */
  readonly columns: ReadonlyMap<string, ReplicatedColumn>;
}

export type TableCatalog = ReadonlyMap<string, ReplicatedTable>;

/** Our own tables begin with it; no peer may write them. */
export const INTERNAL_PREFIX = 'crmesh_';

export function readTableCatalog(connection: Connection): TableCatalog {
  const names = replicatedTableNames(connection).filter((name) => !name.startsWith(INTERNAL_PREFIX));
  return new Map(names.map((name) => [name, readTable(connection, name)]));
}

/** Every table with a clock, our anchor included. */
export function replicatedTableNames(connection: Connection): string[] {
  const statement = connection.prepare(
    `SELECT substr(name, 1, length(name) - length('__crsql_clock')) FROM sqlite_master
      WHERE type = 'table' AND name LIKE '%\\_\\_crsql\\_clock' ESCAPE '\\' ORDER BY name`,
  );
  return statement.all().map(([name]) => textOf(name));
}

function readTable(connection: Connection, name: string): ReplicatedTable {
  const rows = connection
    .prepare(`SELECT name, type, pk FROM pragma_table_info(${quotedText(name)}) ORDER BY pk, cid`)
    .all()
    .map(([column, type, pk]) => ({ name: textOf(column), type: textOf(type), pk: numberOf(pk) }));
  const keys = rows.filter(({ pk }) => pk > 0);
  const strict = isStrict(connection, name);
  const columnOf = ({ name: column, type }: { name: string; type: string }): ReplicatedColumn => ({
    name: column,
    affinity: affinityOf(type, strict),
  });
  const keyColumns =
    keys.length === 1 && keys[0]!.type.toUpperCase() === 'INTEGER'
      ? [{ name: keys[0]!.name, affinity: 'rowid' as const }]
      : keys.map(columnOf);
  const columns = rows.filter(({ pk }) => pk === 0).map(columnOf);
  return { name, keyColumns, columns: new Map(columns.map((column) => [column.name, column])) };
}

function isStrict(connection: Connection, name: string): boolean {
  const row = connection
    .prepare(`SELECT strict FROM pragma_table_list(${quotedText(name)}) WHERE schema = 'main'`)
    .get();
  return row?.[0] === 1;
}

/** ANY keeps every value in a strict table and asks for numbers elsewhere. */
function affinityOf(type: string, strict: boolean): Affinity {
  return strict && type.toUpperCase() === 'ANY' ? 'blob' : affinityOfType(type);
}
