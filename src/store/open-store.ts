/**
 * Opens a database as a store: own tables, identity, numbering, a new era; then what can be done before any link is
 * there: a new site id for a copied file, announcing what was written last, applying what waited for a migration.
 */
import type { EraNonce } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Limits } from '../core/limits.ts';
import type { Connection, Driver } from '../sqlite/database.ts';
import { raiseStoredMax } from './anchor.ts';
import { ClockTables } from './clock-tables.ts';
import { overWholeTables } from './damaged-tables.ts';
import { appendEra, lastEra, newEraNonce } from './era.ts';
import type { StoreFaults } from './faults.ts';
import { NO_FAULTS } from './faults.ts';
import type { IdentityRecord, RandomBytes } from './identity.ts';
import { loadIdentity, takeNewSite } from './identity.ts';
import type { IdentityMarker } from './identity-marker.ts';
import { signOfCopy } from './identity-marker.ts';
import { homeImage, isImage } from './image.ts';
import type { Knowledge } from './knowledge.ts';
import { loadKnowledge } from './knowledge.ts';
import { readNote, readShown, saveNote } from './notes.ts';
import { announceOwnWrites } from './own-writes.ts';
import { applyParked } from './parked.ts';
import { PeerRecords } from './peer-records.ts';
import { SchemaStore } from './schema.ts';
import { SiteRegistry } from './site-registry.ts';
import { numberOf } from './sql-text.ts';
import type { StoreContext } from './store-context.ts';
import { createStoreTables } from './store-tables.ts';
import { createFormTable } from './stored-form.ts';
import { inFullTransaction } from './transaction.ts';

export interface StoreOptions {
  readonly driver: Driver;
  /** A file, or ':memory:'. */
  readonly path: string;
  readonly randomBytes: RandomBytes;
  readonly limits: Limits;
  /** Schema text to migrate to at open. */
  readonly schema?: string;
  /** How the user's own commits are written; flushes and merges always survive power loss. */
  readonly durability?: 'normal' | 'full';
  readonly lockNote?: string;
  readonly mustExist?: boolean;
  /** Kept outside the file, it tells a copied or restored file from the original. */
  readonly marker?: IdentityMarker;
  /** The file turned out to be a copy, or an older state of itself, and has a new site id; before it sends anything. */
  readonly onNewSite?: (change: NewSite) => void;
  /** false: merge whole unknown rows cell by cell too. The result is the same; for comparisons. */
  readonly wholeRows?: boolean;
  /** For simulations only. */
  readonly faults?: StoreFaults;
}

export interface NewSite {
  readonly site: SiteId;
  readonly former: SiteId;
  readonly reason: string;
}

export interface OpenedStore {
  readonly context: StoreContext;
  readonly identity: IdentityRecord;
  readonly era: EraNonce;
  readonly records: PeerRecords;
  readonly schema: SchemaStore;
  readonly knowledge: Knowledge;
  /** Own versions up to here may have left this replica. */
  readonly shown: number;
}

export type CommitDurability = 'normal' | 'full' | 'never-full';

export function commitDurability({ durability, faults }: StoreOptions): CommitDurability {
  return faults?.['full-commit'] ? 'never-full' : (durability ?? 'normal');
}

/**
 * Errors  what the driver says of the file; DATABASE_CORRUPT when another tool changed the identity or a table.
 */
export function openDatabase(options: StoreOptions): OpenedStore {
  assertOptions(options);
  const connection = connect(options);
  return overWholeTables(() => openConnected(connection, options));
}

function openConnected(connection: Connection, options: StoreOptions): OpenedStore {
  return orClose(connection, () => {
    createStoreTables(connection);
    if (isImage(connection)) return openImage(connection, options);
    const reason = reasonForNewSite(connection, options.marker);
    if (reason === undefined) return startEra(connection, options);
    const former = loadIdentity(connection, options.randomBytes).site;
    giveNewSite(connection, options);
    const opened = reopen(options);
    options.onNewSite?.({ site: opened.identity.site, former, reason });
    return opened;
  });
}

