/** Range sets by site in a table (site, lo, hi): loaded whole, saved as the difference to what is there. */
import type { Coverage } from '../core/coverage.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import { rangeSetFromRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Connection } from '../sqlite/database.ts';
import type { SiteRegistry } from './site-registry.ts';
import { numberOf } from './sql-text.ts';

export type RangeTable = 'crmesh_have' | 'crmesh_waiting' | 'crmesh_refused';

export function loadRanges(connection: Connection, table: RangeTable, sites: SiteRegistry): Coverage {
  return rangesBySite(connection.prepare(`SELECT site, lo, hi FROM ${table} ORDER BY site, lo`).all(), sites);
}

/** Spans of parked changes, by site. */
export function loadParkedSpans(connection: Connection, sites: SiteRegistry): Coverage {
  return rangesBySite(connection.prepare('SELECT DISTINCT site, lo, hi FROM crmesh_parked').all(), sites);
}

/** Cost  O(n) compare, one statement for each range that differs. */
export function saveRanges(
  connection: Connection,
  table: RangeTable,
  change: { readonly ord: number; readonly before: RangeSet; readonly after: RangeSet },
): void {
  const { ord, before, after } = change;
  const kept = new Map(after.map(([lo, hi]) => [lo, hi]));
  const stored = new Map(before.map(([lo, hi]) => [lo, hi]));
  for (const [lo] of before) {
    if (!kept.has(lo)) connection.prepare(`DELETE FROM ${table} WHERE site = ? AND lo = ?`).run([ord, lo]);
  }
  for (const [lo, hi] of after) {
    if (stored.get(lo) === hi) continue;
    const sql = `INSERT INTO ${table} (site, lo, hi) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hi = excluded.hi`;
    connection.prepare(sql).run([ord, lo, hi]);
  }
}

function rangesBySite(rows: readonly (readonly unknown[])[], sites: SiteRegistry): Coverage {
  const ranges = new Map<SiteId, Range[]>();
  for (const [ord, lo, hi] of rows as readonly (readonly (number | null)[])[]) {
    const site = sites.siteOf(numberOf(ord));
    const list = ranges.get(site) ?? [];
    list.push([numberOf(lo), numberOf(hi)]);
    ranges.set(site, list);
  }
  return new Map([...ranges].map(([site, list]) => [site, rangeSetFromRanges(list)]));
}
