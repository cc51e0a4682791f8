/**
 * Links: very many subscribers on one server process. What they cost when nothing happens (heartbeats only), and how
 * long one write needs to reach all of them.
 */
import { bare } from '../contenders/bare.ts';
import type { Contender } from '../contenders/contender.ts';
import { crmesh } from '../contenders/crmesh.ts';
import { rounded } from '../lib/measure.ts';
import { pause } from '../lib/pause.ts';
import { inTurns, outcomeRows } from '../lib/rounds.ts';
import { heard, onStage } from '../lib/stage.ts';
import type { Cell, Table } from '../lib/table.ts';
import { absentNotes, subscribingPeers, type BenchContext, type Findings, type Workload } from './workload.ts';

export const links: Workload = {
  name: 'links',
  title: 'Many links',
  summary: '3,000 connected links on one server: CPU and memory when idle, and one write to all (--rows = links)',
  run,
};

const SIZES = [3_000];
const SETTLE_MS = 2_000;
const IDLE_MS = 5_000;
const WRITES = 5;
const EVERY_MS = 1_000;
const PATIENCE_MS = 20_000;

type LinksFigures = Readonly<
  Record<'connectMs' | 'idlePercent' | 'idleMB' | 'linkKB' | 'p50' | 'p99' | 'percent', number>
>;

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const size of context.sizes ?? SIZES) {
    const contenders = [crmesh, bare, ...subscribingPeers(context, size)];
    const outcomes = await inTurns(context, contenders, (contender) => measure(context, contender, size));
    rows.push(...outcomeRows(context, outcomes, { head: { links: size }, column: 'connect ms' }, linksCells));
  }
  const table: Table = {
    name: 'Many links',
    caption:
      `Subscribers without a database, all in one process, connected at once; ${IDLE_MS / 1_000} s of nothing; then ` +
      `${WRITES} writes, one a second, each to all of them.`,
    rows,
    chart: { group: 'links', label: 'contender', value: 'kB a link', unit: 'kB' },
  };
  return { tables: [table], notes: absentNotes(context) };
}

function linksCells(figures: LinksFigures): Record<string, Cell> {
  return {
    'connect ms': rounded(figures.connectMs),
    'idle CPU %': rounded(figures.idlePercent),
    'server MB': rounded(figures.idleMB),
    'kB a link': rounded(figures.linkKB),
    'write p50 ms': rounded(figures.p50),
    'write p99 ms': rounded(figures.p99),
    'delivered %': rounded(figures.percent),
  };
}

function measure(context: BenchContext, contender: Contender, size: number): Promise<LinksFigures> {
  context.note(`${size} links: ${contender.name}`);
  return onStage(context.stageOf(contender), async (stage) => {
    const server = await stage.server();
    const writer = await stage.client();
    await writer.ask({ do: 'write', from: 0, to: 1 });
    const address = await writer.ask<string>({ do: 'connect', address: server.url });
    await server.has(1);
    const before = server.figures();
    const start = performance.now();
    const subscribers = await stage.subscribers(address, size);
    const connectMs = performance.now() - start;
    await pause(SETTLE_MS);
    const settled = server.figures();
    await pause(IDLE_MS);
    const idle = server.figures();
    await writer.ask({ do: 'stamps', from: 1, writes: WRITES, everyMs: EVERY_MS });
    const { p50, p99, deliveries } = await heard(subscribers, WRITES * size, PATIENCE_MS);
    return {
      connectMs,
      idlePercent: (100 * (idle.cpuSeconds - settled.cpuSeconds)) / (IDLE_MS / 1_000),
      idleMB: idle.rssMB,
      linkKB: (1_000 * Math.max(0, idle.rssMB - before.rssMB)) / size,
      p50,
      p99,
      percent: (100 * deliveries) / (WRITES * size),
    };
  });
}