/** What fails on the way to an open store leaves the file closed, so that it can be opened again. */
function orClose<T>(connection: Connection, work: () => T): T {
  try {
    return work();
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A file that was made for new replicas becomes one, before anything else; closes `connection`. */
function openImage(connection: Connection, options: StoreOptions): OpenedStore {
  inFullTransaction(connection, commitDurability(options), () => homeImage(connection, options.randomBytes));
  connection.close();
  return reopen(options);
}

/** Gives the file a new site id and closes `connection`: the engine must open it again. */
export function giveNewSite(connection: Connection, options: StoreOptions): void {
  if (options.path === ':memory:') {
    throw new ReplicationError('BAD_REQUEST', 'a database in memory has no copies: open a new one instead');
  }
  inFullTransaction(connection, commitDurability(options), () => takeNewSite(connection, options.randomBytes));
  connection.close();
}

/** Opens a file whose identity is known to be its own. */
export function reopen(options: StoreOptions): OpenedStore {
  const reopened = connect(options);
  return orClose(reopened, () => startEra(reopened, options));
}

/** Errors  USAGE for what a caller without types can give. */
function assertOptions({ schema, durability = 'normal' }: StoreOptions): void {
  if (schema !== undefined && typeof schema !== 'string') {
    throw new ReplicationError('USAGE', 'schema is a text: CREATE TABLE and CREATE INDEX statements');
  }
  if (durability !== 'normal' && durability !== 'full') {
    throw new ReplicationError('USAGE', "durability is 'normal' or 'full'");
  }
}

function connect(options: StoreOptions): Connection {
  const { driver, path, durability, lockNote, mustExist } = options;
  return driver.open(path, {
    durability: durability ?? 'normal',
    ...(lockNote === undefined ? {} : { lockNote }),
    ...(mustExist === undefined ? {} : { mustExist }),
  });
}

/**
 * For what a connection takes once it is open; a file that is larger already stays as it is, and grows no more.
 *
 * Why     Opening itself writes a little, and a full database must be opened all the same: to be read, and to delete.
 */
function boundInSize(connection: Connection, { limits }: StoreOptions): void {
  const pageBytes = numberOf(connection.prepare('PRAGMA page_size').get()?.[0]);
  const pagesMax = Math.max(1, Math.min(2 ** 32 - 2, Math.floor(limits.databaseBytesMax / pageBytes)));
  connection.prepare(`PRAGMA max_page_count = ${pagesMax}`).get();
}

function reasonForNewSite(connection: Connection, marker: IdentityMarker | undefined): string | undefined {
  const isNew = connection.prepare('SELECT 1 FROM crmesh_self').get() === undefined;
  if (isNew || marker === undefined) return undefined;
  const { site } = loadIdentity(connection, () => new Uint8Array());
  const marked = readNote(connection, 'marked') !== undefined;
  return signOfCopy(marker.read(), { site, nonce: lastEra(connection), announced: readShown(connection), marked });
}

/** Appends the era durably before anything is served, and loads what is known. */
function startEra(connection: Connection, options: StoreOptions): OpenedStore {
  const { limits, randomBytes, marker } = options;
  const faults = options.faults ?? NO_FAULTS;
  const durability = commitDurability(options);
  createFormTable(connection);
  const identity = inFullTransaction(connection, durability, () => loadIdentity(connection, randomBytes));
  const sites = new SiteRegistry(connection);
  keepNumbering(connection, sites);
  const clocks = new ClockTables(connection, sites);
  const previous = lastEra(connection);
  const era = faults.era === true && previous !== undefined ? previous : newEraNonce(randomBytes);
  const shown = readShown(connection);
  if (era !== previous) {
    const { site } = identity;
    marker?.write({ site, nonces: previous === undefined ? [era] : [previous, era], announced: shown });
    inFullTransaction(connection, durability, () => {
      appendEra(connection, { nonce: era, start: clocks.storedMax() }, limits.erasMax);
      saveNote(connection, 'shown', shown);
      if (marker !== undefined) saveNote(connection, 'marked', 1);
    });
    marker?.write({ site, nonces: [era], announced: shown });
  }
  const context: StoreContext = {
    connection,
    limits,
    faults,
    sites,
    clocks,
    site: identity.site,
    wholeRows: options.wholeRows ?? true,
    wholeRowTexts: new WeakMap(),
    isDropped: () => false,
  };
  const knowledge = catchUp(context, loadKnowledge(connection, identity.site, sites), durability);
  boundInSize(connection, options);
  return {
    context,
    identity,
    era,
    records: new PeerRecords(connection, sites),
    schema: new SchemaStore(connection, limits),
    knowledge,
    shown,
  };
}

/**
 * The same store over a new connection, after a schema change that failed: the engine's table infos are stale.
 *
 * Why     Not a new era: the file was closed in order, so no number can have been lost. What lies in memory only would
 *         be lost, so there the connection stays and is told that its tables are others.
 */
export function reopenTables(opened: OpenedStore, options: StoreOptions): OpenedStore {
  if (options.path === ':memory:') {
    forgetTables(opened.context.connection);
    return readTablesAgain(opened, options);
  }
  opened.context.connection.close();
  const connection = connect(options);
  return orClose(connection, () => {
    createFormTable(connection);
    const sites = new SiteRegistry(connection);
    const context = { ...opened.context, connection, sites, clocks: new ClockTables(connection, sites) };
    const schema = new SchemaStore(connection, options.limits);
    const reopened = readTablesAgain({ ...opened, context, schema }, options);
    boundInSize(connection, options);
    return reopened;
  });
}

/** More than one schema change raises the engine's own count by. */
const SCHEMA_VERSION_LEAP = 100_000;

/**
 * Makes the engine read its tables again: it does so when the schema's version is another than it saw last, and after a
 * rollback the next change would bring just that one.
 */
function forgetTables(connection: Connection): void {
  const version = numberOf(connection.prepare('PRAGMA schema_version').get()?.[0]);
  connection.exec(`PRAGMA schema_version = ${(version + SCHEMA_VERSION_LEAP) % 2 ** 31}`);
}

/** After a migration: the same store over other tables. */
export function readTablesAgain(opened: OpenedStore, options: StoreOptions): OpenedStore {
  const { connection, sites } = opened.context;
  const { storedMax } = opened.knowledge;
  if (new ClockTables(connection, sites).storedMax() < storedMax) raiseStoredMax(connection, storedMax);
  const context = { ...opened.context, clocks: new ClockTables(connection, sites) };
  return { ...opened, context, knowledge: catchUp(context, opened.knowledge, commitDurability(options)) };
}

/** A dropped table or a lost tail may have taken the highest version with it. */
function keepNumbering(connection: Connection, sites: SiteRegistry): void {
  const row = connection.prepare('SELECT max(announced, flushed) FROM crmesh_self').get();
  const least = numberOf(row?.[0]);
  if (new ClockTables(connection, sites).storedMax() < least) raiseStoredMax(connection, least);
}

/** Announces what was written since the last flush, then applies what the schema can store by now. */
function catchUp(context: StoreContext, knowledge: Knowledge, durability: CommitDurability): Knowledge {
  const { connection, clocks } = context;
  let now = knowledge;
  if (clocks.storedMax() > now.storedMax) {
    now = inFullTransaction(connection, durability, () => announceOwnWrites(context, now)).knowledge;
  }
  if (now.parkedChanges === 0) return now;
  connection.exec('PRAGMA ignore_check_constraints = 1');
  try {
    return inFullTransaction(connection, durability, () => applyParked(context, now));
  } finally {
    connection.exec('PRAGMA ignore_check_constraints = 0');
  }
}
