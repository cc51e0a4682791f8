/** What the demo compares: the city table alone, whatever else is written on the board meanwhile. */
import { createHash } from 'node:crypto';

type CityQuery = (sql: string, parameters?: readonly number[]) => Promise<readonly Readonly<Record<string, unknown>>[]>;

const pageRows = 20_000;
const pageSql = `
  SELECT id, json_array(id, name, country, admin1, admin2, quote(lat), quote(lng)) AS line
    FROM city WHERE id > ? ORDER BY id LIMIT ${pageRows}`;

export interface Content {
  readonly hash: string;
  readonly rows: number;
}

/** SHA-256 over the rows in the order of their keys, with the type of each value. */
export async function contentOf(query: CityQuery): Promise<Content> {
  const hash = createHash('sha256');
  let rows = 0;
  for (let last = Number.MIN_SAFE_INTEGER; ;) {
    const page = await query(pageSql, [last]);
    for (const row of page) hash.update(`${String(row['line'])}\n`);
    rows += page.length;
    if (page.length < pageRows) return { hash: hash.digest('hex'), rows };
    last = Number(page[page.length - 1]!['id']);
  }
}

/** How many changes (cells) of cities are held, those of deleted rows included. */
export async function cityChangesOf(query: CityQuery): Promise<number> {
  const [row] = await query('SELECT count(*) AS n FROM city__crsql_clock');
  return Number(row?.['n']);
}
