/**
 * What the command can do with an open database, whether it opened the file itself or a holder of the file does it
 * on behalf of another process. Arguments and answers are plain JSON values.
 */
import { statSync } from 'node:fs';
import type { Database, SyncLink, SyncStatus } from '../node.ts';
import { sqlValueToJson } from '../wire/json-value.ts';

export type JsonRow = Readonly<Record<string, unknown>>;

/** Runs one statement; rows with what JSON cannot say marked as in the HTTP form ({int}, {real}, {blob}). */
export async function queryFile(db: Database, sql: string): Promise<readonly JsonRow[]> {
  const rows = await db.query(sql);
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, sqlValueToJson(value)])),
  );
}

export interface FileStatus {
  readonly site: string;
  readonly epoch: string;
  readonly schemaHash: string;
  /** Cell changes. */
  readonly changes: number;
  /** Changes that wait for tables or columns this schema lacks. */
  readonly parked: number;
  /** Replicated table -> its rows. */
  readonly tables: Readonly<Record<string, number>>;
  readonly coverage: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  /** Links of the process that holds the file. */
  readonly links: readonly SyncReport[];
}

/** Counts the rows of each replicated table; `links` are those of this process. */
export async function statusOfFile(db: Database): Promise<FileStatus> {
  const { hash, tables } = db.schema;
  const counts: [string, number][] = [];
  for (const table of Object.keys(tables)) {
    const [row] = await db.query<{ rows: number }>(`SELECT count(*) AS rows FROM "${table}"`);
    counts.push([table, row?.rows ?? 0]);
  }
  return {
    site: db.siteId,
    epoch: db.epoch,
    schemaHash: hash,
    changes: await db.countChanges(),
    parked: db.status.parkedChanges,
    tables: Object.fromEntries(counts),
    coverage: Object.fromEntries(db.coverage()),
    links: db.status.links.map(syncReport),
  };
}

export interface BackupReport {
  readonly out: string;
  readonly bytes: number;
  /** Cell changes. */
  readonly changes: number;
  readonly site: string;
  readonly epoch: string;
}

/** Copies the database into a new file, an absolute path. */
export async function backupFile(db: Database, out: string): Promise<BackupReport> {
  const { siteId: site, epoch } = db;
  const changes = await db.countChanges();
  await db.backup(out);
  return { out, bytes: statSync(out).size, changes, site, epoch };
}

export interface SyncReport {
  readonly state: string;
  readonly mode: string;
  readonly peer: string | null;
  readonly changesSent: number;
  readonly changesReceived: number;
  readonly changesEchoed: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly lastError: string | null;
  /** How an empty file began: with an image of the relay's database, or with rows. */
  readonly firstSync: string | null;
}

export interface SyncedReport extends SyncReport {
  /** Changes that wait for tables or columns this schema lacks. */
  readonly parked: number;
}

export function syncReport({ state, mode, peer, traffic, lastError, firstSync }: SyncStatus): SyncReport {
  const { changesSent, changesReceived, changesEchoed, bytesSent, bytesReceived } = traffic;
  return {
    state,
    mode,
    peer: peer ?? null,
    changesSent,
    changesReceived,
    changesEchoed,
    bytesSent,
    bytesReceived,
    lastError: lastError === undefined ? null : lastError.code,
    firstSync: firstSync?.by ?? null,
  };
}

export interface SyncRequest {
  readonly url: string;
  readonly token: string | undefined;
}

/** What somebody who waits is told. */
export interface SyncNotes {
  progress(report: SyncReport): void;
  /** The link is down and tried again, for this reason. */
  waiting(reason: string): void;
}

/** Exchanges everything once and answers what moved. */
export async function syncOnce(db: Database, request: SyncRequest, notes?: SyncNotes): Promise<SyncedReport> {
  const link = openLink(db, request);
  link.on('progress', () => notes?.progress(syncReport(link.status)));
  link.on('status', ({ state, lastError }) => {
    if (state === 'waiting' && lastError !== undefined) notes?.waiting(lastError.message);
  });
  try {
    await link.synced();
    return { ...syncReport(link.status), state: 'synced', parked: db.status.parkedChanges };
  } finally {
    link.close();
  }
}

export function openLink(db: Database, { url, token }: SyncRequest): SyncLink {
  return db.sync(url, token === undefined ? undefined : { token });
}
