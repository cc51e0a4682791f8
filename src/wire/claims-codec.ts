/** Claims beside parts: mostly exactly the spans of the parts, which then takes no bytes. */
import type { Coverage } from '../core/coverage.ts';
import { coveragesEqual, rangesOfSite } from '../core/coverage.ts';
import type { ReceivedBody } from '../core/part.ts';
import type { RangeSet } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { PartBlob } from './part-blob.ts';

/** The coverage that says: all of each part's span. Undefined where a site has several parts. */
export function spansAsClaims(blobs: readonly PartBlob[]): Coverage | undefined {
  const claims = new Map<SiteId, RangeSet>();
  for (const { body } of blobs) {
    if (claims.has(body.site)) return undefined;
    claims.set(body.site, [body.span]);
  }
  return claims;
}

export function claimsAreSpans(claims: Coverage, blobs: readonly PartBlob[]): boolean {
  if (claims.size !== blobs.length) return false;
  const [first] = blobs;
  if (first !== undefined && blobs.length === 1) return claimIsSpan(rangesOfSite(claims, first.body.site), first.body);
  const spans = spansAsClaims(blobs);
  return spans !== undefined && spans.size > 0 && coveragesEqual(claims, spans);
}

export function claimIsSpan(claims: RangeSet, { span }: ReceivedBody): boolean {
  const only = claims[0];
  return only !== undefined && claims.length === 1 && only[0] === span[0] && only[1] === span[1];
}
