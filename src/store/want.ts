/**
 * Answers a want: rows of one site that complete ranges of its versions.
 *
 * Its claims are of the weak kind ('if the greatest write of a cell lies in this range, it is here'): superseded rows
 * are absent.
 */
import type { Part } from '../core/part.ts';
import type { Change } from '../core/change.ts';
import { changeBytes } from '../core/change.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import { hullOfRanges, intersectRanges, rangeSetFromRanges, rangesMeet } from '../core/range-set.ts';
import { rangesOfSite } from '../core/coverage.ts';
import type { SiteId } from '../core/site-id.ts';
import type { BookEntry } from './book.ts';
import { bookOfSite, hullOfEntries } from './book.ts';
import type { Knowledge } from './knowledge.ts';
import { ownPartOf } from './serve.ts';
import type { StoreContext } from './store-context.ts';

/**
 * Rows for `ranges` of a site, as far as they are held and about `changesMax` rows reach.
 *
 * Shape   claims = exactly what is held of the want and complete with these rows; ask again with those added.
 *         Undefined when nothing of it is held.
 * Why     Claiming the whole entries that were read would claim versions outside the want, whose rows may lie in
 *         other entries.
 */
export function serveWant(
  context: StoreContext,
  knowledge: Knowledge,
  want: { readonly site: SiteId; readonly ranges: RangeSet },
  changesMax: number,
): Part | undefined {
  const held = intersectRanges(want.ranges, rangesOfSite(knowledge.have, want.site));
  const hull = hullOfRanges(held);
  if (hull === undefined) return undefined;
  if (want.site === context.site) return ownPartOf(context, knowledge, held[0]!, changesMax);
  const ord = context.sites.findOrd(want.site);
  const book = ord === undefined ? [] : bookOfSite(context.connection, ord);
  return foreignPart(context, { site: want.site, held, book }, changesMax);
}

interface ForeignWant {
  readonly site: SiteId;
  readonly held: RangeSet;
  readonly book: readonly BookEntry[];
}

/** The want as far as it fits, but never less than its first book entry. */
function foreignPart(context: StoreContext, want: ForeignWant, changesMax: number): Part {
  for (let changes = changesMax; changes >= 1; changes = Math.floor(changes / CUT_FACTOR)) {
    const part = partOf(context, { ...want, held: shortened(context, want, changes) }, context.limits.pieceBytesMax);
    if (part !== undefined) return part;
  }
  const least = { ...want, held: shortened(context, want, 0) };
  return partOf(context, least, Number.POSITIVE_INFINITY)!;
}

/** Shortens the want at ends of book entries until it has `changesMax` rows, but never below the first. */
function shortened(context: StoreContext, want: ForeignWant, changesMax: number): RangeSet {
  const ends = [...new Set(want.book.map(({ span }) => span[1]))].sort((a, b) => b - a);
  let { held } = want;
  for (const end of ends) {
    if (countRows(context, want.site, windowsFor(want.book, held)) <= changesMax) break;
    const shorter = intersectRanges(held, [[0, end]]);
    if (shorter.length > 0) held = shorter;
  }
  return held;
}

/** Undefined when its rows have more than `bytesMax` bytes. */
function partOf(context: StoreContext, want: ForeignWant, bytesMax: number): Part | undefined {
  const { site, held, book } = want;
  const windows = windowsFor(book, held);
  const rows = rowsIn(context, { site, windows }, bytesMax);
  if (rows === undefined) return undefined;
  const met = book.filter(({ window }) => rangesMeet([window], windows));
  const hull: Range = met.length === 0 ? hullOfRanges(held)! : hullOfEntries(met).span;
  const claims = context.faults['exact-claims-of-want'] ? rangeSetFromRanges(met.map((entry) => entry.span)) : held;
  return { site, span: hull, claims, rows };
}

/** A want with too many bytes is tried again with so many times fewer changes. */
const CUT_FACTOR = 8;

/** Store versions where rows of the held ranges may be. */
function windowsFor(book: readonly BookEntry[], held: RangeSet): RangeSet {
  return rangeSetFromRanges(book.filter(({ span }) => rangesMeet([span], held)).map(({ window }) => window));
}

function countRows({ clocks, sites }: StoreContext, site: SiteId, windows: RangeSet): number {
  const only = sites.findOrdinal(site);
  if (only === undefined) return 0;
  return windows.reduce((sum, [from, to]) => sum + clocks.count({ from, to, only }), 0);
}

function rowsIn(
  { clocks, sites }: StoreContext,
  { site, windows }: { readonly site: SiteId; readonly windows: RangeSet },
  bytesMax: number,
): Change[] | undefined {
  const only = sites.findOrdinal(site);
  if (only === undefined) return [];
  const changes: Change[] = [];
  let bytesLeft = bytesMax;
  for (const [from, to] of windows) {
    const rows = clocks.readChanges({ from, to, only }, bytesLeft);
    if (rows === undefined) return undefined;
    for (const change of rows) {
      bytesLeft -= changeBytes(change);
      changes.push(change);
    }
  }
  return changes;
}
