/**
 * The changes of one table, row by row: what the engine keeps apart (clocks, keys, values) joined by plain SQL.
 *
 * Shape   ascending by store version; in a version row after row in the order of their keys' numbers, the cells of a
 *         row by seq. A merge gives one store version to many origin transactions, whose seqs repeat: by
 *         seq alone their rows would be torn apart, and a torn row is neither sent nor merged as one.
 * Why     Key, row and sentinel are looked up once a row, its cells then lie side by side in the clock table.
 */
import type { Change } from '../core/change.ts';
import { changeBytes } from '../core/change.ts';
import type { SiteId } from '../core/site-id.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { Connection } from '../sqlite/database.ts';
import type { SiteRegistry } from './site-registry.ts';
import { bytesOf, clockIndex, clockTable, keyTable, numberOf, quoted, quotedText, textOf } from './sql-text.ts';
import type { ReplicatedTable } from './table-catalog.ts';

/** A change as it stands here: `version` is its store version, `site` its author. */
export interface StoredChange {
  readonly version: number;
  readonly site: SiteId;
  readonly change: Change;
  /** The lowest seq of its table row in this version: rows of several tables are put in the order of their writing. */
  place: number;
}

/** Which rows: store versions (from, to], and authors. */
export interface ClockSelection {
  readonly from: number;
  readonly to: number;
  /** Engine ordinals; `only` and `without` exclude each other. */
  readonly only?: number;
  readonly without?: readonly number[];
}

/** Where changes are read to, the cells of a row at once in an array of its own, and how many bytes of them at most. */
export interface ReadTarget {
  readonly take: (cells: readonly StoredChange[]) => void;
  readonly bytesMax: number;
}

const NO_GROUP = { version: 0, key: 0, pk: new Uint8Array(), cells: [] };

/** Reads the changes of a table until they have more than `bytesMax` bytes, and returns how many they have. */
export function readTable(
  { connection, sites }: { readonly connection: Connection; readonly sites: SiteRegistry },
  table: ReplicatedTable,
  selection: ClockSelection,
  { take, bytesMax }: ReadTarget,
): number {
  const names = [...table.columns.keys()];
  const statement = connection.prepare(selectOf(table, selection));
  let group: { version: number; key: number; pk: Uint8Array; cells: StoredChange[] } = NO_GROUP;
  let bytes = 0;
  for (const row of statement.iterate([selection.from, selection.to])) {
    const version = numberOf(row[0]);
    const key = numberOf(row[1]);
    if (key !== group.key || version !== group.version) {
      if (group !== NO_GROUP) take(ordered(group.cells));
      group = { version, key, pk: bytesOf(row[6]), cells: [] };
    }
    const ordinal = numberOf(row[2]);
    const change = changeOf(row, table.name, { names, pk: group.pk, version: ordinal === 0 ? version : undefined });
    group.cells.push({ version, site: sites.siteOfOrdinal(ordinal), change, place: change.seq });
    bytes += changeBytes(change);
    if (bytes > bytesMax) break;
  }
  if (group !== NO_GROUP) take(ordered(group.cells));
  return bytes;
}

/** The condition on `c`, a row of a clock table, with the range as ?1 and ?2. */
export function whereOf(selection: ClockSelection): string {
  return `WHERE c.db_version > ?1 AND c.db_version <= ?2 ${authorsOf(selection)}`;
}

function authorsOf({ only, without }: ClockSelection): string {
  if (only !== undefined) return `AND c.site_id = ${only}`;
  return without === undefined || without.length === 0 ? '' : `AND c.site_id NOT IN (${without.join(', ')})`;
}

/**
 * Columns: version, key, site ordinal, cid (the number of a column, or the text of any other), col_version, seq, packed
 * key, value, causal length.
 *
 * Why     The innermost query walks the index alone. The one around it has a limit, so that it is not dissolved into
 *         the outer one, where it would run once a cell. The plus keeps the cells from being looked up by that index.
 */
function selectOf(table: ReplicatedTable, selection: ClockSelection): string {
  const clock = clockTable(table.name);
  const keys = table.keyColumns.map(({ name }) => quoted(name));
  const columns = [...table.columns.keys()];
  const match = keys.map((key, i) => `b.${key} = g.k${i}`).join(' AND ');
  const authors = authorsOf(selection);
  return `SELECT g.version, g.key, c.site_id, ${byColumn(columns, (_, i) => String(i), 'c.col_name')},
       c.col_version, c.seq, g.pk, ${byColumn(columns, (name) => `b.${quoted(name)}`, 'NULL')}, g.cl
  FROM (SELECT r.version, r.key, coalesce(s.col_version, 1) AS cl,
               crsql_pack_columns(${keys.map((key) => `k.${key}`).join(', ')}) AS pk,
               ${keys.map((key, i) => `k.${key} AS k${i}`).join(', ')}
          FROM (SELECT DISTINCT c.db_version AS version, c.key
                  FROM ${clock} AS c INDEXED BY ${clockIndex(table.name)}
                 ${whereOf(selection.only === undefined ? { ...selection, without: [] } : selection)}
                 ORDER BY c.db_version, c.key) AS r
         CROSS JOIN ${keyTable(table.name)} AS k ON k.__crsql_key = r.key
          LEFT JOIN ${clock} AS s ON s.key = r.key AND s.col_name = '-1'
         LIMIT -1) AS g
  LEFT JOIN ${quoted(table.name)} AS b ON ${match}
 CROSS JOIN ${clock} AS c ON c.key = g.key AND +c.db_version = g.version ${authors}`;
}

function byColumn(names: readonly string[], use: (name: string, i: number) => string, otherwise: string): string {
  const cases = names.map((name, i) => `WHEN ${quotedText(name)} THEN ${use(name, i)}`);
  return cases.length === 0 ? otherwise : `CASE c.col_name ${cases.join(' ')} ELSE ${otherwise} END`;
}

interface CellContext {
  readonly names: readonly string[];
  readonly pk: Uint8Array;
  /** Of own changes. */
  readonly version: number | undefined;
}

/** Cells of one row share the bytes of its key, cells of one column its name. */
function changeOf(row: readonly SqlValue[], table: string, { names, pk, version }: CellContext): Change {
  const cid = typeof row[3] === 'number' ? names[row[3]]! : textOf(row[3]);
  const val = row[7] ?? null;
  const colVersion = numberOf(row[4]);
  const seq = numberOf(row[5]);
  const cl = numberOf(row[8]);
  if (version === undefined) return { table, pk, cid, val, colVersion, cl, seq };
  return { table, pk, cid, val, colVersion, cl, seq, version };
}

/** Sorts the few cells of a row in place by seq, and gives all of them the place of the first. */
function ordered(cells: StoredChange[]): readonly StoredChange[] {
  for (let i = 1; i < cells.length; i++) {
    const cell = cells[i]!;
    let place = i;
    for (; place > 0 && cells[place - 1]!.change.seq > cell.change.seq; place--) cells[place] = cells[place - 1]!;
    cells[place] = cell;
  }
  for (let i = 1; i < cells.length; i++) cells[i]!.place = cells[0]!.place;
  return cells;
}
