/**
 * Fan-out: one writer at 50 writes a second, S subscribers, our relay against a bare broadcast of the same bytes.
 *
 * Run  npm run bench:fan-out -- [subscribers ...]; Linux only (reads /proc).
 */
import { WebSocket } from 'ws';
import { open } from '../src/node.ts';
import type { Child } from './lib/child.ts';
import { benchFile, startChild, startRelay } from './lib/child.ts';
import { figuresOf } from './lib/process-figures.ts';

const WRITES = 500;
const EVERY_MS = 20;
const SCHEMA = 'CREATE TABLE line (id TEXT PRIMARY KEY NOT NULL, stamp TEXT, text TEXT)';
const TEXT = 'a line of some forty characters to be sent';

interface Result {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly deliveries: number;
  readonly bytesPerSubscriber: number;
}

const counts = process.argv.slice(2).map(Number);
for (const subscribers of counts.length === 0 ? [10, 100, 300] : counts) {
  const bare = await measure('bare', subscribers);
  const ours = await measure('crmesh', subscribers);
  console.log(
    JSON.stringify({
      subscribers,
      bare,
      ours,
      p99Ratio: ours.p99 / bare.p99,
      cpuRatio: ours.cpuSeconds / bare.cpuSeconds,
    }),
  );
}

async function measure(
  kind: 'bare' | 'crmesh',
  subscribers: number,
): Promise<Result & { readonly cpuSeconds: number; readonly microsecondsPerDelivery: number; readonly rssMB: number }> {
  const server = kind === 'bare' ? await startBare() : await startRelay();
  const url = kind === 'bare' ? server.url : `${server.url}/fan`;
  const writer = kind === 'bare' ? await bareWriter(url) : await replicaWriter(url);
  const children = startChild(benchFile('subscribers'), [url, String(subscribers), String(WRITES), kind]);
  await children.line();
  const before = figuresOf(server.pid).cpuSeconds;
  for (let i = 0; i < WRITES; i++) {
    await writer.write(String(process.hrtime.bigint()).padEnd(24));
    await new Promise((resolve) => {
      setTimeout(resolve, EVERY_MS);
    });
  }
  const result = await children.line<Result>();
  const { cpuSeconds, rssMB } = figuresOf(server.pid);
  const used = cpuSeconds - before;
  await writer.end();
  await server.end();
  return { ...result, cpuSeconds: used, microsecondsPerDelivery: (1e6 * used) / result.deliveries, rssMB };
}

interface Writer {
  write(stamp: string): Promise<unknown>;
  end(): Promise<unknown>;
}

async function startBare(): Promise<Child & { readonly url: string }> {
  const child = startChild(benchFile('bare-broadcast'), []);
  return { ...child, ...(await child.line<{ url: string }>()) };
}

async function bareWriter(url: string): Promise<Writer> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve) => socket.on('open', resolve));
  return {
    write: async (stamp) => socket.send(Buffer.from(stamp + TEXT)),
    end: async () => socket.close(),
  };
}

async function replicaWriter(url: string): Promise<Writer> {
  const db = await open(':memory:', { schema: SCHEMA });
  await db.sync(url).synced();
  let id = 0;
  return {
    write: (stamp) => db.exec('INSERT INTO line VALUES (?, ?, ?)', [String((id += 1)), stamp, TEXT]),
    end: () => db.close(),
  };
}
