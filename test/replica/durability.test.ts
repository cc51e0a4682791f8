/** How many peers hold what. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RangeSet } from '../../src/core/range-set.ts';
import { rangeSetFromRanges, rangeSetHas } from '../../src/core/range-set.ts';
import type { DurabilityTier, PeerAcknowledgement } from '../../src/replica/durability.ts';
import { DurabilityWaiters, peersOfTier, rangesInAtLeast, unacknowledgedRanges } from '../../src/replica/durability.ts';

const rangeSets: fc.Arbitrary<RangeSet> = fc
  .array(fc.tuple(fc.nat(20), fc.nat(20)), { maxLength: 4 })
  .map((pairs) => rangeSetFromRanges(pairs.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)));

describe('ranges held by at least n peers', () => {
  test('agree with counting version by version', () => {
    fc.assert(
      fc.property(fc.array(rangeSets, { maxLength: 5 }), fc.integer({ min: 1, max: 5 }), (sets, count) => {
        const found = rangesInAtLeast(sets, count);
        for (let version = 1; version <= 21; version++) {
          const holders = sets.filter((set) => rangeSetHas(set, version)).length;
          expect(rangeSetHas(found, version)).toBe(holders >= count);
        }
      }),
    );
  });
});

describe('tiers', () => {
  test('name how many peers must hold a write', () => {
    expect(peersOfTier('local')).toBeUndefined();
    expect(peersOfTier('relay')).toBe(1);
    expect(peersOfTier({ peers: 3 })).toBe(3);
  });

  test.each([['disk'], [null], [{ peers: 0 }], [{ peers: 1.5 }], [{}]])('%j is refused with USAGE', (tier) => {
    expect(() => peersOfTier(tier as DurabilityTier)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('waiting', () => {
  const none: PeerAcknowledgement = { held: [], refused: [] };

  test('ends when enough peers hold everything', async () => {
    let acks = [none, none];
    const waiters = new DurabilityWaiters(() => acks);
    let done = false;
    const waiting = waiters.wait(5, 2).then(() => (done = true));
    acks = [{ held: [[0, 5]], refused: [] }, none];
    waiters.check();
    await Promise.resolve();
    expect(done).toBe(false);
    acks = [
      { held: [[0, 5]], refused: [] },
      { held: [[0, 9]], refused: [] },
    ];
    waiters.check();
    await waiting;
  });

  test('is rejected when what is missing was refused', async () => {
    const waiters = new DurabilityWaiters(() => [{ held: [[0, 3]], refused: [[3, 4]] }]);
    await expect(waiters.wait(4, 1)).rejects.toMatchObject({ code: 'CHANGE_REJECTED', details: { refused: [[3, 4]] } });
  });

  test('own versions without any acknowledgement are left', () => {
    expect(unacknowledgedRanges(9, [[[0, 2]], [[4, 5]]])).toEqual([
      [2, 4],
      [5, 9],
    ]);
    expect(unacknowledgedRanges(0, [])).toEqual([]);
  });
});
