/**
 * Runs schedules in this process and prints what came out; bundled and started by run.ts.
 *
 * Arguments: --from SEED --schedules N [--seconds S --least N] [--failures N] [--trace print|hash].
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createComputers } from './computers.ts';
import type { ScheduleResult } from './schedule.ts';
import { runSchedule } from './schedule.ts';
import { FIRST_SCHEMA } from './schema-texts.ts';
import { MACHINES_MAX } from './world-plan.ts';

/** One line of JSON on stdout, read by run.ts. */
export interface SimulatorReport {
  readonly schedules: number;
  readonly operations: number;
  readonly failures: readonly { readonly seed: number; readonly oracle: string; readonly detail: string }[];
  readonly shapes: Readonly<Record<string, number>>;
  /** Of everything that was traced: equal for equal seeds. */
  readonly traceHash: string;
  readonly seconds: number;
}

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    schedules: { type: 'string', default: '1' },
    seconds: { type: 'string', default: 'Infinity' },
    least: { type: 'string', default: '0' },
    failures: { type: 'string', default: 'Infinity' },
    trace: { type: 'string' },
  },
});

const startedAt = performance.now();
const secondsSoFar = (): number => (performance.now() - startedAt) / 1000;
const computers = await createComputers(MACHINES_MAX + 1, FIRST_SCHEMA);
const hash = createHash('sha256');
const trace = values.trace === undefined ? {} : { trace: traced };
const results: ScheduleResult[] = [];
for (let i = 0; i < Number(values.schedules); i++) {
  if (secondsSoFar() > Number(values.seconds) && results.length >= Number(values.least)) break;
  const result = runSchedule(Number(values.from) + i, computers, trace);
  results.push(result);
  if (results.filter(({ failures }) => failures.length > 0).length >= Number(values.failures)) break;
}
const report: SimulatorReport = {
  schedules: results.length,
  operations: results.reduce((sum, { actions }) => sum + actions, 0),
  failures: results.flatMap(({ seed, failures }) =>
    failures.slice(0, values.trace === 'print' ? 10 : 1).map((one) => ({ seed, ...one })),
  ),
  traceHash: hash.digest('hex'),
  shapes: countsOf(results.map(({ shape }) => shape)),
  seconds: Math.round(secondsSoFar() * 10) / 10,
};
process.stdout.write(`${JSON.stringify(report)}\n`);

function traced(line: string): void {
  hash.update(line);
  if (values.trace === 'print') process.stderr.write(`${line}\n`);
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
