/** Range sets against sets of single versions: every function says what the naive model says. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Range, RangeSet } from '../../src/core/range-set.ts';
import {
  coversRanges,
  emptyRangeSet,
  holesOfRanges,
  hullOfRanges,
  intersectRanges,
  rangeSetFromRanges,
  rangeSetHas,
  rangeSetOf,
  rangeSetsEqual,
  rangesMeet,
  subtractRanges,
  unionRanges,
} from '../../src/core/range-set.ts';

const TOP = 40;
const range: fc.Arbitrary<Range> = fc.tuple(fc.nat(TOP), fc.nat(TOP)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
const ranges = fc.array(range, { maxLength: 8 });
const set = ranges.map(rangeSetFromRanges);

/** The versions in a list of ranges: lo excluded, hi included. */
function versionsOf(list: readonly Range[]): Set<number> {
  const versions = new Set<number>();
  for (const [lo, hi] of list) for (let version = lo + 1; version <= hi; version++) versions.add(version);
  return versions;
}

function fromModel(keep: (version: number) => boolean): RangeSet {
  const list: Range[] = [];
  for (let version = 1; version <= TOP; version++) if (keep(version)) list.push([version - 1, version]);
  return rangeSetFromRanges(list);
}

function isNormal(list: RangeSet): boolean {
  return list.every(([lo, hi], i) => lo < hi && (i === 0 || list[i - 1]![1] < lo));
}

describe('range sets', () => {
  test('any ranges become a sorted, disjoint, non-touching set of the same versions', () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const normal = rangeSetFromRanges(list);
        expect(isNormal(normal)).toBe(true);
        expect(versionsOf(normal)).toEqual(versionsOf(list));
      }),
    );
  });

  const operations = [
    ['union', unionRanges, (a: boolean, b: boolean) => a || b],
    ['difference', subtractRanges, (a: boolean, b: boolean) => a && !b],
    ['intersection', intersectRanges, (a: boolean, b: boolean) => a && b],
  ] as const;
  test.each(operations)(
    '%s is that of the versions, in normal form, and leaves its inputs alone',
    (_name, run, model) => {
      fc.assert(
        fc.property(set, set, (a, b) => {
          const before = JSON.stringify([a, b]);
          const [inA, inB] = [versionsOf(a), versionsOf(b)];
          const result = run(a, b);
          expect(isNormal(result)).toBe(true);
          expect(
            rangeSetsEqual(
              result,
              fromModel((version) => model(inA.has(version), inB.has(version))),
            ),
          ).toBe(true);
          expect(JSON.stringify([a, b])).toBe(before);
        }),
        { numRuns: 1_000 },
      );
    },
  );

  test('a union with one range at the end, the common case, is no different', () => {
    fc.assert(
      fc.property(set, range, (a, [lo, hi]) => {
        const one = rangeSetOf(lo, hi);
        expect(unionRanges(a, one)).toEqual(rangeSetFromRanges([...a, ...one]));
        expect(unionRanges(one, a)).toEqual(rangeSetFromRanges([...a, ...one]));
      }),
      { numRuns: 1_000 },
    );
  });

  test('covers, meets and has are those of the versions', () => {
    fc.assert(
      fc.property(set, set, fc.nat(TOP + 2), (a, b, version) => {
        const [inA, inB] = [versionsOf(a), versionsOf(b)];
        expect(coversRanges(a, b)).toBe([...inB].every((one) => inA.has(one)));
        expect(rangesMeet(a, b)).toBe([...inB].some((one) => inA.has(one)));
        expect(rangeSetHas(a, version)).toBe(inA.has(version));
      }),
      { numRuns: 500 },
    );
  });

  test('hull and holes are the smallest range around, and what is missing below the highest', () => {
    fc.assert(
      fc.property(set, (a) => {
        const versions = [...versionsOf(a)];
        const top = Math.max(0, ...versions);
        const hull = hullOfRanges(a);
        expect(hull).toEqual(versions.length === 0 ? undefined : [Math.min(...versions) - 1, top]);
        const inA = versionsOf(a);
        expect(holesOfRanges(a)).toEqual(fromModel((version) => version <= top && !inA.has(version)));
      }),
    );
  });

  test('an empty range is the empty set, and an inverted one a fault of ours', () => {
    expect(rangeSetOf(3, 3)).toBe(emptyRangeSet);
    expect(() => rangeSetOf(4, 3)).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
    expect(() => rangeSetOf(-1, 3)).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
  });
});
