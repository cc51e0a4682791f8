/**
 * The simulation's own runner.
 *
 *   npm run test:simulation -- --schedules N --from SEED    N schedules from a seed (a random one if none is given)
 *   npm run test:simulation -- --seed S [--only N,N] [--trace]   one schedule, or these of its actions, with every message
 *   npm run test:simulation -- --break NAME                 with a fault; `all` measures each of them
 *   npm run test:simulation -- --list                       the faults
 *
 * --json prints one JSON object; --processes shares the schedules out. Exits 1 when any schedule failed, 2 on bad usage.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { SimulationRequest } from './processes.ts';
import { simulate } from './processes.ts';
import { replayOf } from './replay.ts';
import type { SimulatorReport } from './simulator.ts';
import type { Fault } from '../mutations/fault.ts';
import { faultOfName, FAULTS } from '../mutations/faults.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '500' },
    from: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    shrink: { type: 'string', default: '60' },
    break: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
    seconds: { type: 'string' },
    list: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  if (values.list) return list();
  if (values.break === 'all') return measureAll();
  const fault = faultOfName(values.break);
  if (values.break !== undefined && fault === undefined) {
    process.stderr.write(`no fault is called ${values.break}: --list names them\n`);
    return 2;
  }
  const request = requestOf(fault);
  const report = await simulate(request);
  show(report, request);
  return report.failures.length === 0 ? 0 : 1;
}

function requestOf(fault: Fault | undefined): SimulationRequest {
  const single = values.seed !== undefined;
  const from = Number(values.seed ?? values.from ?? Math.floor(Math.random() * 2 ** 31));
  return {
    from,
    schedules: single ? 1 : Number(values.schedules),
    processes: single ? 1 : Number(values.processes),
    ...(single && values.trace ? { trace: 'print' as const } : {}),
    ...(values.seconds === undefined ? {} : { seconds: Number(values.seconds) }),
    ...(values.only === undefined ? {} : { only: values.only }),
    shrink: values.trace ? 0 : Number(values.shrink),
    ...(fault === undefined ? {} : { fault }),
  };
}

function show(
  { schedules, operations, failures, faults, shapes, seconds }: SimulatorReport,
  { from, fault }: SimulationRequest,
): void {
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ schedules, operations, failures, seconds, from, faults, shapes })}\n`);
    return;
  }
  const broken = fault === undefined ? '' : ` with the fault ${fault.name}`;
  const rate = Math.round((10 * schedules) / Math.max(seconds, 0.1)) / 10;
  process.stdout.write(
    `${schedules} schedules from seed ${from}${broken}: ${operations} operations, ${failures.length} failed, ${seconds} s (${rate}/s)\n`,
  );
  const happened = Object.entries(faults).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(`  ${happened.join(', ')}\n`);
  for (const failure of failures.slice(0, 20)) {
    process.stdout.write(`\n${failure.oracle}: ${failure.detail}\n  again: ${replayOf(failure, fault)}\n`);
  }
}

function list(): number {
  const rows = FAULTS.map(({ name, rule, file }) => ({ name, rule, file }));
  if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else for (const { name, rule } of rows) process.stdout.write(`${name.padEnd(28)} ${rule}\n`);
  return 0;
}

/** Enough to know how often a fault is noticed. */
const MEASURED_FAILURES = 10;

/** In how many of the schedules each fault is noticed, as a table. */
async function measureAll(): Promise<number> {
  const results: { name: string; caught: number; schedules: number; oracles: Record<string, number> }[] = [];
  for (const fault of FAULTS.filter(({ tests }) => tests === undefined)) {
    const request = {
      ...requestOf(fault),
      from: Number(values.from ?? 1),
      failuresMax: MEASURED_FAILURES,
      processes: 1,
      shrink: 0,
    };
    const { schedules, failures } = await simulate(request);
    const oracles: Record<string, number> = {};
    for (const { oracle } of failures) oracles[oracle] = (oracles[oracle] ?? 0) + 1;
    results.push({ name: fault.name, caught: failures.length, schedules, oracles });
    const judges = Object.entries(oracles).map(([oracle, count]) => `${oracle} ${count}`);
    if (!values.json)
      process.stdout.write(
        `| ${fault.name} | ${fault.rule} | ${failures.length} of ${schedules} | ${judges.join(', ')} |\n`,
      );
  }
  if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
  return 0;
}

process.exitCode = await main();
