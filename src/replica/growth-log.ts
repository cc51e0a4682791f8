/**
 * What each commit added to `have`, numbered, so that a link that was behind gets the difference instead of a whole
 * vector. Bounded: a link that is too far behind gets the buckets that differ from the digest it gave.
 */
import type { Coverage } from '../core/coverage.ts';
import { emptyCoverage, unionCoverage } from '../core/coverage.ts';
import type { CoverageDigest } from '../core/coverage-digest.ts';
import { coverageInBuckets, differingBuckets, digestOfCoverage } from '../core/coverage-digest.ts';

export class GrowthLog {
  readonly #entriesMax: number;
  #entries: Coverage[] = [];
  /** Number of the newest growth; 0 = none yet. */
  #number = 0;
  #digest: { readonly of: Coverage; readonly digest: CoverageDigest } | undefined;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get number(): number {
    return this.#number;
  }

  add(growth: Coverage): void {
    if (growth.size === 0) return;
    this.#number += 1;
    this.#entries.push(growth);
    if (this.#entries.length > this.#entriesMax) this.#entries = this.#entries.slice(this.#entriesMax >> 1);
  }

  /** Everything that a peer may lack which knows our claims up to `since`, or else gave `digest` at its greeting. */
  claimsFor(coverage: Coverage, since: number | undefined, digest: CoverageDigest): Coverage {
    const missed = since === undefined ? Number.POSITIVE_INFINITY : this.#number - since;
    if (missed > this.#entries.length) return this.differing(coverage, digest);
    return this.#entries.slice(this.#entries.length - missed).reduce(unionCoverage, emptyCoverage);
  }

  /** The sites in buckets whose digest is not the peer's. */
  differing(coverage: Coverage, digest: CoverageDigest): Coverage {
    return coverageInBuckets(coverage, differingBuckets(this.digestOf(coverage), digest));
  }

  /** The digest, computed once for each state of the coverage (coverages are immutable). */
  digestOf(coverage: Coverage): CoverageDigest {
    if (this.#digest?.of !== coverage) this.#digest = { of: coverage, digest: digestOfCoverage(coverage) };
    return this.#digest.digest;
  }
}
