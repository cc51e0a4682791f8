/** Rows of one database over the engine's virtual table into a second and from there into a third; prints the times. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '../src/sqlite/database.ts';
import { createWasmDriver } from '../src/sqlite/wasm/driver.ts';
import { carryChanges } from './lib/engine-changes.ts';
import { benchRows, ROW_SCHEMA } from './lib/rows.ts';

const count = Number(process.argv[2] ?? 1_000);
const folder = mkdtempSync(join(tmpdir(), 'crmesh-engine-'));
const driver = await createWasmDriver();
const [a, server, b] = ['a', 'server', 'b'].map((name) => {
  const connection = driver.open(join(folder, `${name}.db`));
  connection.exec(ROW_SCHEMA);
  connection.prepare("SELECT crsql_as_crr('todo')").get();
  return connection;
}) as [Connection, Connection, Connection];
fill(a);
const up = carryChanges(a, server);
const down = carryChanges(server, b);
for (const connection of [a, server, b]) connection.close();
rmSync(folder, { recursive: true });
const times = { upMs: up.readMs + up.mergeMs, downMs: down.readMs + down.mergeMs };
process.stdout.write(`${JSON.stringify(times)}\n`);

function fill(connection: Connection): void {
  const insert = connection.prepare('INSERT INTO todo VALUES (?, ?, ?, ?)');
  connection.exec('BEGIN');
  for (const { id, title, done, owner } of benchRows(0, count)) insert.run([id, title, done, owner]);
  connection.exec('COMMIT');
}
