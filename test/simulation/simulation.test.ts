/** Schedules of whole replicas, as many as fit into the time; and proof that they would notice a broken rule. */
import { describe, expect, test } from 'vitest';
import type { SimulationRequest } from './processes.ts';
import { simulate } from './processes.ts';
import { freshSeed } from '../faults/share.ts';
import { replayOf } from './replay.ts';
import { faultOfName } from '../mutations/faults.ts';

const SECOND = 1_000;
/** Other seeds in each run, printed: CRMESH_SEED names those of a run that failed. */
const FROM = Number(process.env['CRMESH_SEED'] ?? freshSeed());
/** Each is noticed within a handful of schedules. */
const QUICK_FAULTS = [
  'no-tie-break',
  'transaction-torn',
  'value-type-lost',
  'live-claims-lost',
  'echo-to-author',
  'fold-narrow',
];

describe('schedules', () => {
  test(
    'whole replicas converge, keep what they promised and go quiet, whatever happens on the way',
    async () => {
      const request: SimulationRequest = {
        from: FROM,
        schedules: 2_000,
        seconds: 150,
        least: 500,
        processes: 2,
        shrink: 60,
      };
      const { schedules, operations, failures, seconds } = await simulate(request);
      const seeds = `seeds ${FROM} to ${FROM + request.schedules - 1}, two processes, each from its half's start`;
      process.stdout.write(`simulation: ${schedules} schedules, ${operations} operations, ${seconds} s; ${seeds}\n`);
      const again = failures.map((one) => `${one.oracle}: ${one.detail}\n  again: ${replayOf(one)}`);
      expect(again).toEqual([]);
      expect(schedules).toBeGreaterThanOrEqual(500);
    },
    900 * SECOND,
  );

  test(
    'a schedule is decided by its seed alone',
    async () => {
      const request: SimulationRequest = { from: 7, schedules: 3, processes: 1, trace: 'hash' };
      const [first, second] = [await simulate(request), await simulate(request)];
      expect(first.traceHash).toBe(second.traceHash);
    },
    120 * SECOND,
  );
});

describe('faults', () => {
  test.each(QUICK_FAULTS)(
    '%s is noticed',
    async (name) => {
      const fault = faultOfName(name)!;
      const { failures } = await simulate({ from: 1, schedules: 60, processes: 1, failuresMax: 1, fault });
      expect(failures.length).toBeGreaterThan(0);
    },
    120 * SECOND,
  );
});
