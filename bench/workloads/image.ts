/**
 * Image: B's bootstrap alone. The relay has N rows; an empty B takes them as one compressed file.
 *
 * cold: the relay makes the image. warm: it has one, made for another. resumed: the connection breaks in the middle of
 * the image once, and B goes on where it was; its wait before the second try is in the time. rows: with no image.
 */
import { crmeshByImage, crmeshByRows } from '../contenders/crmesh.ts';
import type { Contender } from '../contenders/contender.ts';
import { rounded } from '../lib/measure.ts';
import { figuresOf } from '../lib/process-figures.ts';
import { figuresFor, inTurns } from '../lib/rounds.ts';
import { bytesOf, onStage, type Stage, type StagedServer } from '../lib/stage.ts';
import type { Cell, Table } from '../lib/table.ts';
import { breakingProxy } from '../lib/tcp-proxy.ts';
import type { BenchContext, Findings, Workload } from './workload.ts';

export const image: Workload = {
  name: 'image',
  title: 'First sync by image',
  summary: "an empty B takes N rows as one file: cold, warm, resumed; and by rows (B's part alone)",
  run,
};

/** The last is what the demo's cities are. */
const SIZES = [50_000, 100_000, 171_000];
const WAYS = ['cold', 'warm', 'resumed', 'rows'] as const;

type Way = (typeof WAYS)[number];
type ImageFigures = Readonly<Record<`${Way}${'Ms' | 'Bytes' | 'MB'}` | 'relayMB', number>>;

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const size of context.sizes ?? SIZES) {
    const outcomes = await inTurns(context, [crmeshByImage], () => measure(context, size));
    const figures = figuresFor(outcomes, crmeshByImage)!;
    for (const way of WAYS) {
      rows.push({
        rows: size,
        way: `crmesh, ${way}`,
        ms: rounded(figures[`${way}Ms`]),
        'rows : it': rounded(figures.rowsMs / figures[`${way}Ms`]),
        'MB to B': rounded(figures[`${way}Bytes`] / 1e6),
        'B peak MB': figures[`${way}MB`],
        'relay MB above idle': way === 'rows' ? '-' : figures.relayMB,
      });
    }
  }
  const table: Table = {
    name: 'First sync',
    caption: "From B's dial until all rows can be read at B; A's upload is not in it.",
    rows,
    chart: { group: 'rows', label: 'way', value: 'ms', unit: 'ms' },
  };
  return { tables: [table], notes: [] };
}

async function measure(context: BenchContext, size: number): Promise<ImageFigures> {
  const byImage = await onRelayWithRows(context, crmeshByImage, size, async (stage, server, address) => {
    const before = server.figures().rssMB;
    const cold = await bootstrap(stage, address, size);
    const warm = await bootstrap(stage, address, size);
    const proxy = await breakingProxy(address, cold.bytes / 2);
    const resumed = await bootstrap(stage, proxy.address, size);
    await proxy.close();
    return {
      ...named('cold', cold),
      ...named('warm', warm),
      ...named('resumed', resumed),
      relayMB: server.figures().peakRssMB - before,
    };
  });
  const byRows = await onRelayWithRows(context, crmeshByRows, size, async (stage, _server, address) =>
    named('rows', await bootstrap(stage, address, size)),
  );
  return { ...byImage, ...byRows } as ImageFigures;
}

function onRelayWithRows<T>(
  context: BenchContext,
  contender: Contender,
  size: number,
  play: (stage: Stage, server: StagedServer, address: string) => Promise<T>,
): Promise<T> {
  context.note(`image ${size} rows: ${contender.name}`);
  return onStage(context.stageOf(contender), async (stage) => {
    const server = await stage.server();
    const a = await stage.client();
    await a.ask({ do: 'write', from: 0, to: size });
    const address = await a.ask<string>({ do: 'connect', address: server.url });
    await a.end();
    return play(stage, server, address);
  });
}

interface Bootstrap {
  readonly ms: number;
  readonly bytes: number;
  readonly peakMB: number;
}

async function bootstrap(stage: Stage, address: string, size: number): Promise<Bootstrap> {
  const b = await stage.client();
  const start = performance.now();
  await b.ask({ do: 'connect', address });
  await b.ask({ do: 'rows', rows: size });
  const ms = performance.now() - start;
  const { received } = await bytesOf(b);
  const { peakRssMB } = figuresOf(b.pid);
  await b.end();
  return { ms, bytes: received, peakMB: peakRssMB };
}

function named(way: Way, { ms, bytes, peakMB }: Bootstrap): Readonly<Record<string, number>> {
  return { [`${way}Ms`]: ms, [`${way}Bytes`]: bytes, [`${way}MB`]: peakMB };
}
