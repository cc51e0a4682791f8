/** Coverage digests: equal coverages have equal digests, and those that differ a little do not. */
import { expect, test } from 'vitest';
import type { Coverage } from '../../src/core/coverage.ts';
import { coverageToJson } from '../../src/core/coverage.ts';
import { bucketOfSite, coverageInBuckets, differingBuckets, digestOfCoverage } from '../../src/core/coverage-digest.ts';
import type { SiteId } from '../../src/core/site-id.ts';

const [FIRST, SECOND] = ['1100', '1101'].map((start) => start.padEnd(32, '0') as SiteId) as [SiteId, SiteId];

function coverageOfTwo(first: number, second: number): Coverage {
  return new Map([
    [FIRST, [[0, first]]],
    [SECOND, [[0, second]]],
  ]);
}

test('sites of one bucket do not make up for each other', () => {
  const digests = new Map<number, string>();
  for (let first = 1; first <= 60; first++) {
    for (let second = 1; second <= 60; second++) {
      const coverage = coverageOfTwo(first, second);
      const digest = digestOfCoverage(coverage).get(bucketOfSite(FIRST))!;
      expect(digests.get(digest)).toBeUndefined();
      digests.set(digest, JSON.stringify(coverageToJson(coverage)));
    }
  }
});

test('the order of sites does not matter, and only buckets that differ are named', () => {
  const coverage = coverageOfTwo(3, 9);
  const other: Coverage = new Map([...coverage].reverse());
  expect(differingBuckets(digestOfCoverage(coverage), digestOfCoverage(other))).toEqual([]);
  const grown: Coverage = new Map([...coverage, ['ff'.repeat(16) as SiteId, [[0, 1]]]]);
  const buckets = differingBuckets(digestOfCoverage(coverage), digestOfCoverage(grown));
  expect(buckets).toEqual([0xff]);
  expect([...coverageInBuckets(grown, buckets).keys()]).toEqual(['ff'.repeat(16)]);
});
