/**
 * Acknowledged writes a second at 1, 10 and 100 writers: each sends a row and waits until the relay has it durably.
 * FULL commits (what crmesh does; writers that wait together share one) against the same relay without syncs, in one
 * run. The writers have no database, so that the relay is what is measured.
 *
 * Run  npm run bench:acks -- [seconds] [writers ...]; Linux only (reads /proc).
 */
import type { Change } from '../src/core/change.ts';
import { encodePackedKey } from '../src/core/packed-key.ts';
import { benchFile, startChild } from './lib/child.ts';
import type { LightLeaf } from './lib/light-leaf.ts';
import { lightLeaf } from './lib/light-leaf.ts';
import { pause } from './lib/pause.ts';
import { figuresOf } from './lib/process-figures.ts';

const SCHEMA = 'CREATE TABLE line (id TEXT PRIMARY KEY NOT NULL, text TEXT)';
const TEXT = 'a line of some forty characters, acked';

const [seconds = 5, ...counts] = process.argv.slice(2).map(Number);
for (const writers of counts.length === 0 ? [1, 10, 100] : counts) {
  const normal = await measure('normal', writers);
  const full = await measure('full', writers);
  console.log(JSON.stringify({ writers, full, normal, fullOfNormal: full.perSecond / normal.perSecond }));
}

interface Figures {
  readonly perSecond: number;
  readonly cpuSeconds: number;
  readonly rssMB: number;
}

async function measure(kind: 'full' | 'normal', writers: number): Promise<Figures> {
  const relay = startChild(benchFile('durable-relay'), [kind]);
  const { url } = await relay.line<{ url: string }>();
  let acknowledged = 0;
  const leaves = Array.from({ length: writers }, () => writeOnEveryAck(`${url}/acks`, () => (acknowledged += 1)));
  await pause(1_000);
  const [before, start] = [acknowledged, figuresOf(relay.pid).cpuSeconds];
  await pause(1_000 * seconds);
  const total = acknowledged - before;
  const { cpuSeconds, rssMB } = figuresOf(relay.pid);
  for (const leaf of leaves) leaf.close();
  await relay.end();
  return { perSecond: Math.round(total / seconds), cpuSeconds: cpuSeconds - start, rssMB };
}

function writeOnEveryAck(url: string, onAck: () => void): LightLeaf {
  let version = 0;
  return lightLeaf({ url, dbid: 'acks', schemaText: SCHEMA }, (message, _bytes, leaf) => {
    if (message.type === 'ack') onAck();
    if (message.type !== 'ack' && message.type !== 'welcome') return;
    version += 1;
    const pk = encodePackedKey([`${leaf.site}-${version}`]);
    const row: Change = { table: 'line', pk, cid: 'text', val: TEXT, colVersion: 1, cl: 1, seq: 0, version };
    leaf.sendPart({ site: leaf.site, span: [version - 1, version], rows: [row] }, [[version - 1, version]]);
  });
}
