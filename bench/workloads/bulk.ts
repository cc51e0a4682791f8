/**
 * Bulk: A has N rows and joins an empty server; then an empty B joins and takes them all.
 *
 * up: from A's dial until the server has all (ours: durable and acknowledged). down: from B's dial until all rows can
 * be read there. A stays connected. The engine's floor does the same reads and merges in one process, with no wire.
 */
import { crmesh, crmeshByRows, crmeshJustStarted } from '../contenders/crmesh.ts';
import { bare } from '../contenders/bare.ts';
import type { Contender } from '../contenders/contender.ts';
import { engineFloor } from '../lib/engine-floor.ts';
import { medians, rounded } from '../lib/measure.ts';
import { figuresFor, inTurns, outcomeRows } from '../lib/rounds.ts';
import { figuresOf } from '../lib/process-figures.ts';
import { bytesOf, onStage } from '../lib/stage.ts';
import type { Cell, Table } from '../lib/table.ts';
import { absentNotes, type BenchContext, type Findings, type Workload } from './workload.ts';

export const bulk: Workload = {
  name: 'bulk',
  title: 'Bulk',
  summary: 'N rows from A through a server to an empty B',
  run,
};

const SIZES = [1_000, 10_000, 50_000];

export interface BulkFigures extends Readonly<Record<string, number>> {
  readonly upMs: number;
  readonly downMs: number;
  readonly totalMs: number;
  readonly upBytes: number;
  readonly downBytes: number;
  /** Peak of the server above what it had before A came. */
  readonly serverMB: number;
  readonly serverCpuSeconds: number;
  readonly clientsCpuSeconds: number;
}

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const size of context.sizes ?? SIZES) {
    const contenders = [crmesh, crmeshByRows, crmeshJustStarted, bare, ...context.peers];
    const outcomes = await inTurns(context, contenders, (contender) => runBulk(context, contender, size));
    const ours = figuresFor(outcomes, crmesh)!.totalMs;
    const head = { head: { rows: size }, column: 'total ms' };
    rows.push(...outcomeRows(context, outcomes, head, (it, { keeps }) => bulkCells(it, { size, keeps, ours })));
    rows.push(await floorRow(context, size, ours));
  }
  const table: Table = {
    name: 'Bulk',
    caption:
      'A (N rows, written before) dials the server, then an empty B does; total = up + down. crmesh: B takes an image ' +
      'where the relay offers one (from 50,000 changes on), rows where not; our relay is warm, as `crmesh relay` is a second ' +
      'after its start, but for the row that says so; bytes are those at the socket.',
    rows,
    chart: { group: 'rows', label: 'contender', value: 'total ms', unit: 'ms' },
  };
  return { tables: [table], notes: absentNotes(context) };
}

/** One run of one contender. */
export function runBulk(context: BenchContext, contender: Contender, size: number): Promise<BulkFigures> {
  context.note(`${size} rows up and down: ${contender.name}`);
  return onStage(context.stageOf(contender), async (stage) => {
    const server = await stage.server();
    const [a, b] = await Promise.all([stage.client(), stage.client()]);
    await a.ask({ do: 'write', from: 0, to: size });
    const cpuOfClients = (): number => figuresOf(a.pid).cpuSeconds + figuresOf(b.pid).cpuSeconds;
    const [before, cpuBefore] = [server.figures(), cpuOfClients()];
    const start = performance.now();
    const [address] = await Promise.all([a.ask<string>({ do: 'connect', address: server.url }), server.has(size)]);
    const upMs = performance.now() - start;
    const { sent } = await bytesOf(a);
    const middle = performance.now();
    await b.ask({ do: 'connect', address });
    await b.ask({ do: 'rows', rows: size });
    const downMs = performance.now() - middle;
    const { received } = await bytesOf(b);
    const after = server.figures();
    return {
      upMs,
      downMs,
      totalMs: upMs + downMs,
      upBytes: sent,
      downBytes: received,
      serverMB: after.peakRssMB - before.rssMB,
      serverCpuSeconds: after.cpuSeconds - before.cpuSeconds,
      clientsCpuSeconds: cpuOfClients() - cpuBefore,
    };
  });
}

function bulkCells(
  figures: BulkFigures,
  { size, keeps, ours }: { readonly size: number; readonly keeps: string; readonly ours: number },
): Record<string, Cell> {
  return {
    'up ms': rounded(figures.upMs),
    'down ms': rounded(figures.downMs),
    'total ms': rounded(figures.totalMs),
    'crmesh : it': rounded(ours / figures.totalMs),
    'B/row up': rounded(figures.upBytes / size),
    'B/row down': rounded(figures.downBytes / size),
    'server MB above idle': figures.serverMB,
    'server CPU s': rounded(figures.serverCpuSeconds),
    'A + B CPU s': rounded(figures.clientsCpuSeconds),
    'server keeps': keeps,
  };
}

/** Reading and merging alone: what no wire and no process could save. */
async function floorRow(context: BenchContext, size: number, ours: number): Promise<Record<string, Cell>> {
  context.note(`bulk ${size} rows: engine floor`);
  const runs = [];
  do runs.push(await engineFloor(size));
  while (runs.length < context.repeats && context.timeLeftMs() > 0);
  const { upMs, downMs } = medians(runs);
  return {
    rows: size,
    contender: 'engine floor (vtab)',
    'up ms': rounded(upMs),
    'down ms': rounded(downMs),
    'total ms': rounded(upMs + downMs),
    'crmesh : it': rounded(ours / (upMs + downMs)),
    'B/row up': '-',
    'B/row down': '-',
    'server MB above idle': '-',
    'server CPU s': '-',
    'A + B CPU s': '-',
    'server keeps': 'one process',
    runs: runs.length,
  };
}
