/** All changes of one database into another over the engine's virtual table: what is measured as its floor. */
import type { Connection } from '../../src/sqlite/database.ts';

const CHANGES = '"table", pk, cid, val, col_version, db_version, site_id, cl, seq';

/** Reads all, then merges all in one durable transaction. */
export function carryChanges(from: Connection, to: Connection): { readonly readMs: number; readonly mergeMs: number } {
  const insert = to.prepare(`INSERT INTO crsql_changes (${CHANGES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const start = performance.now();
  const changes = from.prepare(`SELECT ${CHANGES} FROM crsql_changes`).all();
  const read = performance.now();
  to.setDurability('full');
  to.exec('BEGIN');
  for (const change of changes) insert.run(change);
  to.exec('COMMIT');
  return { readMs: read - start, mergeMs: performance.now() - read };
}
