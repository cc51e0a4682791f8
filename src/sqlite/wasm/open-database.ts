/** Opening one database in an engine, with the settings that every database of crmesh has. */
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import type { Pointer } from './engine-module.ts';
import type { Engine } from './engine.ts';
import type { JournalMode } from './file-system.ts';
import { OK } from '../result-code.ts';

const OPEN_READWRITE = 0x2;
const OPEN_CREATE = 0x4;
/** The write-ahead log is cut back to this after a checkpoint. */
const JOURNAL_BYTES_MAX = 16 << 20;
/** A checkpoint follows so many pages of log: each syncs twice, and writes a page once that a bulk merge writes often. */
const CHECKPOINT_PAGES = 4_000;
/** What a bulk merge of random keys touches in one transaction; with less, pages go to the log and come back. */
const PAGE_CACHE_KILOBYTES = 8_000;

/** Opens `name` over the registered file layer `vfs`; '' is SQLite's own, for ':memory:'. */
export function openDatabase(engine: Engine, name: string, vfs: string): Pointer {
  const { module } = engine;
  engine.storageError = undefined;
  const vfsName = vfs === '' ? 0 : engine.allocate(vfs.length + 1);
  try {
    for (let i = 0; i < vfs.length; i++) module.HEAPU8[vfsName + i] = vfs.charCodeAt(i);
    if (vfsName !== 0) module.HEAPU8[vfsName + vfs.length] = 0;
    const flags = OPEN_READWRITE | OPEN_CREATE;
    const resultCode = engine.withText(name, (address) => module._sqlite3_open_v2(address, engine.out, flags, vfsName));
    const db = engine.outPointer(0);
    if (resultCode !== OK) {
      const error = engine.errorOf(resultCode, db);
      module._sqlite3_close(db);
      throw error;
    }
    module._RegisterExtensionFunctions(db);
    return db;
  } catch (error) {
    throw engine.errorFrom(error);
  } finally {
    if (vfsName !== 0 && !engine.failed) module._sqlite3_free(vfsName);
  }
}

/** Runs SQL on a database that has no connection object yet. */
export function execute(engine: Engine, db: Pointer, sql: string): void {
  engine.storageError = undefined;
  try {
    engine.withText(sql, (address) => engine.check(engine.module._sqlite3_exec(db, address, 0, 0, 0), db));
  } catch (error) {
    throw engine.errorFrom(error);
  }
}

/** Temporary data in memory: with files inserts are 3 times slower. */
export function useMemoryForTemporaryData(engine: Engine, db: Pointer): void {
  execute(engine, db, 'PRAGMA temp_store = MEMORY');
}

/** Sets how transactions are kept whole; exclusive, since the file layer has no shared memory and lets one owner in. */
export function useJournal(engine: Engine, db: Pointer, journal: JournalMode): void {
  execute(engine, db, `PRAGMA locking_mode = EXCLUSIVE; ${JOURNAL_SQL[journal]}; PRAGMA synchronous = NORMAL`);
}

/** With a journal in memory nothing may reach the file before its transaction commits. */
const JOURNAL_SQL: Readonly<Record<JournalMode, string>> = {
  wal: `PRAGMA journal_mode = WAL;
    PRAGMA cache_size = -${PAGE_CACHE_KILOBYTES};
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${JOURNAL_BYTES_MAX}`,
  memory: `PRAGMA journal_mode = MEMORY; PRAGMA cache_spill = OFF`,
};

/**
 * Brings a file that is in WAL mode back to one that can be opened.
 *
 * Why     cr-sqlite runs SQL inside open, before exclusive mode can be set, and a WAL file needs shared memory
 *         then. Attached to a database in memory, it is recovered, checkpointed and leaves WAL mode.
 */
export function recoverWalFile(engine: Engine, name: string, vfs: string): void {
  const db = openDatabase(engine, ':memory:', vfs);
  try {
    execute(
      engine,
      db,
      `PRAGMA temp_store = MEMORY;
       PRAGMA locking_mode = EXCLUSIVE;
       ATTACH '${name}' AS recovered;
       PRAGMA recovered.journal_mode = DELETE;
       SELECT crsql_finalize()`,
    );
  } finally {
    closeDatabase(engine, db);
  }
}

/**
 * The reason why `name` could not be opened, as SQLite sees it.
 *
 * Why     cr-sqlite turns whatever stops its own SQL inside open into one general error; a plain read of the
 *         schema tells a damaged file apart.
 */
export function reasonOfFailedOpen(engine: Engine, name: string, vfs: string, error: unknown): unknown {
  if (!isReplicationError(error, 'SQL_ERROR')) return error;
  const db = openDatabase(engine, ':memory:', vfs);
  try {
    execute(engine, db, `PRAGMA locking_mode = EXCLUSIVE; ATTACH '${name}' AS x; SELECT count(*) FROM x.sqlite_schema`);
    return error;
  } catch (reason) {
    return reason;
  } finally {
    closeDatabase(engine, db);
  }
}

/**
 * Whether `name` is what a loss of power leaves of a file that was just being made: nothing in it but some of the
 * tables that cr-sqlite makes inside open, one by one. It cannot be opened, and holds nothing of anybody.
 */
export function isUnfinished(engine: Engine, name: string, vfs: string): boolean {
  const db = openDatabase(engine, ':memory:', vfs);
  try {
    execute(engine, db, `PRAGMA locking_mode = EXCLUSIVE; ATTACH '${name}' AS x; ${REFUSE_TABLES_OF_OTHERS}`);
    return true;
  } catch {
    return false;
  } finally {
    closeDatabase(engine, db);
  }
}

/** Fails when there is any table but those of cr-sqlite itself. */
const REFUSE_TABLES_OF_OTHERS = `
  CREATE TEMP TABLE others (n INTEGER CHECK (n = 0));
  INSERT INTO others SELECT count(*) FROM x.sqlite_schema
    WHERE tbl_name NOT IN ('crsql_master', 'crsql_site_id', 'crsql_tracked_peers')`;

/** Closes a database that has no connection object; what it says is of no interest on the way out. */
export function closeDatabase(engine: Engine, db: Pointer): void {
  if (engine.failed) return;
  try {
    execute(engine, db, 'SELECT crsql_finalize()');
  } catch {
    if (engine.failed) return;
  }
  engine.module._sqlite3_close(db);
}

/** NO_DATABASE for a file that must be there and is not. */
export function noDatabase(path: string): ReplicationError {
  return new ReplicationError('NO_DATABASE', `there is no database file ${path}: check the path, or create it first`);
}
