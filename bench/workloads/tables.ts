/** Tables: a schema of very many tables costs nothing when idle, and little for a write into one of them. */
import { crmeshWithTables } from '../contenders/crmesh.ts';
import type { Contender } from '../contenders/contender.ts';
import { rounded } from '../lib/measure.ts';
import { pause } from '../lib/pause.ts';
import { figuresOf } from '../lib/process-figures.ts';
import { figuresFor, inTurns } from '../lib/rounds.ts';
import { heard, onStage } from '../lib/stage.ts';
import type { Cell, Table } from '../lib/table.ts';
import type { BenchContext, Findings, Workload } from './workload.ts';

export const tables: Workload = {
  name: 'tables',
  title: 'Many tables',
  summary: 'a schema of 400 tables: its opening, its idle cost, one write (--rows = tables)',
  run,
};

const SIZES = [1, 100, 400];
const SETTLE_MS = 1_000;
const IDLE_MS = 5_000;
const WRITES = 100;
const EVERY_MS = 20;
const PATIENCE_MS = 10_000;

type TablesFigures = Readonly<
  Record<'openMs' | 'connectMs' | 'relayPercent' | 'replicaPercent' | 'p50' | 'p99' | 'relayMB', number>
>;

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const size of context.sizes ?? SIZES) {
    const contender = crmeshWithTables(size);
    const outcomes = await inTurns(context, [contender], () => measure(context, contender));
    const figures = figuresFor(outcomes, contender)!;
    rows.push({
      tables: size,
      contender: 'crmesh',
      'create ms': rounded(figures.openMs),
      'first sync ms': rounded(figures.connectMs),
      'idle CPU % relay': rounded(figures.relayPercent),
      'idle CPU % replica': rounded(figures.replicaPercent),
      'write p50 ms': rounded(figures.p50),
      'write p99 ms': rounded(figures.p99),
      'relay MB': figures.relayMB,
    });
  }
  const table: Table = {
    name: 'Many tables',
    caption:
      `One replica and one subscriber at a relay; ${IDLE_MS / 1_000} s of nothing, then ${WRITES} writes into one of the ` +
      'tables. create: a new file with that schema, the process and its engine in it.',
    rows,
    chart: { group: 'tables', label: 'contender', value: 'write p50 ms', unit: 'ms' },
  };
  return { tables: [table], notes: [] };
}

function measure(context: BenchContext, contender: Contender): Promise<TablesFigures> {
  context.note(contender.name);
  return onStage(context.stageOf(contender), async (stage) => {
    const server = await stage.server();
    const opening = performance.now();
    const writer = await stage.client();
    const openMs = performance.now() - opening;
    await writer.ask({ do: 'write', from: 0, to: 1 });
    const connecting = performance.now();
    const address = await writer.ask<string>({ do: 'connect', address: server.url });
    const connectMs = performance.now() - connecting;
    const subscribers = await stage.subscribers(address, 1);
    await pause(SETTLE_MS);
    const cpu = (): [number, number] => [server.figures().cpuSeconds, figuresOf(writer.pid).cpuSeconds];
    const [relayBefore, replicaBefore] = cpu();
    await pause(IDLE_MS);
    const [relayAfter, replicaAfter] = cpu();
    await writer.ask({ do: 'stamps', from: 1, writes: WRITES, everyMs: EVERY_MS });
    const { p50, p99 } = await heard(subscribers, WRITES, PATIENCE_MS);
    const percent = 100 / (IDLE_MS / 1_000);
    return {
      openMs,
      connectMs,
      relayPercent: percent * (relayAfter - relayBefore),
      replicaPercent: percent * (replicaAfter - replicaBefore),
      p50,
      p99,
      relayMB: server.figures().rssMB,
    };
  });
}
