/**
 * The mutation check: every deliberate fault must be noticed.
 *
 *   npm run test:mutations                        all of them
 *   npm run test:mutations -- --only NAME,NAME    these
 *   npm run test:mutations -- --list              the faults, with what must notice them
 *
 * --json prints one JSON object. Exits 1 when a fault was not noticed, 2 on bad usage.
 */
import { parseArgs } from 'node:util';
import type { Fault } from './fault.ts';
import { faultOfName, FAULTS } from './faults.ts';
import type { Verdict } from './verdict.ts';
import { verdictOf } from './verdict.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const names = values.only?.split(',') ?? FAULTS.map(({ name }) => name);
  const unknown = names.find((name) => faultOfName(name) === undefined);
  if (unknown !== undefined) {
    process.stderr.write(`no fault is called ${unknown}: --list names them\n`);
    return 2;
  }
  const faults = names.map((name) => faultOfName(name)!);
  return values.list ? list(faults) : check(faults);
}

function list(faults: readonly Fault[]): number {
  const rows = faults.map(({ name, promise, rule, tests }) => ({
    name,
    promise,
    rule,
    tests: tests ?? ['simulation'],
  }));
  if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else
    for (const { name, rule, tests } of rows)
      process.stdout.write(`${name.padEnd(26)} ${rule} [${tests.join(', ')}]\n`);
  return 0;
}

async function check(faults: readonly Fault[]): Promise<number> {
  const startedAt = performance.now();
  const verdicts: Verdict[] = [];
  for (const fault of faults) {
    const verdict = await verdictOf(fault);
    verdicts.push(verdict);
    if (!values.json)
      process.stdout.write(`${verdict.caught ? 'noticed' : 'MISSED '} ${fault.name.padEnd(26)} ${verdict.by}\n`);
  }
  const missed = verdicts.filter(({ caught }) => !caught).map(({ fault }) => fault);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  if (values.json) process.stdout.write(`${JSON.stringify({ faults: faults.length, missed, seconds, verdicts })}\n`);
  else process.stdout.write(`${faults.length} faults, ${missed.length} missed, ${seconds} s\n`);
  return missed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
