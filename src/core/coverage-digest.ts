/**
 * Coverage digests: 256 buckets of site ids (by first byte), a 52-bit hash each, so that two replicas find out
 * which sites differ without sending a whole vector. Not a defence against an attacker: a collision costs a
 * missing hint, never data, because windows carry the truth.
 */
import type { Coverage } from './coverage.ts';
import type { SiteId } from './site-id.ts';

/** bucket (0..255) -> hash; empty buckets are absent. */
export type CoverageDigest = ReadonlyMap<number, number>;

const MASK = (1n << 52n) - 1n;
const MASK_64 = (1n << 64n) - 1n;
const FNV_START = 14695981039346656037n;
const FNV_PRIME = 1099511628211n;

export function bucketOfSite(site: SiteId): number {
  return Number.parseInt(site.slice(0, 2), 16);
}

/** Cost  O(sites). The hash of a bucket is the sum over its sites, so the order of sites does not matter. */
export function digestOfCoverage(coverage: Coverage): CoverageDigest {
  const digest = new Map<number, number>();
  for (const [site, ranges] of coverage) {
    const bucket = bucketOfSite(site);
    const text = `${site}:${ranges.map(([lo, hi]) => `${lo}-${hi}`).join(',')}`;
    const sum = (BigInt(digest.get(bucket) ?? 0) + hashText(text)) & MASK;
    digest.set(bucket, Number(sum));
  }
  return digest;
}

/** Buckets whose hashes differ, in order. */
export function differingBuckets(a: CoverageDigest, b: CoverageDigest): number[] {
  const buckets = new Set([...a.keys(), ...b.keys()]);
  return [...buckets].filter((bucket) => a.get(bucket) !== b.get(bucket)).sort((x, y) => x - y);
}

/** The part of a coverage whose sites lie in the buckets. */
export function coverageInBuckets(coverage: Coverage, buckets: Iterable<number>): Coverage {
  const wanted = new Set(buckets);
  return new Map([...coverage].filter(([site]) => wanted.has(bucketOfSite(site))));
}

/**
 * FNV-1a, 64 bits, then the finalizer of MurmurHash3.
 *
 * Why  Hashes are added up, and a last digit moves a plain FNV hash by a multiple of the prime: (0, 16] and (0, 20] of
 *      two sites would often have the sum of (0, 12] and (0, 24].
 */
function hashText(text: string): bigint {
  let hash = FNV_START;
  for (let i = 0; i < text.length; i++) hash = ((hash ^ BigInt(text.charCodeAt(i))) * FNV_PRIME) & MASK_64;
  hash = ((hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn) & MASK_64;
  hash = ((hash ^ (hash >> 33n)) * 0xc4ceb9fe1a85ec53n) & MASK_64;
  return hash ^ (hash >> 33n);
}
