/** Whether a fault is noticed: by the test files that it names, or else by the simulation in its first seeds. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { simulate } from '../simulation/processes.ts';
import type { Fault } from './fault.ts';

/** Seeds from 1 in which the simulation must notice a fault that no test file is named for. */
export const SEEDS_MAX = 200;

export interface Verdict {
  readonly fault: string;
  readonly caught: boolean;
  /** Which test, or which judge after how many schedules. */
  readonly by: string;
}

export async function verdictOf(fault: Fault): Promise<Verdict> {
  return fault.tests === undefined ? bySimulation(fault) : byTests(fault, fault.tests);
}

async function bySimulation(fault: Fault): Promise<Verdict> {
  const { schedules, failures } = await simulate({
    from: 1,
    schedules: SEEDS_MAX,
    processes: 1,
    failuresMax: 1,
    fault,
  });
  const [first] = failures;
  const by = first === undefined ? `not noticed in ${schedules} schedules` : `${first.oracle}, schedule ${schedules}`;
  return { fault: fault.name, caught: first !== undefined, by };
}

/** A fault may make tests run for ever: that is noticed, too. */
const TESTS_MS_MAX = 240_000;

/** What vitest says as JSON, as far as it is needed. */
interface TestReport {
  readonly numTotalTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

async function byTests({ name }: Fault, files: readonly string[]): Promise<Verdict> {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/mutations/vitest.config.ts'];
  const child = spawn(process.execPath, [...vitest, '--reporter=json', ...files], {
    env: { ...process.env, CRMESH_FAULT: name },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: TESTS_MS_MAX,
  });
  const output = await text(child.stdout);
  if (child.signalCode !== null || output === '') {
    return { fault: name, caught: true, by: `${files.join(', ')} comes to no end` };
  }
  const report = JSON.parse(output.slice(output.indexOf('{'))) as TestReport;
  if (report.numTotalTests === 0) throw new Error(`no test ran for ${name} in ${files.join(', ')}`);
  const failed = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed');
  return { fault: name, caught: failed !== undefined, by: failed?.fullName ?? `no test of ${files.join(', ')}` };
}
