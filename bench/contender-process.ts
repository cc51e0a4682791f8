/**
 * One process of a benchmark's layout: a server, a client or many subscribers of one contender.
 *
 * Arguments: contender, role, and a Setting as JSON. It is told what to do by JSON lines on stdin, one at a time, and
 * answers each with one on stdout: {value} or {error}.
 */
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type { ContenderClient, ContenderServer, Place } from './contenders/contender.ts';
import { contenderNamed } from './contenders/contenders.ts';
import { percentiles } from './lib/measure.ts';
import { pause } from './lib/pause.ts';
import type { ClientOrder, ServerOrder, Setting, SubscriberOrder } from './lib/orders.ts';
import { benchRows, rowId, stampAgeMs, stampNow } from './lib/rows.ts';
import { SocketMeter } from './lib/sockets.ts';

const [name = '', role = '', text = '{}'] = process.argv.slice(2);
const contender = contenderNamed(name);
const setting = JSON.parse(text) as Setting;
const meter = new SocketMeter();
const place: Place = { dir: setting.dir, load };

// An ordered end, so that a CPU profile is written.
process.on('SIGTERM', () => process.exit(0));
const obey = await roleOf();
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await obey(JSON.parse(line) as never).then(
    (value) => ({ value: value ?? null }),
    (error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);

async function load(module: string): Promise<unknown> {
  if (setting.packages === undefined) return import(module);
  const loader = (await import(pathToFileURL(join(setting.packages, 'load.mjs')).href)) as {
    load: (module: string) => Promise<unknown>;
  };
  return loader.load(module);
}

async function roleOf(): Promise<(order: never) => Promise<unknown>> {
  if (role === 'server') return serverRole(await contender.serve(place));
  return role === 'client' ? clientRole() : subscriberRole();
}

function serverRole(server: ContenderServer): (order: ServerOrder) => Promise<unknown> {
  return async (order) => {
    if (order.do === 'url') return server.url;
    if (server.rows !== undefined) await until(async () => (await server.rows!()) >= order.rows, { everyMs: 10 });
    return undefined;
  };
}

/** Orders of one client, which is opened by the first. */
function clientRole(): (order: ClientOrder) => Promise<unknown> {
  let client: ContenderClient;
  return async (order) => {
    switch (order.do) {
      case 'open':
        client = await contender.open(place);
        return undefined;
      case 'write':
        return client.write(benchRows(order.from, order.to));
      case 'reown':
        return client.reown(
          Array.from({ length: order.to - order.from }, (_, i) => rowId(order.from + i)),
          order.owner,
        );
      case 'stamps':
        return writeStamps(client, order);
      case 'connect':
        return client.connect(order.address);
      case 'disconnect':
        return client.disconnect();
      case 'rows':
        return until(async () => (await client.rows(order.owner)) >= order.rows);
      case 'bytes':
        return meter.bytes();
      case 'close':
        return client.close();
    }
  };
}

/** Writes a stamped row every so often; the next one waits for the one before. */
async function writeStamps(
  client: ContenderClient,
  { from, writes, everyMs }: Extract<ClientOrder, { do: 'stamps' }>,
): Promise<void> {
  const start = performance.now();
  for (let i = 0; i < writes; i++) {
    const [row] = benchRows(from + i, from + i + 1);
    await client.write([{ ...row!, title: stampNow() }]);
    await pause(Math.max(0, start + (i + 1) * everyMs - performance.now()));
  }
}

/** Latencies of every stamp at every subscriber of this process, since they were asked for last. */
function subscriberRole(): (order: SubscriberOrder) => Promise<unknown> {
  const latencies: number[] = [];
  let bytesBefore = 0;
  return async (order) => {
    if (order.do === 'subscribe') {
      const subscribed = Array.from({ length: order.count }, () =>
        contender.subscribe(order.address, (stamp) => latencies.push(stampAgeMs(stamp)), place),
      );
      await Promise.all(subscribed);
      bytesBefore = meter.bytes().received;
      return undefined;
    }
    await until(async () => latencies.length >= order.deliveries, { patienceMs: order.patienceMs });
    const heard = latencies.splice(0);
    const bytes = meter.bytes().received - bytesBefore;
    bytesBefore += bytes;
    return { ...percentiles(heard), deliveries: heard.length, bytes };
  };
}

/** Waits until it is so; gives up silently after `patienceMs`. */
async function until(isSo: () => Promise<boolean>, { everyMs = 2, patienceMs }: Patience = {}): Promise<void> {
  const start = performance.now();
  while (!(await isSo()) && performance.now() - start < (patienceMs ?? Number.POSITIVE_INFINITY)) await pause(everyMs);
}

interface Patience {
  /** A server is asked less often: that is work of the process whose work is measured. */
  readonly everyMs?: number;
  readonly patienceMs?: number | undefined;
}
