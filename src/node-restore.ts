/**
 * Puts a backup in the place of a database file: checked, with a site id of its own, and whole or not at all.
 */
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import { limitsWith } from './core/limits.ts';
import type { Log } from './core/runtime.ts';
import type { SiteId } from './core/site-id.ts';
import { identityOptions } from './node-identity.ts';
import type { Driver } from './sqlite/database.ts';
import { lockFile, lockHolderOf } from './sqlite/file-lock.ts';
import { canonicalPath } from './sqlite/file-path.ts';
import { syncDirectory } from './sqlite/folder.ts';
import { JOURNAL_ENDINGS } from './sqlite/journal-endings.ts';
import { removeSideFile, sideFilePath } from './sqlite/side-file.ts';
import { createWasmDriver } from './sqlite/wasm/driver.ts';
import { openStore } from './store/store.ts';
import { nodeRuntime } from './transport/node-runtime.ts';

export interface RestoreOptions {
  /** Replaces a database that is there. */
  readonly force?: boolean;
  /** Those of the database, where they are not the defaults. */
  readonly limits?: Partial<Limits>;
}

export interface Restored {
  readonly site: SiteId;
  /** Whose writes the backup holds. */
  readonly former: SiteId;
  /** Cell changes. */
  readonly changes: number;
  readonly tables: readonly string[];
}

/**
 * Restores `backup` (made by db.backup, `crmesh backup`, or a copy of a database that was closed) as the file `path`.
 *
 * Shape   `path` is replaced when the copy is whole, checked and has its new site id; until then it stays as it was.
 *         What the lost future wrote comes back from the peers.
 * Errors  NO_DATABASE; FILE_EXISTS without `force`; FILE_LOCKED when either is in use; DATABASE_CORRUPT.
 */
export async function restore(backup: string, path: string, options: RestoreOptions = {}): Promise<Restored> {
  checkPlaces(backup, path, options);
  const limits = limitsWith(options.limits);
  const driver = await createWasmDriver();
  const draft = `${canonicalPath(path)}-restoring`;
  removeDatabase(draft);
  try {
    copyWithJournal(canonicalPath(backup), draft);
    checkBackup(driver, draft, backup);
    const restored = takeIdentity(driver, draft, limits);
    replace(draft, path, options);
    return restored;
  } finally {
    removeDatabase(draft);
  }
}

function checkPlaces(backup: string, path: string, { force = false }: RestoreOptions): void {
  if (!existsSync(backup)) throw new ReplicationError('NO_DATABASE', `there is no backup ${backup}: check the path`);
  if (!existsSync(dirname(path))) {
    throw new ReplicationError('STORAGE_FAILED', `there is no folder for ${path}: make it first`);
  }
  if (canonicalPath(backup) === canonicalPath(path)) {
    throw new ReplicationError('USAGE', 'the backup and the file are the same: name two files');
  }
  for (const place of [backup, path]) {
    const holder = lockHolderOf(place);
    if (holder === undefined) continue;
    const message = `${place} is open in process ${holder.pid}: close it there, or use crmesh backup to copy it`;
    throw new ReplicationError('FILE_LOCKED', message, { pid: holder.pid, note: holder.note });
  }
  if (!force && existsSync(path)) throw fileExists(path);
}

function fileExists(path: string): ReplicationError {
  return new ReplicationError('FILE_EXISTS', `${path} is there already: say force (--force) to replace it`);
}

/** A copy of a database that was not closed needs its journal. */
function copyWithJournal(from: string, to: string): void {
  for (const ending of ['', ...JOURNAL_ENDINGS])
    if (existsSync(from + ending)) copyFileSync(from + ending, to + ending);
}

/** Before it is opened as a replica, which would make one of any database. */
function checkBackup(driver: Driver, draft: string, backup: string): void {
  const connection = driver.open(draft, { mustExist: true });
  try {
    const [found] = connection.prepare('PRAGMA quick_check(1)').get() ?? [];
    if (found !== 'ok') {
      throw new ReplicationError('DATABASE_CORRUPT', `${backup} is damaged (${String(found)}): take another backup`);
    }
    const own = "SELECT count(*) FROM sqlite_schema WHERE name = 'crmesh_self'";
    if (connection.prepare(own).get()?.[0] === 1) return;
    throw new ReplicationError('BAD_REQUEST', `${backup} is no crmesh database: take a file that crmesh made`);
  } finally {
    connection.close();
  }
}

function takeIdentity(driver: Driver, draft: string, limits: Limits): Restored {
  let former: SiteId | undefined;
  const store = openStore({
    driver,
    path: draft,
    randomBytes: (length) => nodeRuntime().randomBytes(length),
    limits,
    ...identityOptions(draft, SILENT),
    onNewSite: (change) => (former = change.former),
  });
  try {
    if (former === undefined) {
      former = store.identity.site;
      store.reidentify();
    }
    const tables = Object.keys(store.schema.tables);
    return { site: store.identity.site, former, changes: store.countChanges(), tables };
  } finally {
    store.close();
  }
}

/** The database first: should the process end before its side file follows, the next open takes yet another site id. */
function replace(draft: string, path: string, { force = false }: RestoreOptions): void {
  const target = canonicalPath(path);
  const release = lockFile(target, undefined);
  try {
    if (!force && existsSync(target)) throw fileExists(path);
    removeSideFile(target);
    for (const ending of JOURNAL_ENDINGS) rmSync(target + ending, { force: true });
    renameSync(draft, target);
    renameSync(sideFilePath(draft), sideFilePath(target));
    syncDirectory(dirname(target));
  } finally {
    release();
  }
}

function removeDatabase(path: string): void {
  for (const ending of ['', ...JOURNAL_ENDINGS, '-lock']) rmSync(path + ending, { force: true });
  removeSideFile(path);
}

/** The caller is told by the answer. */
const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
