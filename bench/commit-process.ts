/** 200 FULL commits of one row each, at the pace of the fan-out's writer; prints their percentiles. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWasmDriver } from '../src/sqlite/wasm/driver.ts';
import { percentiles } from './lib/measure.ts';

const COMMITS = 200;
const EVERY_MS = 5;

const folder = mkdtempSync(join(tmpdir(), 'crmesh-commits-'));
const driver = await createWasmDriver();
const connection = driver.open(join(folder, 'a.db'), { durability: 'full' });
connection.exec('CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT)');
const insert = connection.prepare('INSERT INTO line (text) VALUES (?)');
const times: number[] = [];
for (let i = 0; i < COMMITS; i++) {
  const start = performance.now();
  insert.run(['a line of some forty characters, committed']);
  times.push(performance.now() - start);
  await new Promise((resolve) => {
    setTimeout(resolve, EVERY_MS);
  });
}
connection.close();
rmSync(folder, { recursive: true });
process.stdout.write(`${JSON.stringify(percentiles(times))}\n`);
