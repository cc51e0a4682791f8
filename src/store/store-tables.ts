/**
 * The store's own tables: plain, not replicated, in the user's file, so that what a replica knows commits together
 * with the rows it knows it about.
 *
 * Sites stand in them as small numbers (crmesh_site). `have` is what is complete, `book` is where rows may lie:
 * different facts that never share an interval.
 */
import type { Connection } from '../sqlite/database.ts';
import { inTransaction } from './transaction.ts';

const TABLES = `
CREATE TABLE IF NOT EXISTS crmesh_self (
  id INTEGER PRIMARY KEY CHECK (id = 1), site BLOB NOT NULL, secret BLOB NOT NULL,
  announced INTEGER NOT NULL, -- own versions up to here may leave this replica
  flushed INTEGER NOT NULL    -- stored maximum at the last flush or merge: own rows above it are not announced yet
);
CREATE TABLE IF NOT EXISTS crmesh_former (n INTEGER PRIMARY KEY, site BLOB UNIQUE NOT NULL, secret BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS crmesh_site (ord INTEGER PRIMARY KEY, site BLOB UNIQUE NOT NULL);
-- covered (lo, hi]; holes are gaps; origin versions; the own site is not in it
CREATE TABLE IF NOT EXISTS crmesh_have (
  site INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL, PRIMARY KEY (site, lo)) WITHOUT ROWID;
-- rows of site with origin version in (lo, hi] may be found at store versions lmin..lmax
CREATE TABLE IF NOT EXISTS crmesh_book (
  site INTEGER NOT NULL, lmin INTEGER NOT NULL, lmax INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  PRIMARY KEY (site, lmin, lo, hi)) WITHOUT ROWID;
-- own rows lie at store versions in (lo, hi], and nowhere else up to the announced one
CREATE TABLE IF NOT EXISTS crmesh_own_book (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL);
-- in the peer's store versions; nonce = the peer's era; subset '' = the full link
CREATE TABLE IF NOT EXISTS crmesh_cursor (
  peer BLOB NOT NULL, subset TEXT NOT NULL, nonce TEXT NOT NULL, c INTEGER NOT NULL,
  PRIMARY KEY (peer, subset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crmesh_era (n INTEGER PRIMARY KEY, nonce TEXT UNIQUE NOT NULL, start INTEGER NOT NULL);
-- changes that this schema cannot store yet; their origin version lies in (lo, hi]; val keeps its type
CREATE TABLE IF NOT EXISTS crmesh_parked (
  id INTEGER PRIMARY KEY, site INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL, tbl TEXT NOT NULL,
  pk BLOB NOT NULL, cid TEXT NOT NULL, val, col_version INTEGER NOT NULL, cl INTEGER NOT NULL, seq INTEGER NOT NULL,
  reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS crmesh_parked_cell ON crmesh_parked (site, tbl, pk, cid);
-- claims withheld because a parked change lies in them
CREATE TABLE IF NOT EXISTS crmesh_waiting (
  site INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL, PRIMARY KEY (site, lo)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crmesh_refused (
  site INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL, PRIMARY KEY (site, lo)) WITHOUT ROWID;
-- own ranges that a peer calls held, parked or refused
CREATE TABLE IF NOT EXISTS crmesh_held (
  peer INTEGER NOT NULL, kind TEXT NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  PRIMARY KEY (peer, kind, lo)) WITHOUT ROWID;
-- single facts by name (notes.ts)
CREATE TABLE IF NOT EXISTS crmesh_note (name TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID;
`;

/** What a version of this store that knew no own book has announced: own rows may lie anywhere in it. */
const BOOK_OF_OLDER_FILES = `
INSERT INTO crmesh_own_book (lo, hi)
SELECT booked, announced FROM crmesh_self, (SELECT coalesce(max(hi), 0) AS booked FROM crmesh_own_book)
 WHERE announced > booked`;

export function createStoreTables(connection: Connection): void {
  inTransaction(connection, () => {
    connection.exec(TABLES);
    connection.exec(BOOK_OF_OLDER_FILES);
  });
}
