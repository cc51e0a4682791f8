/** What a replica holds, as lines of text that are equal exactly when values and types are. */
import { quoted } from '../store/sql-text.ts';
import type { Store } from '../store/store.ts';

/** Table -> its rows, each as SQL literals, in the order of their text. */
export type TableContents = Readonly<Record<string, readonly string[]>>;

/** The replicated tables of a store. */
export function contentsOf(store: Store): TableContents {
  const names = Object.keys(store.schema.tables).sort();
  return Object.fromEntries(names.map((name) => [name, rowsOf(store, name)]));
}

function rowsOf(store: Store, table: string): readonly string[] {
  const columns = store.connection.prepare('SELECT name FROM pragma_table_info(?) ORDER BY cid').all([table]);
  const literals = columns.map(([column]) => `quote(${quoted(String(column))})`).join(` || ', ' || `);
  const rows = store.connection.prepare(`SELECT ${literals} AS line FROM ${quoted(table)} ORDER BY line`).all();
  return rows.map(([line]) => String(line));
}

/** The first difference of two contents in words; undefined when they are equal. */
export function differenceOf(a: TableContents, b: TableContents): string | undefined {
  for (const table of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [left, right] = [a[table] ?? [], b[table] ?? []];
    const [inLeft, inRight] = [new Set(left), new Set(right)];
    const only = left.find((line) => !inRight.has(line));
    if (only !== undefined) return `only the first has in ${table}: ${only}`;
    const other = right.find((line) => !inLeft.has(line));
    if (other !== undefined) return `only the second has in ${table}: ${other}`;
  }
  return undefined;
}
