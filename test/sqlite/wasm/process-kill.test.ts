/** A process that is killed in the middle of writing loses no commit that it had finished, and breaks no file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWasmDriver } from '../../../src/sqlite/wasm/driver.ts';

const KILLS = 4;
const WRITER = `
import { createWasmDriver } from './src/sqlite/wasm/driver.ts';
const db = (await createWasmDriver()).open(process.argv[2]);
db.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY NOT NULL, v); SELECT crsql_as_crr('t')");
let [id] = db.prepare('SELECT ifnull(max(id), 0) FROM t').get();
for (;;) {
  id += 1;
  db.prepare('INSERT INTO t VALUES (?, ?)').run([id, 'x'.repeat(500)]);
  process.stdout.write(id + '\\n');
  if (id % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
}`;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'crmesh-kill-'));
/** Inside the checkout, so that the program finds the engine's package. */
const cache = join(root, 'node_modules', '.cache', 'crmesh');
const program = join(cache, `writer-${process.pid}.mjs`);

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  buildSync({
    stdin: { contents: WRITER, resolveDir: root },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['@vlcn.io/*'],
    outfile: program,
  });
});
afterAll(() => {
  rmSync(program, { force: true });
  rmSync(folder, { recursive: true, force: true });
});

/** Lets a process write for a while, kills it, and answers the last row that it called committed. */
async function lastCommittedBeforeKill(path: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  let last = 0;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (++seen === lines) child.kill('SIGKILL');
  }
  await gone;
  return last;
}

describe('a killed process', () => {
  test('leaves a file that opens at once with every committed row', async () => {
    const path = join(folder, 'a.db');
    const driver = await createWasmDriver();
    for (let kill = 1; kill <= KILLS; kill++) {
      const last = await lastCommittedBeforeKill(path, 50 * kill + 7);
      const db = driver.open(path);
      expect(db.prepare('PRAGMA integrity_check').get()).toEqual(['ok']);
      const [rows, highest, changes] = db
        .prepare('SELECT count(*), max(id), (SELECT count(*) FROM crsql_changes) FROM t')
        .get() as [number, number, number];
      expect(highest).toBeGreaterThanOrEqual(last);
      expect([rows, changes]).toEqual([highest, highest]);
      db.close();
    }
  });
});
