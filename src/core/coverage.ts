/**
 * Coverage: which ranges of which site a replica holds, the version vector that admits gaps.
 *
 * A coverage is an immutable map site -> non-empty range set; sites with nothing are absent.
 */
import type { Range, RangeSet } from './range-set.ts';
import { emptyRangeSet, intersectRanges, rangeSetsEqual, subtractRanges, unionRanges } from './range-set.ts';
import type { SiteId } from './site-id.ts';

export type Coverage = ReadonlyMap<SiteId, RangeSet>;

export const emptyCoverage: Coverage = new Map();

export function coverageOf(site: SiteId, ranges: RangeSet): Coverage {
  return ranges.length === 0 ? emptyCoverage : new Map([[site, ranges]]);
}

export function rangesOfSite(coverage: Coverage, site: SiteId): RangeSet {
  return coverage.get(site) ?? emptyRangeSet;
}

export function unionCoverage(a: Coverage, b: Coverage): Coverage {
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  const union = new Map(a);
  for (const [site, ranges] of b) union.set(site, unionRanges(union.get(site) ?? emptyRangeSet, ranges));
  return union;
}

/** What `a` holds and `b` does not. */
export function subtractCoverage(a: Coverage, b: Coverage): Coverage {
  return mapSites(a, (site, ranges) => subtractRanges(ranges, rangesOfSite(b, site)));
}

export function intersectCoverage(a: Coverage, b: Coverage): Coverage {
  return mapSites(a, (site, ranges) => intersectRanges(ranges, rangesOfSite(b, site)));
}

export function withoutSites(coverage: Coverage, sites: Iterable<SiteId>): Coverage {
  let left: Map<SiteId, RangeSet> | undefined;
  for (const site of sites) if (coverage.has(site)) (left ??= new Map(coverage)).delete(site);
  return left ?? coverage;
}

export function coversCoverage(whole: Coverage, part: Coverage): boolean {
  return subtractCoverage(part, whole).size === 0;
}

export function coveragesEqual(a: Coverage, b: Coverage): boolean {
  if (a.size !== b.size) return false;
  for (const [site, ranges] of a) if (!rangeSetsEqual(ranges, rangesOfSite(b, site))) return false;
  return true;
}

/** {site: [[lo, hi]]}, sites in order: the shape of `coverage` and `vClock` in JSON. */
export function coverageToJson(coverage: Coverage): Record<string, Range[]> {
  const json: Record<string, Range[]> = {};
  for (const site of [...coverage.keys()].sort()) json[site] = [...rangesOfSite(coverage, site)];
  return json;
}

function mapSites(coverage: Coverage, map: (site: SiteId, ranges: RangeSet) => RangeSet): Coverage {
  const mapped = new Map<SiteId, RangeSet>();
  for (const [site, ranges] of coverage) {
    const kept = map(site, ranges);
    if (kept.length > 0) mapped.set(site, kept);
  }
  return mapped;
}
