/** Coverages against sets of (site, version) pairs, and digests against coverages. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOfSite, coverageInBuckets, differingBuckets, digestOfCoverage } from '../../src/core/coverage-digest.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import {
  coverageOf,
  coveragesEqual,
  coverageToJson,
  coversCoverage,
  emptyCoverage,
  intersectCoverage,
  rangesOfSite,
  subtractCoverage,
  unionCoverage,
  withoutSites,
} from '../../src/core/coverage.ts';
import { rangeSetFromRanges } from '../../src/core/range-set.ts';
import type { SiteId } from '../../src/core/site-id.ts';

const sites = ['00', '0a', 'a0', 'ff'].map((byte) => `${byte}${'1'.repeat(30)}` as SiteId);
const ranges = fc
  .array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 6 })), { maxLength: 4 })
  .map((list) => rangeSetFromRanges(list.map(([lo, size]) => [lo, lo + size] as const)));
const coverage: fc.Arbitrary<Coverage> = fc
  .array(fc.tuple(fc.constantFrom(...sites), ranges), { maxLength: 4 })
  .map((entries) => new Map(entries.filter(([, set]) => set.length > 0)));

function pairsOf(map: Coverage): Set<string> {
  const pairs = new Set<string>();
  for (const [site, set] of map) {
    for (const [lo, hi] of set) for (let version = lo + 1; version <= hi; version++) pairs.add(`${site}:${version}`);
  }
  return pairs;
}

describe('coverage', () => {
  const operations = [
    ['union', unionCoverage, (a: boolean, b: boolean) => a || b],
    ['difference', subtractCoverage, (a: boolean, b: boolean) => a && !b],
    ['intersection', intersectCoverage, (a: boolean, b: boolean) => a && b],
  ] as const;
  test.each(operations)('%s is that of the pairs, without empty sites', (_name, run, model) => {
    fc.assert(
      fc.property(coverage, coverage, (a, b) => {
        const [inA, inB] = [pairsOf(a), pairsOf(b)];
        const expected = [...new Set([...inA, ...inB])].filter((pair) => model(inA.has(pair), inB.has(pair)));
        const result = run(a, b);
        expect(pairsOf(result)).toEqual(new Set(expected));
        expect([...result.values()].every((set) => set.length > 0)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('covers and equals are those of the pairs', () => {
    fc.assert(
      fc.property(coverage, coverage, (a, b) => {
        const [inA, inB] = [pairsOf(a), pairsOf(b)];
        expect(coversCoverage(a, b)).toBe([...inB].every((pair) => inA.has(pair)));
        expect(coveragesEqual(a, b)).toBe(inA.size === inB.size && [...inA].every((pair) => inB.has(pair)));
        expect(coveragesEqual(a, new Map([...a].reverse()))).toBe(true);
      }),
    );
  });

  test('sites are taken out, and JSON has them in order', () => {
    const map: Coverage = new Map([...sites].reverse().map((site) => [site, [[0, 5] as const]]));
    expect(Object.keys(coverageToJson(map))).toEqual(sites);
    expect([...withoutSites(map, [sites[0]!, sites[3]!]).keys()].sort()).toEqual([sites[1], sites[2]]);
    expect(withoutSites(map, [])).toBe(map);
    expect(coverageOf(sites[0]!, [])).toBe(emptyCoverage);
    expect(rangesOfSite(emptyCoverage, sites[0]!)).toEqual([]);
  });
});

describe('coverage digest', () => {
  test('names exactly the buckets in which two coverages differ, whatever the order of sites', () => {
    fc.assert(
      fc.property(coverage, coverage, (a, b) => {
        const differing = sites.filter((site) => JSON.stringify(a.get(site)) !== JSON.stringify(b.get(site)));
        const expected = differing.map(bucketOfSite).sort((x, y) => x - y);
        expect(differingBuckets(digestOfCoverage(a), digestOfCoverage(b))).toEqual(expected);
        expect(digestOfCoverage(new Map([...a].reverse()))).toEqual(digestOfCoverage(a));
      }),
      { numRuns: 500 },
    );
  });

  test('hashes are exact numbers', () => {
    fc.assert(
      fc.property(coverage, (a) => {
        for (const [bucket, hash] of digestOfCoverage(a)) {
          expect(Number.isSafeInteger(hash) && hash >= 0 && bucket >= 0 && bucket < 256).toBe(true);
        }
      }),
    );
  });

  test('two sites of one bucket both count', () => {
    const [one, two] = [`0a${'1'.repeat(30)}` as SiteId, `0a${'2'.repeat(30)}` as SiteId];
    const both: Coverage = new Map([one, two].map((site) => [site, [[0, 5] as const]]));
    expect(digestOfCoverage(both).get(10)).not.toBe(digestOfCoverage(coverageOf(one, [[0, 5]])).get(10));
  });

  test('coverage is cut to buckets', () => {
    const map: Coverage = new Map(sites.map((site) => [site, [[0, 5] as const]]));
    expect([...coverageInBuckets(map, [0, 160]).keys()]).toEqual([sites[0], sites[2]]);
  });
});
