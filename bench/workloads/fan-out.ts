/**
 * Fan-out: one writer, 50 writes a second, S subscribers that each hear every write.
 *
 * Latency is from before the write until a subscriber has it. Ours makes each write durable twice on its way, at the
 * writer and at the relay: those two FULL commits are timed alone, in the same run.
 */
import { bare } from '../contenders/bare.ts';
import type { Contender } from '../contenders/contender.ts';
import { crmesh } from '../contenders/crmesh.ts';
import { commitTimes, type CommitTimes } from '../lib/commit-times.ts';
import { medians, rounded } from '../lib/measure.ts';
import { figuresFor, inTurns, outcomeRows } from '../lib/rounds.ts';
import { heard, onStage } from '../lib/stage.ts';
import type { Cell, Table } from '../lib/table.ts';
import { absentNotes, subscribingPeers, type BenchContext, type Findings, type Workload } from './workload.ts';

export const fanOut: Workload = {
  name: 'fan-out',
  title: 'Fan-out',
  summary: 'one writer, S subscribers: latency, CPU and bytes of a delivery (--rows = subscribers)',
  run,
};

const SIZES = [10, 100, 300];
const WRITES = 200;
/** Not counted: they find cold code in every process of every contender. */
const FIRST_WRITES = 50;
const EVERY_MS = 20;
/** How long after the last write the rest may come. */
const PATIENCE_MS = 10_000;
const FULL_COMMITS_ON_PATH = 2;

interface FanOutFigures extends Readonly<Record<string, number>> {
  readonly p50: number;
  readonly p99: number;
  readonly share: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
  readonly cpuMicroseconds: number;
  readonly serverMB: number;
}

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  const notes: string[] = [];
  for (const size of context.sizes ?? SIZES) {
    const contenders = [crmesh, bare, ...subscribingPeers(context, size)];
    const commits: CommitTimes[] = [];
    const outcomes = await inTurns(context, contenders, async (contender) => {
      if (contender === crmesh) commits.push(await commitTimes());
      return measure(context, contender, size);
    });
    rows.push(...outcomeRows(context, outcomes, { head: { subscribers: size }, column: 'p50 ms' }, fanOutCells));
    const [ours, floor] = [figuresFor(outcomes, crmesh)!, figuresFor(outcomes, bare)!];
    notes.push(verdict(size, ours, floor, medians(commits)));
  }
  const table: Table = {
    name: 'Fan-out',
    caption:
      `${WRITES} writes, one every ${EVERY_MS} ms, after ${FIRST_WRITES} that do not count; a write is a row of about 45 bytes. Subscribers stand in one process ` +
      'and have no database (automerge-repo has whole clients, so only a few); bytes are those at their sockets.',
    rows,
    chart: { group: 'subscribers', label: 'contender', value: 'p99 ms', unit: 'ms' },
  };
  return {
    tables: [table],
    notes: [...notes, ...absentNotes(context)],
  };
}

function measure(context: BenchContext, contender: Contender, size: number): Promise<FanOutFigures> {
  context.note(`fan-out to ${size}: ${contender.name}`);
  return onStage(context.stageOf(contender), async (stage) => {
    const server = await stage.server();
    const writer = await stage.client();
    await writer.ask({ do: 'write', from: 0, to: 1 });
    const address = await writer.ask<string>({ do: 'connect', address: server.url });
    await server.has(1);
    const subscribers = await stage.subscribers(address, size);
    await writer.ask({ do: 'stamps', from: 1, writes: FIRST_WRITES, everyMs: EVERY_MS });
    await heard(subscribers, FIRST_WRITES * size, PATIENCE_MS);
    const before = server.figures();
    await writer.ask({ do: 'stamps', from: 1 + FIRST_WRITES, writes: WRITES, everyMs: EVERY_MS });
    const { p50, p99, deliveries, bytes } = await heard(subscribers, WRITES * size, PATIENCE_MS);
    const after = server.figures();
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
    return {
      p50,
      p99,
      share: deliveries / (WRITES * size),
      bytes: bytes / deliveries,
      cpuSeconds,
      cpuMicroseconds: (1e6 * cpuSeconds) / deliveries,
      serverMB: after.rssMB,
    };
  });
}

function fanOutCells(figures: FanOutFigures): Record<string, Cell> {
  return {
    'p50 ms': rounded(figures.p50),
    'p99 ms': rounded(figures.p99),
    'delivered %': rounded(100 * figures.share),
    'server CPU s': rounded(figures.cpuSeconds),
    'CPU us a delivery': rounded(figures.cpuMicroseconds),
    'bytes a delivery': rounded(figures.bytes),
    'server MB': figures.serverMB,
  };
}

function verdict(size: number, ours: FanOutFigures, floor: FanOutFigures, commits: CommitTimes): string {
  const bar = 2 * floor.p99 + FULL_COMMITS_ON_PATH * commits.p99;
  return (
    `${size} subscribers: p99 ${rounded(ours.p99)} ms; twice the bare one and two FULL commits of this run ` +
    `(p50 ${rounded(commits.p50)} ms, p99 ${rounded(commits.p99)} ms each) are ${rounded(bar)} ms. ` +
    `CPU of the relay is ${rounded(ours.cpuSeconds / floor.cpuSeconds)} times the bare one's.`
  );
}
