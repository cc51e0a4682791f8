/** Starts the bundled simulator in processes of its own, shares the seeds out among them, and adds up what they say. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { bundleSimulator } from './bundle.ts';
import { sumOfCounts } from './counts.ts';
import type { SimulatorReport } from './simulator.ts';
import type { Fault } from '../mutations/fault.ts';

export interface SimulationRequest {
  readonly from: number;
  readonly schedules: number;
  readonly processes: number;
  /** Stops early after this long, but not before `least` schedules. */
  readonly seconds?: number;
  readonly least?: number;
  /** Stops after this many failures. */
  readonly failuresMax?: number;
  /** Every message and write goes to stderr, or only into the hash of the report. */
  readonly trace?: 'print' | 'hash';
  /** Re-runs that a failure may take to become short; 0 = none. */
  readonly shrink?: number;
  /** Only these actions of a schedule. */
  readonly only?: string;
  readonly fault?: Fault;
}

export async function simulate(request: SimulationRequest): Promise<SimulatorReport> {
  const bundle = await bundleSimulator(request.fault);
  try {
    const share = Math.ceil(request.schedules / request.processes);
    const starts = Array.from({ length: request.processes }, (_, i) => i * share).filter(
      (at) => at < request.schedules,
    );
    const reports = starts.map((at) => {
      const schedules = Math.min(share, request.schedules - at);
      const least = Math.ceil((request.least ?? 0) / starts.length);
      return runProcess(bundle.path, { ...request, from: request.from + at, schedules, least });
    });
    return sumOf(await Promise.all(reports));
  } finally {
    await bundle.remove();
  }
}

async function runProcess(path: string, request: SimulationRequest): Promise<SimulatorReport> {
  const { from, schedules, seconds, least, failuresMax, trace, shrink, only } = request;
  const numbers = ['--from', String(from), '--schedules', String(schedules), '--least', String(least ?? 0)];
  const limit = seconds === undefined ? [] : ['--seconds', String(seconds)];
  const flags = [
    ...(failuresMax === undefined ? [] : ['--failures', String(failuresMax)]),
    ...(trace === undefined ? [] : ['--trace', trace]),
    ...(shrink === undefined ? [] : ['--shrink', String(shrink)]),
    ...(only === undefined ? [] : ['--only', only]),
  ];
  const child = spawn(process.execPath, ['--enable-source-maps', path, ...numbers, ...limit, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = await text(child.stdout);
  const code = await ended;
  if (code !== 0) throw new Error(`the simulator ended with ${String(code)}: ${output}`);
  return JSON.parse(output) as SimulatorReport;
}

function sumOf(reports: readonly SimulatorReport[]): SimulatorReport {
  return {
    schedules: reports.reduce((sum, { schedules }) => sum + schedules, 0),
    operations: reports.reduce((sum, { operations }) => sum + operations, 0),
    failures: reports.flatMap(({ failures }) => failures),
    faults: sumOfCounts(reports.map(({ faults }) => faults)),
    shapes: sumOfCounts(reports.map(({ shapes }) => shapes)),
    traceHash: reports.map(({ traceHash }) => traceHash).join(' '),
    seconds: Math.max(...reports.map(({ seconds }) => seconds)),
  };
}
