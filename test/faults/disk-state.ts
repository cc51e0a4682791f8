/** Everything that a database holds, as one short text: equal texts mean equal databases, bookkeeping included. */
import { createHash } from 'node:crypto';
import type { Connection } from '../../src/sqlite/database.ts';
import { valueText } from '../simulation/trace.ts';

export function stateOf(connection: Connection): string {
  const hash = createHash('sha1');
  const sql = `SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name`;
  for (const [name, text] of connection.prepare(sql).all()) {
    hash.update(`${String(name)} ${String(text)}\n`);
    const rows = connection.prepare(`SELECT * FROM "${String(name)}"`).all();
    for (const line of rows.map((row) => row.map(valueText).join('|')).sort()) hash.update(`${line}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}
