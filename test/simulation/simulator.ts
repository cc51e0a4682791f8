/**
 * Runs schedules in this process and prints what came out; bundled and started by run.ts.
 *
 * Arguments: --from SEED --schedules N [--seconds S --least N] [--failures N] [--shrink RUNS] [--only N,N] [--trace print|hash].
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createComputers } from './computers.ts';
import type { ScheduleResult } from './schedule.ts';
import { runSchedule } from './schedule.ts';
import { FIRST_SCHEMA } from './schema-texts.ts';
import { sumOfCounts } from './counts.ts';
import { shrink } from './shrink.ts';
import { MACHINES_MAX } from './world-plan.ts';

export interface ScheduleFailure {
  readonly seed: number;
  readonly oracle: string;
  readonly detail: string;
  /** The actions that are enough for it, where it was shrunk. */
  readonly only?: readonly number[];
}

/** One line of JSON on stdout, read by run.ts. */
export interface SimulatorReport {
  readonly schedules: number;
  readonly operations: number;
  readonly failures: readonly ScheduleFailure[];
  /** How often each kind of fault happened. */
  readonly faults: Readonly<Record<string, number>>;
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
    only: { type: 'string' },
    shrink: { type: 'string', default: '0' },
  },
});

const startedAt = performance.now();
const secondsSoFar = (): number => (performance.now() - startedAt) / 1000;
const computers = await createComputers(MACHINES_MAX + 1, FIRST_SCHEMA);
const hash = createHash('sha256');
const options = {
  ...(values.trace === undefined ? {} : { trace: traced }),
  ...(values.only === undefined ? {} : { only: new Set(values.only.split(',').map(Number)) }),
};
/** The first failures tell enough; the others are only counted. */
const SHRUNK_MAX = 3;
const results: ScheduleResult[] = [];
for (let i = 0; i < Number(values.schedules); i++) {
  if (secondsSoFar() > Number(values.seconds) && results.length >= Number(values.least)) break;
  const result = runSchedule(Number(values.from) + i, computers, options);
  // What promises had to say is heard by now.
  await new Promise(setImmediate);
  results.push(result);
  if (results.filter(({ failures }) => failures.length > 0).length >= Number(values.failures)) break;
}
const report: SimulatorReport = {
  schedules: results.length,
  operations: results.reduce((sum, { actions }) => sum + actions, 0),
  failures: results
    .filter(({ failures }) => failures.length > 0)
    .flatMap((result, i) => failuresOf(result, i < SHRUNK_MAX ? Number(values.shrink) : 0)),
  faults: sumOfCounts(results.map(({ faults }) => faults)),
  traceHash: hash.digest('hex'),
  shapes: sumOfCounts(results.map(({ shape }) => ({ [shape]: 1 }))),
  seconds: Math.round(secondsSoFar() * 10) / 10,
};
process.stdout.write(`${JSON.stringify(report)}\n`);

function traced(line: string): void {
  hash.update(line);
  if (values.trace === 'print') process.stderr.write(`${line}\n`);
}

function failuresOf({ seed, failures, actions }: ScheduleResult, runsMax: number): ScheduleFailure[] {
  const told = failures.slice(0, values.trace === 'print' ? 10 : 1).map((one) => ({ seed, ...one }));
  const [first] = told;
  if (first === undefined || runsMax === 0 || values.only !== undefined) return told;
  const fails = (only: readonly number[]): boolean =>
    runSchedule(seed, computers, { only: new Set(only) }).failures[0]?.oracle === first.oracle;
  const { only } = shrink(
    Array.from({ length: actions }, (_, i) => i),
    { runsMax, fails },
  );
  return told.map((one) => ({ ...one, only }));
}
