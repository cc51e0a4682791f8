/**
 * Images: a copy of a store's file for replicas that start with nothing (session rule R15).
 *
 * stripImage() takes out of a copy what is one replica's own: its identity and secrets, cursors, acknowledgements,
 * refusals, eras, rows of `-- local` tables, and what deleted pages keep. What is left is what every replica of the
 * database may know, and one cursor into the store that was copied. Such a file has the site id NO_SITE; opened as a
 * store it takes a fresh one (homeImage) before anything else is done with it.
 */
import type { Cursor } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import { SITE_ID_BYTES, siteIdBytes } from '../core/site-id.ts';
import type { Connection } from '../sqlite/database.ts';
import { bookRows } from './book.ts';
import type { RandomBytes } from './identity.ts';
import { moveOwnRows, SECRET_BYTES } from './identity.ts';
import { SiteRegistry } from './site-registry.ts';
import { bytesOf, numberOf, quoted, textOf } from './sql-text.ts';
import { replicatedTableNames } from './table-catalog.ts';
import { inTransaction } from './transaction.ts';

/** What an image says of the store that it was made of. */
export interface ImageSource {
  readonly site: SiteId;
  /** The source's era and stored maximum when the copy was made. */
  readonly cursor: Cursor;
  readonly announced: number;
}

/** The pages of a copy are mostly passed once, in order; a cache for them is held twice while it is compacted. */
const COPY_CACHE_KILOBYTES = 1_000;
const NO_SITE = new Uint8Array(SITE_ID_BYTES);

/** Our own tables whose rows every replica may have; whatever else is not replicated is emptied. */
const SHARED_TABLES: ReadonlySet<string> = new Set([
  'crmesh_site',
  'crmesh_have',
  'crmesh_book',
  'crmesh_parked',
  'crmesh_waiting',
  'crmesh_schema',
  'crsql_master',
  'crsql_site_id',
]);

/**
 * Makes an image of a copy, which nobody else uses and which is worthless if this fails.
 *
 * Cost    reads and writes the whole file twice (VACUUM), beside the rows of the source's own site. What is being
 *         compacted stands in a temporary file: in memory it would be as much as the database is large.
 * Errors  those of the disk.
 */
export function stripImage(connection: Connection, source: ImageSource): void {
  connection.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -${COPY_CACHE_KILOBYTES}`);
  inTransaction(connection, () => {
    giveUpIdentity(connection, source);
    for (const name of privateTables(connection)) connection.exec(`DELETE FROM ${quoted(name)}`);
    connection
      .prepare("INSERT INTO crmesh_cursor (peer, subset, nonce, c) VALUES (?, '', ?, ?)")
      .run([siteIdBytes(source.site), source.cursor.nonce, source.cursor.at]);
  });
  connection.exec('PRAGMA temp_store = FILE; VACUUM');
}

/** The source's own rows become those of any other site, held as far as they were announced. */
function giveUpIdentity(connection: Connection, { site, announced }: ImageSource): void {
  moveOwnRows(connection, { upTo: announced, site: NO_SITE });
  if (announced === 0) return;
  const ord = new SiteRegistry(connection).ordOf(site);
  connection.prepare('INSERT INTO crmesh_have (site, lo, hi) VALUES (?, 0, ?)').run([ord, announced]);
  bookRows(connection, { ord, window: [0, announced], span: [0, announced] }, 1);
}

function privateTables(connection: Connection): string[] {
  const replicated = new Set(replicatedTableNames(connection));
  const isEngines = (name: string): boolean =>
    ['__crsql_clock', '__crsql_pks'].some(
      (ending) => name.endsWith(ending) && replicated.has(name.slice(0, -ending.length)),
    );
  return tableNames(connection).filter((name) => !SHARED_TABLES.has(name) && !replicated.has(name) && !isEngines(name));
}

function tableNames(connection: Connection): string[] {
  return connection
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    .all()
    .map(([name]) => textOf(name));
}

/** Whether all tables but our own and the engine's are empty. */
export function holdsNoRows(connection: Connection): boolean {
  return tableNames(connection)
    .filter((name) => !/^cr(?:mesh|sql)_/.test(name))
    .every((name) => connection.prepare(`SELECT 1 FROM ${quoted(name)} LIMIT 1`).get() === undefined);
}

/** Whether the file is an image that no replica was made of yet. */
export function isImage(connection: Connection): boolean {
  const [site] = connection.prepare('SELECT crsql_site_id()').get() ?? [];
  return bytesOf(site).every((byte) => byte === 0);
}

/**
 * Gives an image a fresh site id; inside a transaction that survives power loss. The connection is reopened after it.
 *
 * Errors  DATABASE_CORRUPT when it does not say which store it was made of.
 */
export function homeImage(connection: Connection, randomBytes: RandomBytes): void {
  const site = randomBytes(SITE_ID_BYTES);
  connection.prepare('UPDATE crsql_site_id SET site_id = ? WHERE ordinal = 0').run([site]);
  connection
    .prepare('INSERT OR REPLACE INTO crmesh_self (id, site, secret, announced, flushed) VALUES (1, ?, ?, 0, ?)')
    .run([site, randomBytes(SECRET_BYTES), sourceVersion(connection)]);
}

function sourceVersion(connection: Connection): number {
  const cursors = connection.prepare('SELECT c FROM crmesh_cursor').all();
  if (cursors.length === 1) return numberOf(cursors[0]![0]);
  throw new ReplicationError('DATABASE_CORRUPT', 'an image that does not say what it was made of: take another');
}
