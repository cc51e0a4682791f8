/**
 * What idle links cost a relay: CPU and memory of a real relay process with N connected replicas and no writes.
 *
 * Run  npm run bench:idle -- [links] [seconds]; Linux only (reads /proc).
 */
import { open } from '../src/node.ts';
import { startRelay } from './lib/child.ts';
import { pause } from './lib/pause.ts';
import { figuresOf } from './lib/process-figures.ts';

const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT)';
const SETTLE_SECONDS = 5;

const [links = 100, seconds = 30] = process.argv.slice(2).map(Number);
const relay = await startRelay();
const before = figuresOf(relay.pid);
const databases = [];
for (let i = 0; i < links; i++) {
  const db = await open(':memory:', { schema: SCHEMA });
  await db.sync(`${relay.url}/idle`).synced();
  databases.push(db);
}
await pause(1_000 * SETTLE_SECONDS);
const start = figuresOf(relay.pid);
await pause(1_000 * seconds);
const end = figuresOf(relay.pid);
const cpuSeconds = end.cpuSeconds - start.cpuSeconds;
const cpuPercent = (100 * cpuSeconds) / seconds;
console.log(JSON.stringify({ links, seconds, cpuSeconds, cpuPercent, rssBeforeMB: before.rssMB, rssMB: end.rssMB }));
for (const db of databases) await db.close();
await relay.end();
