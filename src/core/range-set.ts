/**
 * Sets of version ranges: sorted, disjoint, non-touching half-open ranges (lo, hi], lo excluded.
 *
 * All functions return new sets and leave their inputs alone; a set built by them is always in normal form.
 * Versions are origin versions wherever a set is part of a coverage.
 */
import { invariant } from './errors.ts';

/** (lo, hi]: lo excluded, hi included, lo < hi. */
export type Range = readonly [lo: number, hi: number];
export type RangeSet = readonly Range[];

export const emptyRangeSet: RangeSet = [];

/** One range as a set; an empty range (lo = hi) gives the empty set. */
export function rangeSetOf(lo: number, hi: number): RangeSet {
  invariant(lo <= hi && lo >= 0, `range (${lo}, ${hi}] is inverted`);
  return lo === hi ? emptyRangeSet : [[lo, hi]];
}

/** Any ranges, in any order, overlapping or touching, as a set in normal form. */
export function rangeSetFromRanges(ranges: Iterable<Range>): RangeSet {
  const sorted = [...ranges].filter(([lo, hi]) => lo < hi).sort((a, b) => a[0] - b[0]);
  const set: [number, number][] = [];
  for (const [lo, hi] of sorted) {
    const last = set[set.length - 1];
    if (last !== undefined && lo <= last[1]) last[1] = Math.max(last[1], hi);
    else set.push([lo, hi]);
  }
  return set;
}

/** Cost  O(n + m), and O(log n) when `b` is one range that touches the end of `a`: the common case. */
export function unionRanges(a: RangeSet, b: RangeSet): RangeSet {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const last = a[a.length - 1]!;
  const first = b[0]!;
  if (b.length === 1 && first[0] >= last[0]) {
    if (first[0] > last[1]) return [...a, first];
    return first[1] <= last[1] ? a : [...a.slice(0, -1), [last[0], first[1]]];
  }
  return rangeSetFromRanges([...a, ...b]);
}

/** What is in `a` and not in `b`. */
export function subtractRanges(a: RangeSet, b: RangeSet): RangeSet {
  if (a.length === 0 || b.length === 0) return a;
  const rest: Range[] = [];
  let j = 0;
  for (const [start, hi] of a) {
    let lo = start;
    while (j < b.length && b[j]![1] <= lo) j++;
    for (let k = j; k < b.length && b[k]![0] < hi; k++) {
      const [cutLo, cutHi] = b[k]!;
      if (cutLo > lo) rest.push([lo, cutLo]);
      lo = Math.max(lo, cutHi);
    }
    if (lo < hi) rest.push([lo, hi]);
  }
  return rest;
}

export function intersectRanges(a: RangeSet, b: RangeSet): RangeSet {
  const common: Range[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [aLo, aHi] = a[i]!;
    const [bLo, bHi] = b[j]!;
    const lo = Math.max(aLo, bLo);
    const hi = Math.min(aHi, bHi);
    if (lo < hi) common.push([lo, hi]);
    if (aHi < bHi) i++;
    else j++;
  }
  return common;
}

/** Whether every version of `part` is in `whole`. */
export function coversRanges(whole: RangeSet, part: RangeSet): boolean {
  return subtractRanges(part, whole).length === 0;
}

export function rangesMeet(a: RangeSet, b: RangeSet): boolean {
  return intersectRanges(a, b).length > 0;
}

export function rangeSetHas(set: RangeSet, version: number): boolean {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (set[middle]![1] < version) low = middle + 1;
    else high = middle;
  }
  const range = set[low];
  return range !== undefined && range[0] < version;
}

/** How many versions the set holds. */
export function countVersions(set: RangeSet): number {
  return set.reduce((sum, [lo, hi]) => sum + hi - lo, 0);
}

/** The smallest single range around the set; undefined for the empty set. */
export function hullOfRanges(set: RangeSet): Range | undefined {
  const first = set[0];
  const last = set[set.length - 1];
  return first === undefined || last === undefined ? undefined : [first[0], last[1]];
}

/** The holes below the highest version of the set: versions known to exist and not in it. */
export function holesOfRanges(set: RangeSet): RangeSet {
  const last = set[set.length - 1];
  return last === undefined ? emptyRangeSet : subtractRanges([[0, last[1]]], set);
}

export function rangeSetsEqual(a: RangeSet, b: RangeSet): boolean {
  return a.length === b.length && a.every(([lo, hi], i) => lo === b[i]![0] && hi === b[i]![1]);
}
