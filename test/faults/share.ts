/** The share of a suite that runs with all other tests: seeds that change from run to run, printed. */
import { expect } from 'vitest';
import type { RunOptions, Suite } from './suite.ts';
import { runSuite } from './suite.ts';

export function freshSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

/** Runs cases until the count or the seconds are reached, and prints what was done. */
export async function expectNoFailure(suite: Suite, options: RunOptions): Promise<void> {
  const { cases, counts, failures, seconds } = await runSuite(suite, { ...options, failuresMax: 1 });
  const done = Object.entries(counts).map(([name, value]) => `${value} ${name}`);
  process.stdout.write(`${suite.name}: ${cases} cases from seed ${options.from} in ${seconds} s: ${done.join(', ')}\n`);
  expect(
    failures.map(
      ({ seed, detail }) => `npm run test:faults -- --suite ${suite.name} --from ${seed} --count 1\n${detail}`,
    ),
  ).toEqual([]);
  expect(cases).toBeGreaterThan(0);
}
