/**
 * Reconnect: A and B hold N rows; B goes away, A changes a column of 100 rows, B comes back.
 *
 * From B's dial until it has the 100. The round trips are counted by making each of them long: the same once more over
 * a wire that delays everything, and how many delays that took.
 */
import { bare } from '../contenders/bare.ts';
import type { Contender } from '../contenders/contender.ts';
import { crmesh } from '../contenders/crmesh.ts';
import type { Child } from '../lib/child.ts';
import { rounded } from '../lib/measure.ts';
import { pause } from '../lib/pause.ts';
import { figuresFor, inTurns, outcomeRows } from '../lib/rounds.ts';
import { bytesOf, onStage } from '../lib/stage.ts';
import type { Cell, Table } from '../lib/table.ts';
import { delayingProxy } from '../lib/tcp-proxy.ts';
import { absentNotes, type BenchContext, type Findings, type Workload } from './workload.ts';

export const reconnect: Workload = {
  name: 'reconnect',
  title: 'Reconnect',
  summary: '100 changes missed by a replica that holds N rows: time, bytes, round trips',
  run,
};

const SIZES = [10_000];
const MISSED = 100;
const DELAY_MS = 250;
/** For servers that do not say when they have something. */
const SETTLE_MS = 1_000;

type ReconnectFigures = Readonly<Record<'ms' | 'received' | 'sent' | 'roundTrips', number>>;

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const size of context.sizes ?? SIZES) {
    const contenders = [crmesh, bare, ...context.peers];
    const outcomes = await inTurns(context, contenders, (contender) => measure(context, contender, size));
    const ours = figuresFor(outcomes, crmesh)!;
    const head = { head: { rows: size }, column: 'ms' };
    rows.push(...outcomeRows(context, outcomes, head, (it) => reconnectCells(it, ours)));
  }
  const table: Table = {
    name: 'Reconnect',
    caption:
      `N rows held by both, one column of ${MISSED} rows changed meanwhile. Round trips include the one of the WebSocket ` +
      'upgrade. bare ws sends all that was ever sent: it keeps no position.',
    rows,
    chart: { group: 'rows', label: 'contender', value: 'ms', unit: 'ms' },
  };
  return { tables: [table], notes: absentNotes(context) };
}

function reconnectCells(figures: ReconnectFigures, ours: ReconnectFigures): Record<string, Cell> {
  return {
    ms: rounded(figures.ms),
    'crmesh : it': rounded(ours.ms / figures.ms),
    'kB down': rounded(figures.received / 1e3),
    'kB up': rounded(figures.sent / 1e3),
    'round trips': rounded(figures.roundTrips),
  };
}

function measure(context: BenchContext, contender: Contender, size: number): Promise<ReconnectFigures> {
  context.note(`reconnect with ${size} rows: ${contender.name}`);
  return onStage(context.stageOf(contender), async (stage) => {
    const server = await stage.server();
    const [a, b] = await Promise.all([stage.client(), stage.client()]);
    await a.ask({ do: 'write', from: 0, to: size });
    const [address] = await Promise.all([a.ask<string>({ do: 'connect', address: server.url }), server.has(size)]);
    await b.ask({ do: 'connect', address });
    await b.ask({ do: 'rows', rows: size });
    await miss(a, b, size, 'near');
    const before = await bytesOf(b);
    const ms = await comeBack(b, address, size, 'near');
    const after = await bytesOf(b);
    await miss(a, b, size, 'far');
    const proxy = await delayingProxy(address, DELAY_MS);
    const farMs = await comeBack(b, proxy.address, size, 'far');
    await proxy.close();
    return {
      ms,
      received: after.received - before.received,
      sent: after.sent - before.sent,
      roundTrips: Math.max(0, Math.round((farMs - ms) / (2 * DELAY_MS))),
    };
  });
}

async function miss(a: Child, b: Child, size: number, owner: string): Promise<void> {
  await pause(SETTLE_MS);
  await b.ask({ do: 'disconnect' });
  await a.ask({ do: 'reown', from: 0, to: Math.min(MISSED, size), owner });
  await pause(SETTLE_MS);
}

async function comeBack(b: Child, address: string, size: number, owner: string): Promise<number> {
  const start = performance.now();
  await b.ask({ do: 'connect', address });
  await b.ask({ do: 'rows', rows: Math.min(MISSED, size), owner });
  return performance.now() - start;
}
