/**
 * What consumers that stand still cost a relay: memory of a real relay process with N leaves that have asked for
 * everything and read nothing, while writers load it and other leaves follow.
 *
 * Run  npm run bench:stalled -- [stalled] [seconds]; Linux only (reads /proc). Neither has a database, so that the
 *      relay is what is measured; the same load without stalled ones is measured first, in a process of its own.
 */
import { randomBytes } from 'node:crypto';
import type { Change } from '../src/core/change.ts';
import { encodePackedKey } from '../src/core/packed-key.ts';
import { startRelay } from './lib/child.ts';
import { lightLeaf } from './lib/light-leaf.ts';
import type { LightLeaf } from './lib/light-leaf.ts';
import { figuresOf } from './lib/process-figures.ts';

const SCHEMA = 'CREATE TABLE line (id TEXT PRIMARY KEY NOT NULL, bytes BLOB)';
const WRITERS = 4;
/** Rows that each writer writes over again and again: the database stays as large as it is. */
const ROWS = 200;
/** Bytes of a row, which no compression makes less. */
const ROW_BYTES = 8_000;
const SETTLE_SECONDS = 1;

const [stalled = 10, seconds = 20] = process.argv.slice(2).map(Number);
const without = await measure(0);
const withStalled = await measure(stalled);
console.log(JSON.stringify({ stalled, seconds, without, withStalled }));

interface Figures {
  readonly writesPerSecond: number;
  /** Of the leaf that follows. */
  readonly readMB: number;
  readonly rssBeforeMB: number;
  readonly rssMB: number;
  readonly peakRssMB: number;
}

async function measure(stalledLeaves: number): Promise<Figures> {
  const relay = await startRelay();
  const url = `${relay.url}/stalled`;
  let acknowledged = 0;
  let readBytes = 0;
  const writers = Array.from({ length: WRITERS }, () => writeOnEveryAck(url, () => (acknowledged += 1)));
  await pause(SETTLE_SECONDS);
  const rssBeforeMB = figuresOf(relay.pid).rssMB;
  const follower = follow(url, (bytes) => (readBytes += bytes));
  const standing = Array.from({ length: stalledLeaves }, () => standStill(url));
  const before = acknowledged;
  await pause(seconds);
  const { rssMB, peakRssMB } = figuresOf(relay.pid);
  for (const leaf of [...writers, ...standing, follower]) leaf.close();
  await relay.end();
  const writesPerSecond = Math.round((acknowledged - before) / seconds);
  return { writesPerSecond, readMB: Math.round(readBytes / 2 ** 20), rssBeforeMB, rssMB, peakRssMB };
}

/** Writes the next row when the one before is acknowledged. */
function writeOnEveryAck(url: string, onAck: () => void): LightLeaf {
  let version = 0;
  return lightLeaf({ url, dbid: 'stalled', schemaText: SCHEMA }, (message, _bytes, leaf) => {
    if (message.type === 'ack') onAck();
    if (message.type !== 'ack' && message.type !== 'welcome') return;
    version += 1;
    const pk = encodePackedKey([`${leaf.site}-${version % ROWS}`]);
    const colVersion = 1 + Math.floor(version / ROWS);
    const row: Change = {
      table: 'line',
      pk,
      cid: 'bytes',
      val: new Uint8Array(randomBytes(ROW_BYTES)),
      colVersion,
      cl: 1,
      seq: 0,
      version,
    };
    leaf.sendPart({ site: leaf.site, span: [version - 1, version], rows: [row] }, [[version - 1, version]]);
  });
}

/** Takes everything, and says so: its credit never ends. */
function follow(url: string, onBytes: (bytes: number) => void): LightLeaf {
  return lightLeaf({ url, dbid: 'stalled', schemaText: SCHEMA }, (message, bytes, leaf) => {
    onBytes(bytes);
    if (message.type === 'welcome') askForEverything(leaf);
  });
}

/** Asks for everything and stops reading. */
function standStill(url: string): LightLeaf {
  return lightLeaf({ url, dbid: 'stalled', schemaText: SCHEMA }, (message, _bytes, leaf) => {
    if (message.type !== 'welcome') return;
    askForEverything(leaf);
    leaf.stopReading();
  });
}

function askForEverything(leaf: LightLeaf): void {
  leaf.send({ type: 'credit', grantedBytes: Number.MAX_SAFE_INTEGER });
  leaf.send({ type: 'pull' });
}

function pause(duration: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, duration * 1000);
  });
}
