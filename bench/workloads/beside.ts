/**
 * Beside: a bulk upload next to live traffic. One writer at 50 writes a second and ten subscribers, first alone, then
 * while another client uploads N rows: to another database of the same relay, and to the same one.
 */
import type { Contender } from '../contenders/contender.ts';
import { crmesh } from '../contenders/crmesh.ts';
import { rounded } from '../lib/measure.ts';
import { pause } from '../lib/pause.ts';
import { inTurns, outcomeRows } from '../lib/rounds.ts';
import { heard, onStage } from '../lib/stage.ts';
import type { Cell, Table } from '../lib/table.ts';
import { absentNotes, subscribingPeers, type BenchContext, type Findings, type Workload } from './workload.ts';

export const beside: Workload = {
  name: 'beside',
  title: 'Bulk beside live traffic',
  summary: 'latency of live writes with and without an upload of N rows beside them',
  run,
};

const SIZES = [50_000];
const SUBSCRIBERS = 10;
const WRITES = 300;
const EVERY_MS = 20;
/** The upload begins when the live traffic has begun. */
const UPLOAD_AFTER_MS = 1_000;
const PATIENCE_MS = 30_000;
/** Rows of the live writer are others than those of the upload. */
const LIVE_FROM = 10_000_000;

const UPLOADS = ['none', 'other database', 'same database'] as const;

type Upload = (typeof UPLOADS)[number];
type BesideFigures = Readonly<Record<'p50' | 'p99' | 'max' | 'percent' | 'uploadMs', number>>;

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const size of context.sizes ?? SIZES) {
    for (const upload of UPLOADS) {
      // Only our servers have several databases at addresses of one form.
      const contenders = [crmesh, ...(upload === 'other database' ? [] : subscribingPeers(context, SUBSCRIBERS))];
      const outcomes = await inTurns(context, contenders, (contender) => measure(context, contender, { size, upload }));
      const head = { upload: upload === 'none' ? upload : `${size} rows, ${upload}` };
      rows.push(...outcomeRows(context, outcomes, { head, column: 'p50 ms' }, besideCells));
    }
  }
  const table: Table = {
    name: 'Live latency beside an upload',
    caption: `${SUBSCRIBERS} subscribers, ${WRITES} writes, one every ${EVERY_MS} ms; the upload begins after a second.`,
    rows,
    chart: { group: 'upload', label: 'contender', value: 'p99 ms', unit: 'ms' },
  };
  return { tables: [table], notes: absentNotes(context) };
}

function besideCells(figures: BesideFigures): Record<string, Cell> {
  return {
    'p50 ms': rounded(figures.p50),
    'p99 ms': rounded(figures.p99),
    'longest ms': rounded(figures.max),
    'delivered %': rounded(figures.percent),
    'upload ms': figures.uploadMs === 0 ? '-' : rounded(figures.uploadMs),
  };
}

function measure(
  context: BenchContext,
  contender: Contender,
  { size, upload }: { readonly size: number; readonly upload: Upload },
): Promise<BesideFigures> {
  context.note(`live writes beside an upload (${upload}): ${contender.name}`);
  return onStage(context.stageOf(contender), async (stage) => {
    const server = await stage.server();
    const [writer, uploader] = await Promise.all([stage.client(), stage.client()]);
    await writer.ask({ do: 'write', from: LIVE_FROM, to: LIVE_FROM + 1 });
    if (upload !== 'none') await uploader.ask({ do: 'write', from: 0, to: size });
    const address = await writer.ask<string>({ do: 'connect', address: server.url });
    await server.has(1);
    const subscribers = await stage.subscribers(address, SUBSCRIBERS);
    const uploading = async (): Promise<number> => {
      if (upload === 'none') return 0;
      await pause(UPLOAD_AFTER_MS);
      const start = performance.now();
      const target = upload === 'other database' ? address.replace(/[^/]+$/, 'other') : address;
      await uploader.ask({ do: 'connect', address: target });
      if (upload === 'same database') await server.has(size);
      return performance.now() - start;
    };
    const order = { do: 'stamps', from: LIVE_FROM + 1, writes: WRITES, everyMs: EVERY_MS };
    const [uploadMs] = await Promise.all([uploading(), writer.ask(order)]);
    const { p50, p99, max, deliveries } = await heard(subscribers, WRITES * SUBSCRIBERS, PATIENCE_MS);
    return { p50, p99, max, percent: (100 * deliveries) / (WRITES * SUBSCRIBERS), uploadMs };
  });
}
