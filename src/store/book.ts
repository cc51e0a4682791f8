/**
 * The book: at which store versions rows of a site may be found, and in which origin versions they lie.
 *
 * It only ever says 'may': an entry that is too wide serves more rows than needed, an entry that is missing loses
 * rows for whoever asks. So every apply that changed a row is booked, and folding only widens.
 */
import type { Coverage } from '../core/coverage.ts';
import type { Range } from '../core/range-set.ts';
import { rangeSetFromRanges } from '../core/range-set.ts';
import type { Connection } from '../sqlite/database.ts';
import type { SiteRegistry } from './site-registry.ts';
import { numberOf } from './sql-text.ts';

/** Rows with origin version in `span` may be found at store versions in `window`; both (lo, hi]. */
export interface BookEntry {
  readonly window: Range;
  readonly span: Range;
}

export function bookRows(
  connection: Connection,
  entry: BookEntry & { readonly ord: number },
  entriesMax: number,
): void {
  const { ord, window, span } = entry;
  connection
    .prepare('INSERT OR IGNORE INTO crmesh_book (site, lmin, lmax, lo, hi) VALUES (?, ?, ?, ?, ?)')
    .run([ord, window[0] + 1, window[1], span[0], span[1]]);
  foldBook(connection, ord, entriesMax);
}

export function bookOfSite(connection: Connection, ord: number): BookEntry[] {
  return connection
    .prepare('SELECT lmin, lmax, lo, hi FROM crmesh_book WHERE site = ? ORDER BY lmin, lo, hi')
    .all([ord])
    .map((row) => {
      const [lmin, lmax, lo, hi] = row.map(numberOf);
      return { window: [lmin! - 1, lmax!], span: [lo!, hi!] };
    });
}

/** Where rows may lie, of every site in the book. */
export function bookedSpans(connection: Connection, sites: SiteRegistry): Coverage {
  const spansByOrd = new Map<number, Range[]>();
  for (const [ord, lo, hi] of connection.prepare('SELECT DISTINCT site, lo, hi FROM crmesh_book').all()) {
    const spans = spansByOrd.get(numberOf(ord)) ?? [];
    spans.push([numberOf(lo), numberOf(hi)]);
    spansByOrd.set(numberOf(ord), spans);
  }
  return new Map([...spansByOrd].map(([ord, spans]) => [sites.siteOf(ord), rangeSetFromRanges(spans)]));
}

/** The hull of the spans of entries that reach above a store version; undefined when there is none. */
export function spanAbove(connection: Connection, ord: number, storeVersion: number): Range | undefined {
  const row = connection
    .prepare('SELECT min(lo), max(hi) FROM crmesh_book WHERE site = ? AND lmax > ?')
    .get([ord, storeVersion]);
  return row === undefined || row[0] === null ? undefined : [numberOf(row[0]), numberOf(row[1])];
}

/** More than `entriesMax` entries: the older half becomes one hull. */
function foldBook(connection: Connection, ord: number, entriesMax: number): void {
  const count = numberOf(connection.prepare('SELECT count(*) FROM crmesh_book WHERE site = ?').get([ord])?.[0]);
  if (count <= entriesMax) return;
  const older = bookOfSite(connection, ord).slice(0, Math.max(2, Math.ceil(count / 2)));
  const hull = hullOfEntries(older);
  for (const { window, span } of older) {
    connection
      .prepare('DELETE FROM crmesh_book WHERE site = ? AND lmin = ? AND lo = ? AND hi = ?')
      .run([ord, window[0] + 1, span[0], span[1]]);
  }
  bookRows(connection, { ord, ...hull }, entriesMax);
}

export function hullOfEntries(entries: readonly BookEntry[]): BookEntry {
  return {
    window: [Math.min(...entries.map(({ window }) => window[0])), Math.max(...entries.map(({ window }) => window[1]))],
    span: [Math.min(...entries.map(({ span }) => span[0])), Math.max(...entries.map(({ span }) => span[1]))],
  };
}
