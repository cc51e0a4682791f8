/**
 * S subscribers in one process: they speak the session protocol (or bare frames) without a database, and report how
 * long after its writing each change arrived. Arguments: url, count, changes, 'crmesh' or 'bare'.
 *
 * The writer puts the monotonic clock of the machine into the row, so that latency is measured across processes.
 */
import { WebSocket } from 'ws';
import { lightLeaf } from './lib/light-leaf.ts';

const [url = '', countText = '1', changesText = '1', kind = 'crmesh'] = process.argv.slice(2);
const [count, changes] = [Number(countText), Number(changesText)];
const latencies: number[] = [];
let bytes = 0;
let ready = 0;
let finished = 0;

for (let i = 0; i < count; i++) {
  if (kind === 'bare') subscribeBare();
  else subscribe();
}

function subscribe(): void {
  const take = counter();
  let isReady = false;
  lightLeaf({ url, dbid: 'fan' }, (message, size, leaf) => {
    if (ready === count) bytes += size;
    if (message.type === 'welcome') leaf.send({ type: 'pull' });
    if (message.type === 'beat' && message.live && !isReady) {
      isReady = true;
      noteReady();
    }
    if (message.type !== 'window') return;
    for (const { body } of message.parts) for (const { cid, val } of body.rows) if (cid === 'stamp') take(String(val));
  });
}

function subscribeBare(): void {
  const take = counter();
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('open', noteReady);
  socket.on('message', (data: Buffer) => {
    bytes += data.length;
    take(data.subarray(0, 24).toString().trim());
  });
}

/** Counts the changes of one subscriber, with their latencies. */
function counter(): (stamp: string) => void {
  let seen = 0;
  return (stamp) => {
    latencies.push(Number(process.hrtime.bigint() - BigInt(stamp.trim())) / 1e6);
    seen += 1;
    if (seen === changes) finish();
  };
}

function noteReady(): void {
  ready += 1;
  if (ready === count) process.stdout.write(`${JSON.stringify({ ready })}\n`);
}

function finish(): void {
  finished += 1;
  if (finished < count) return;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0;
  const deliveries = latencies.length;
  const result = { p50: at(0.5), p99: at(0.99), max: at(1), deliveries, bytesPerSubscriber: Math.round(bytes / count) };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}
