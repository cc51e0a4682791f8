/** What a replica holds, as sorted lines of text that are equal exactly when the contents are. */
import type { SqlValue } from '../../src/core/sql-value.ts';
import type { Connection } from '../../src/sqlite/database.ts';
import { rowKey } from './ledger.ts';
import { valueText } from './trace.ts';

export interface Contents {
  /** Rows of user tables, value types included. */
  readonly tables: readonly string[];
  /** What cr-sqlite says of every cell, but for numbers of this database and invented authors. */
  readonly changes: readonly string[];
}

/** One row of crsql_changes, by cell. */
export interface Cell {
  readonly colVersion: number;
  readonly cl: number;
  readonly val: SqlValue;
  readonly site: string;
}

/** Rows that are left out: row keys as rowKey() makes them. */
export function contentsOf(connection: Connection, without: ReadonlySet<string>): Contents {
  const tables: string[] = [];
  const all = userTables(connection);
  for (const { name, keys } of all) {
    const packed = `crsql_pack_columns(${keys.join(', ')})`;
    for (const [pk, ...row] of connection.prepare(`SELECT ${packed}, * FROM "${name}"`).all()) {
      if (!without.has(rowKey(name, pk as Uint8Array))) tables.push(`${name}: ${row.map(valueText).join(' | ')}`);
    }
  }
  const withColumns = new Set(all.flatMap(({ name, keys, columns }) => (columns > keys.length ? [name] : [])));
  const changes = [...cellsOf(connection)].flatMap(([name, { colVersion, cl, val, site }]) => {
    const [table, , cid] = splitCell(name);
    if (without.has(name.slice(0, name.lastIndexOf('/')))) return [];
    // A column that arrives before its sentinel makes the engine invent one, with the column's author.
    const author = cid === '-1' && cl % 2 === 1 && withColumns.has(table) ? 'anybody' : site;
    return [`${name} = ${valueText(val)} version ${colVersion} cl ${cl} by ${author}`];
  });
  return { tables: tables.sort(), changes: changes.sort() };
}

/** `table/pk/cid` -> the cell as it stands. */
export function cellsOf(connection: Connection): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  const rows = connection
    .prepare('SELECT "table", pk, cid, val, col_version, cl, hex(site_id) FROM crsql_changes')
    .all();
  for (const [table, pk, cid, val, colVersion, cl, site] of rows) {
    const name = `${rowKey(String(table), pk as Uint8Array)}/${String(cid)}`;
    cells.set(name, { colVersion: Number(colVersion), cl: Number(cl), val: val!, site: String(site).toLowerCase() });
  }
  return cells;
}

/** The first lines in which two contents differ, in words; undefined when they are equal. */
export function differenceOf(a: readonly string[], b: readonly string[]): string | undefined {
  const [left, right] = [new Set(a), new Set(b)];
  const missing = a.filter((line) => !right.has(line));
  const extra = b.filter((line) => !left.has(line));
  if (missing.length === 0 && extra.length === 0) return a.length === b.length ? undefined : 'repeated rows';
  return `only the first: ${missing.slice(0, 3).join('; ') || '-'}; only the second: ${extra.slice(0, 3).join('; ') || '-'}`;
}

interface UserTable {
  readonly name: string;
  readonly keys: readonly string[];
  readonly columns: number;
}

function userTables(connection: Connection): UserTable[] {
  const sql = `SELECT replace(name, '__crsql_clock', '') FROM sqlite_master WHERE name LIKE '%\\_\\_crsql\\_clock' ESCAPE '\\'`;
  const names = connection
    .prepare(sql)
    .all()
    .map(([name]) => String(name));
  return names
    .filter((name) => !name.startsWith('crmesh_'))
    .map((name) => {
      const columns = connection.prepare('SELECT name, pk FROM pragma_table_info(?) ORDER BY pk').all([name]);
      const keys = columns.filter(([, pk]) => Number(pk) > 0).map(([column]) => `"${String(column)}"`);
      return { name, keys, columns: columns.length };
    });
}

function splitCell(name: string): [table: string, pk: string, cid: string] {
  const [table = '', pk = '', cid = ''] = name.split('/');
  return [table, pk, cid];
}
