/** Reads for others in store order: pieces of the whole store, and own writes. */
import type { Change } from '../core/change.ts';
import { changeBytes } from '../core/change.ts';
import type { Part, PartBody } from '../core/part.ts';
import { SPAN_ANY } from '../core/part.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import { intersectRanges, rangeSetOf } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import { spanAbove } from './book.ts';
import type { Knowledge } from './knowledge.ts';
import type { StoreContext } from './store-context.ts';
import type { Piece } from './store-port.ts';

/**
 * The next piece of the store above `from`, in store order.
 *
 * Shape   ends at a store version of about `changesMax` rows or limits.pieceBytesMax bytes, never inside one; rows
 *         above the last flush or merge are not in it. Claims are not part of a piece.
 * Why     The span of a site is the hull of its book entries that reach above `from`: the hull of what is held would
 *         make every book entry of the reader answer every want.
 */
export function readPiece(
  context: StoreContext,
  knowledge: Knowledge,
  from: StoreVersion,
  options: { readonly without: readonly SiteId[]; readonly changesMax: number },
): Piece {
  const { clocks, sites } = context;
  const without = options.without.map((site) => sites.findOrdinal(site)).filter((ordinal) => ordinal !== undefined);
  const whole = { from, to: Math.max(from, knowledge.storedMax), without };
  const bounds = { changesMax: options.changesMax, bytesMax: context.limits.pieceBytesMax };
  const piece = clocks.readPiece(whole, bounds);
  const to = piece.to as StoreVersion;
  const rowsBySite = new Map<SiteId, Change[]>();
  for (const { site, change } of piece.rows) {
    const rows = rowsBySite.get(site);
    if (rows === undefined) rowsBySite.set(site, [change]);
    else rows.push(change);
  }
  const parts: PartBody[] = [...rowsBySite].map(([site, rows]) => {
    return { site, span: spanOfSite(context, knowledge, site, from), rows };
  });
  return { from, to, last: to >= knowledge.storedMax, parts };
}

function spanOfSite(
  { connection, site: own, sites }: StoreContext,
  knowledge: Knowledge,
  site: SiteId,
  from: number,
): Range {
  if (site === own) return [0, knowledge.announced];
  const ord = sites.findOrd(site);
  return (ord === undefined ? undefined : spanAbove(connection, ord, from)) ?? SPAN_ANY;
}

/** Own announced rows of `ranges`, each part with exactly the claim that it completes. */
export function readOwn(
  context: StoreContext,
  knowledge: Knowledge,
  ranges: RangeSet,
  options: { readonly changesMax: number; readonly partsMax: number },
): Part[] {
  const parts: Part[] = [];
  for (const [lo, hi] of intersectRanges(ranges, rangeSetOf(0, knowledge.announced))) {
    for (let from = lo; from < hi && parts.length < options.partsMax;) {
      const part = ownPartOf(context, knowledge, [from, hi], options.changesMax);
      parts.push(part);
      from = part.span[1];
    }
  }
  return parts;
}

/** The first own part of a range of own versions, cut at a version boundary. */
export function ownPartOf(context: StoreContext, { ownBook }: Knowledge, [lo, hi]: Range, changesMax: number): Part {
  const { clocks, limits, site } = context;
  const windows = intersectRanges([[lo, hi]], ownBook);
  const rows: Change[] = [];
  let bytesLeft = limits.pieceBytesMax;
  for (const [i, [from, end]] of windows.entries()) {
    const bounds = { changesMax: changesMax - rows.length, bytesMax: bytesLeft };
    const piece = clocks.readPieceOfChanges({ from, to: end, only: 0 }, bounds);
    for (const change of piece.rows) {
      bytesLeft -= changeBytes(change);
      rows.push(change);
    }
    const isFull = rows.length >= changesMax || bytesLeft <= 0;
    if (piece.to < end || (isFull && i < windows.length - 1)) return ownPart(site, [lo, piece.to], rows);
  }
  return ownPart(site, [lo, hi], rows);
}

function ownPart(site: SiteId, span: Range, rows: readonly Change[]): Part {
  return { site, span, claims: [span], rows };
}
