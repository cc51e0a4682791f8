/**
 * Who this replica is: its site id, the ids it had before, and the secret beside each.
 *
 * A copy of the file (a restored backup, a cloned disk) has the same id, and two such replicas never converge. A
 * marker kept outside the file tells (identity-marker.ts), or a peer that holds more of us than we sent; then the
 * replica takes a new id before it sends anything.
 */
import { ReplicationError } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import { SITE_ID_BYTES, siteIdBytes, siteIdFromBytes } from '../core/site-id.ts';
import type { Connection } from '../sqlite/database.ts';
import { bookRows } from './book.ts';
import { readShown, saveNote } from './notes.ts';
import { SiteRegistry } from './site-registry.ts';
import { bytesOf, clockTable, numberOf, numberOrZero } from './sql-text.ts';
import { replicatedTableNames } from './table-catalog.ts';

export const SECRET_BYTES = 32;

export interface IdentityRecord {
  readonly site: SiteId;
  readonly formerSites: readonly SiteId[];
  /** 32 random bytes a site, own and former: keys for relays are derived from them. */
  readonly secrets: ReadonlyMap<SiteId, Uint8Array>;
}

export type RandomBytes = (length: number) => Uint8Array;

/** Reads the identity; a new file gets its own row first. Inside a transaction. */
export function loadIdentity(connection: Connection, randomBytes: RandomBytes): IdentityRecord {
  const engineSite = siteIdFromBytes(bytesOf(connection.prepare('SELECT crsql_site_id()').get()?.[0]));
  connection
    .prepare('INSERT OR IGNORE INTO crmesh_self (id, site, secret, announced, flushed) VALUES (1, ?, ?, 0, 0)')
    .run([siteIdBytes(engineSite), randomBytes(SECRET_BYTES)]);
  const own = connection.prepare('SELECT site, secret FROM crmesh_self').get();
  const site = siteIdFromBytes(bytesOf(own?.[0]));
  if (site !== engineSite) {
    const message = 'the site id in this file was changed by another tool: restore the file, or sync into a new one';
    throw new ReplicationError('DATABASE_CORRUPT', message);
  }
  const former = connection.prepare('SELECT site, secret FROM crmesh_former ORDER BY n').all();
  const formerSites = former.map(([id]) => siteIdFromBytes(bytesOf(id)));
  const secrets = new Map([[site, bytesOf(own?.[1])]]);
  former.forEach(([, secret], i) => secrets.set(formerSites[i]!, bytesOf(secret)));
  return { site, formerSites, secrets };
}

/**
 * Takes a new site id; inside a transaction that survives power loss. The connection must be reopened after it.
 *
 * Shape   own rows that left and that a peer acknowledged go to the former site, which is held up to there; later ones
 *         become the new site's first writes. Cursors and acknowledgements of peers are cleared.
 * Why     The new id sorts above the old one, so it wins ties against our own lost copies. What never left may stand
 *         under the same numbers as a lost write that did; what left and was not acknowledged may have got lost on the
 *         way, and goes out again under the new id, which costs a repeat and no change.
 */
export function takeNewSite(connection: Connection, randomBytes: RandomBytes): SiteId {
  const row = connection.prepare('SELECT site, secret FROM crmesh_self').get();
  const old = siteIdFromBytes(bytesOf(row?.[0]));
  const kept = Math.min(readShown(connection), acknowledgedVersions(connection));
  const site = siteAbove(old, randomBytes);
  moveOwnRows(connection, { upTo: kept, site: siteIdBytes(site) });
  connection
    .prepare('INSERT INTO crmesh_former (site, secret) VALUES (?, ?)')
    .run([siteIdBytes(old), bytesOf(row?.[1])]);
  connection
    .prepare('UPDATE crmesh_self SET site = ?, secret = ?, announced = 0, flushed = ?')
    .run([siteIdBytes(site), randomBytes(SECRET_BYTES), kept]);
  saveNote(connection, 'shown', 0);
  if (kept > 0) {
    const ord = new SiteRegistry(connection).ordOf(old);
    connection.prepare('INSERT INTO crmesh_have (site, lo, hi) VALUES (?, 0, ?)').run([ord, kept]);
    bookRows(connection, { ord, window: [0, kept], span: [0, kept] }, 1);
  }
  connection.exec('DELETE FROM crmesh_cursor; DELETE FROM crmesh_held; DELETE FROM crmesh_own_book;');
  return site;
}

/** Own versions from the first one on that one peer called held. */
function acknowledgedVersions(connection: Connection): number {
  const sql = `SELECT max(hi) FROM crmesh_held WHERE kind = 'held' AND lo = 0`;
  return numberOrZero(connection.prepare(sql).get()?.[0]);
}

/** The engine's side: the old id gets a normal ordinal and its rows up to a version, `site` ordinal 0 and the others. */
export function moveOwnRows(
  connection: Connection,
  { upTo, site }: { readonly upTo: number; readonly site: Uint8Array },
): void {
  const ordinal = numberOf(connection.prepare('SELECT max(ordinal) + 1 FROM crsql_site_id').get()?.[0]);
  connection.prepare('UPDATE crsql_site_id SET ordinal = ? WHERE ordinal = 0').run([ordinal]);
  connection.prepare('INSERT INTO crsql_site_id (site_id, ordinal) VALUES (?, 0)').run([site]);
  for (const name of replicatedTableNames(connection)) {
    connection
      .prepare(`UPDATE ${clockTable(name)} SET site_id = ? WHERE site_id = 0 AND db_version <= ?`)
      .run([ordinal, upTo]);
  }
}

/** A random site id that sorts above another. */
function siteAbove(old: SiteId, randomBytes: RandomBytes): SiteId {
  const bytes = randomBytes(SITE_ID_BYTES).slice();
  const floor = siteIdBytes(old);
  const place = floor.findIndex((byte) => byte < 0xff);
  for (let i = 0; i < place; i++) bytes[i] = 0xff;
  const lowest = floor[Math.max(0, place)]! + 1;
  if (place >= 0) bytes[place] = lowest + (bytes[place]! % (0x100 - lowest));
  return siteIdFromBytes(bytes);
}
