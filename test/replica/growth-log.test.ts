import { describe, expect, it } from 'vitest';
import { coverageOf, emptyCoverage, unionCoverage } from '../../src/core/coverage.ts';
import { digestOfCoverage } from '../../src/core/coverage-digest.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { GrowthLog } from '../../src/replica/growth-log.ts';

const A = 'aa'.repeat(16) as SiteId;
const B = 'bb'.repeat(16) as SiteId;
const NOBODY = digestOfCoverage(emptyCoverage);

describe('the growth log', () => {
  it('numbers growth and never an empty one', () => {
    const log = new GrowthLog(10);
    log.add(emptyCoverage);
    expect(log.number).toBe(0);
    log.add(coverageOf(A, [[0, 1]]));
    expect(log.number).toBe(1);
  });

  it('gives a link that knows some claims the difference', () => {
    const log = new GrowthLog(10);
    const [first, second] = [coverageOf(A, [[0, 5]]), coverageOf(B, [[0, 2]])];
    log.add(first);
    log.add(second);
    const all = unionCoverage(first, second);
    expect(log.claimsFor(all, 1, NOBODY)).toEqual(second);
    expect(log.claimsFor(all, 2, NOBODY)).toEqual(emptyCoverage);
  });

  it('gives a link that knows none, or is too far behind, the buckets that differ from its digest', () => {
    const log = new GrowthLog(2);
    const all = unionCoverage(coverageOf(A, [[0, 5]]), coverageOf(B, [[0, 9]]));
    for (let i = 0; i < 9; i++) log.add(coverageOf(B, [[i, i + 1]]));
    const peer = digestOfCoverage(coverageOf(A, [[0, 5]]));
    expect(log.claimsFor(all, undefined, peer)).toEqual(coverageOf(B, [[0, 9]]));
    expect(log.claimsFor(all, 1, NOBODY)).toEqual(all);
  });
});
