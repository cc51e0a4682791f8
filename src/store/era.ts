/**
 * Eras: every opening of a store starts one, so that a cursor of a future that was lost (power cut, restored backup,
 * copied machine) is told from a good one.
 */
import type { Cursor, EraNonce } from '../core/cursor.ts';
import { isEraNonce } from '../core/cursor.ts';
import { invariant } from '../core/errors.ts';
import { hexFromBytes } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { Connection } from '../sqlite/database.ts';
import { numberOf, textOf } from './sql-text.ts';
import type { Resume } from './store-port.ts';

const NONCE_BYTES = 16;

export function newEraNonce(randomBytes: (length: number) => Uint8Array): EraNonce {
  const nonce = hexFromBytes(randomBytes(NONCE_BYTES));
  invariant(isEraNonce(nonce), 'the random source gave too few bytes');
  return nonce;
}

/** Appends an era that starts at the stored maximum; inside a transaction that survives power loss. */
export function appendEra(connection: Connection, era: { nonce: EraNonce; start: number }, erasMax: number): void {
  connection.prepare('INSERT INTO crmesh_era (nonce, start) VALUES (?, ?)').run([era.nonce, era.start]);
  connection.prepare('DELETE FROM crmesh_era WHERE n <= (SELECT max(n) FROM crmesh_era) - ?').run([erasMax]);
}

export function lastEra(connection: Connection): EraNonce | undefined {
  const row = connection.prepare('SELECT nonce FROM crmesh_era ORDER BY n DESC LIMIT 1').get();
  return row === undefined ? undefined : (textOf(row[0]) as EraNonce);
}

/**
 * Where a peer that shows `cursor` resumes (session rule R2).
 *
 * Shape   base = 0 for no cursor or an unknown era; else the cursor, but not above the start of the era after it.
 *         lost = the store is behind a cursor that it once gave: an alarm. While all its eras are remembered, one
 *         that it does not know belongs to a future that it lost.
 */
export function resumeAt(
  connection: Connection,
  cursor: Cursor | undefined,
  now: { readonly nonce: EraNonce; readonly storedMax: number },
): Resume {
  const start: Cursor = { nonce: now.nonce, at: 0 as StoreVersion };
  if (cursor === undefined) return { base: start, lost: false };
  const era = connection.prepare('SELECT n FROM crmesh_era WHERE nonce = ?').get([cursor.nonce]);
  if (era === undefined) {
    const oldest = connection.prepare('SELECT min(n) FROM crmesh_era').get()?.[0];
    return { base: start, lost: oldest === 1 };
  }
  const next = connection.prepare('SELECT min(start) FROM crmesh_era WHERE n > ?').get([numberOf(era[0])])?.[0];
  const end = typeof next === 'number' ? Math.min(next, now.storedMax) : now.storedMax;
  const at = Math.min(cursor.at, end) as StoreVersion;
  return { base: { nonce: now.nonce, at }, lost: at < cursor.at };
}
