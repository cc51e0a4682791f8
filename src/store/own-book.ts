/**
 * The own book: at which store versions rows of this replica's own site lie. Their origin versions are the same numbers,
 * so an entry is one range.
 *
 * Own rows get store versions between two flushes and no merge lies there, so every flush that announces something books
 * what it covers. Like the book it only ever says 'may': folding widens it.
 *
 * Why     What nobody has acknowledged may reach from far below to far above a large merge. Without it all merged rows
 *         between would be looked at; an index of own rows would cost every local write more than a quarter of its time.
 */
import type { Range, RangeSet } from '../core/range-set.ts';
import { hullOfRanges, rangeSetFromRanges, unionRanges } from '../core/range-set.ts';
import type { Connection } from '../sqlite/database.ts';
import { numberOf } from './sql-text.ts';

export function loadOwnBook(connection: Connection): RangeSet {
  const rows = connection.prepare('SELECT lo, hi FROM crmesh_own_book ORDER BY lo').all();
  return rangeSetFromRanges(rows.map(([lo, hi]): Range => [numberOf(lo), numberOf(hi)]));
}

/**
 * Books `window`, the newest of all; inside the transaction of the flush.
 *
 * Shape  returns the book after it. More than `entriesMax` entries: the older half, two at least, becomes one.
 */
export function bookOwnRows(connection: Connection, book: RangeSet, window: Range, entriesMax: number): RangeSet {
  const booked = unionRanges(book, [window]);
  const after = booked.length <= entriesMax ? booked : foldedRanges(booked);
  const lowest = new Set(after.map(([lo]) => lo));
  for (const [lo] of book) {
    if (!lowest.has(lo)) connection.prepare('DELETE FROM crmesh_own_book WHERE lo = ?').run([lo]);
  }
  const known = new Map(book);
  for (const [lo, hi] of after) {
    if (known.get(lo) === hi) continue;
    const sql = 'INSERT INTO crmesh_own_book (lo, hi) VALUES (?, ?) ON CONFLICT DO UPDATE SET hi = excluded.hi';
    connection.prepare(sql).run([lo, hi]);
  }
  return after;
}

function foldedRanges(ranges: RangeSet): RangeSet {
  const count = Math.max(2, Math.ceil(ranges.length / 2));
  const hull = hullOfRanges(ranges.slice(0, count));
  return hull === undefined ? ranges : [hull, ...ranges.slice(count)];
}
