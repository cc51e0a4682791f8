/** A failing schedule becomes as short as the bound on re-runs lets it. */
import { expect, test } from 'vitest';
import { shrink } from './shrink.ts';

const ALL = Array.from({ length: 60 }, (_, i) => i);

test('only the actions that a failure needs are left', () => {
  const fails = (only: readonly number[]): boolean => [3, 17, 22].every((one) => only.includes(one));
  const { only, runs } = shrink(ALL, { runsMax: 200, fails });
  expect(only).toEqual([3, 17, 22]);
  expect(runs).toBeLessThanOrEqual(200);
});

test('a failure that needs no action at all is shrunk to none', () => {
  expect(shrink(ALL, { runsMax: 200, fails: () => true }).only).toEqual([]);
});

test('no more schedules are run again than allowed, and what is left still fails', () => {
  let runs = 0;
  const fails = (only: readonly number[]): boolean => {
    runs += 1;
    return only.includes(5) && only.includes(55);
  };
  const { only } = shrink(ALL, { runsMax: 12, fails });
  expect(runs).toBe(12);
  expect(only).toContain(5);
  expect(only).toContain(55);
});
