/**
 * The public database: plain SQL on one replica, live queries, links, and how far writes are safe.
 *
 * Platform-free: a door opens the connection and the store, and gives the machine's parts. Assumes that it is the
 * only user of the connection beside the replica. Every call takes its turn behind the calls before it; a transaction
 * keeps the turn over its awaits.
 */
import type { Coverage } from '../core/coverage.ts';
import type { EraNonce } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { RangeSet } from '../core/range-set.ts';
import type { Runtime } from '../core/runtime.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Connection } from '../sqlite/database.ts';
import type { MigrationResult, Schema, StorePort } from '../store/store-port.ts';
import type { MessagePortLike, PortSource } from '../transport/message-port.ts';
import type { CallContext } from './call-context.ts';
import type { DurabilityTier } from './durability.ts';
import { DurabilityWaiters, peersOfTier, unacknowledgedRanges } from './durability.ts';
import type { ApplyOptions, ApplyResult, ChangesPage } from './exchange.ts';
import { applyParts, readChanges } from './exchange.ts';
import type { ExchangedPart } from './exchanged-part.ts';
import type { WatchOptions } from './live-query.ts';
import { LiveQueries } from './live-query.ts';
import type { MeetingHandle, Peering } from './peering.ts';
import type { PendingChange } from './pending-changes.ts';
import { pendingChange } from './pending-changes.ts';
import type { Commit, ReplicaPort } from './replica-port.ts';
import type { SqlParameter } from './sql-parameters.ts';
import { sqlValuesFromParameters } from './sql-parameters.ts';
import type { SyncStatus } from './sync-events.ts';
import type { SyncLinkOptions } from './sync-link.ts';
import { SyncLink } from './sync-link.ts';
import type { Transaction } from './transaction.ts';
import { UserTransaction } from './transaction.ts';
import { TransactionLock } from './transaction-lock.ts';
import type { Row, UserResult } from './user-statements.ts';
import { UserStatements } from './user-statements.ts';

/** Where and how a door connects for db.sync(url, options). */
export type SyncTarget = Pick<SyncLinkOptions, 'dial' | 'dbid' | 'mode' | 'siteKey' | 'images' | 'runtime'>;

/** The options may be left out where the door says that they may be undefined. */
type SyncArguments<Options> = undefined extends Options ? [options?: Options] : [options: Options];

export interface DatabaseParts<Options> {
  readonly replica: ReplicaPort;
  /** The connection in use now; the store replaces it after a failed schema change. */
  readonly connection: () => Connection;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly context: CallContext;
  /** Errors: USAGE for an address that is none. */
  readonly target: (url: string, options: Options) => SyncTarget;
  readonly peering: Peering;
  /** Errors that have no listener. */
  readonly report: (error: unknown) => void;
}

export interface QueryOptions {
  /** Aborts the statement with QUERY_TIMEOUT; limits.queryMsMax when absent. */
  readonly timeoutMs?: number;
}

export interface DatabaseStatus {
  readonly siteId: SiteId;
  readonly epoch: EraNonce;
  readonly schemaHash: string;
  /** Changes that wait for a migration here. */
  readonly parkedChanges: number;
  readonly links: readonly SyncStatus[];
}

export class Database<Options = unknown> {
  readonly #parts: DatabaseParts<Options>;
  readonly #lock: TransactionLock;
  readonly #statements: UserStatements;
  readonly #live: LiveQueries;
  readonly #durability: DurabilityWaiters;
  readonly #links = new Set<SyncLink>();
  readonly #stopCommits: () => void;
  #transaction: UserTransaction | undefined;
  /** Something was committed that may not be on the disk yet. */
  #unsynced = false;
  #closing: Promise<void> | undefined;

  constructor(parts: DatabaseParts<Options>) {
    const { replica, limits, runtime, report } = parts;
    this.#parts = parts;
    this.#lock = new TransactionLock({ waitingMax: limits.waitingCallsMax });
    this.#statements = new UserStatements({
      connection: parts.connection,
      now: () => runtime.now(),
      statementsMax: limits.statementsMax,
    });
    this.#live = new LiveQueries({
      defer: (callback) => runtime.defer(callback),
      watchesMax: limits.watchesMax,
      onError: report,
    });
    this.#durability = new DurabilityWaiters(() => this.#acknowledgements());
    this.#stopCommits = replica.onCommit((commit) => this.#merged(commit));
  }

  get siteId(): SiteId {
    return this.#store.identity.site;
  }

  /** Names the opening of this database's numbering: a cursor of another epoch may not resume here. */
  get epoch(): EraNonce {
    return this.#store.identity.era;
  }

  /** The schema text, its hash, and the columns of the replicated tables. */
  get schema(): Schema {
    return this.#store.schema;
  }

  get status(): DatabaseStatus {
    return {
      siteId: this.siteId,
      epoch: this.epoch,
      schemaHash: this.#store.schema.hash,
      parkedChanges: this.#store.parkedChanges,
      links: [...this.#links].map((link) => link.status),
    };
  }

  /** What is held of each site: ranges (lo, hi] of that site's own versions. */
  coverage(): Coverage {
    return this.#store.coverage;
  }

  /**
   * Runs one INSERT, UPDATE or DELETE; resolved means committed.
   *
   * Shape   parameters in the order of the ?: null, number, bigint, string, Uint8Array, real(x), boolean (1 or 0).
   * Errors  SQL_ERROR; VALUE_UNSUPPORTED; USE_SCHEMA for DDL (call migrate); QUERY_TIMEOUT; TRANSACTION_NESTED; CLOSED.
   */
  exec(sql: string, parameters?: readonly SqlParameter[], options?: QueryOptions): Promise<{ changes: number }> {
    return this.#write(() => {
      const result = this.#statements.exec(this.#userCall(sql, parameters, options));
      this.#committed(result.writes);
      return { changes: result.changes };
    });
  }

  /** The rows of one query as objects. Errors  as exec. */
  async query<T = Row>(sql: string, parameters?: readonly SqlParameter[], options?: QueryOptions): Promise<T[]> {
    const { rows, writes } = await this.#call(() => this.#read(sql, parameters, options));
    if (writes.size > 0) await this.#store.whenDurable?.();
    return rows as T[];
  }

  /**
   * Runs `work` between BEGIN and COMMIT; a throw rolls back and is passed on. Other calls wait meanwhile.
   *
   * Errors  TRANSACTION_TIMEOUT after limits.transactionMsMax; TRANSACTION_NESTED when db is used inside the callback.
   */
  transaction<T>(work: (tx: Transaction) => T | Promise<T>): Promise<T> {
    return this.#write(async () => {
      const { limits, runtime, context, replica } = this.#parts;
      const { transactionMsMax, queryMsMax } = limits;
      const machine = { connection: this.#parts.connection(), statements: this.#statements, runtime, context };
      const transaction = new UserTransaction({ ...machine, transactionMsMax, queryMsMax });
      const resume = replica.suspend();
      this.#transaction = transaction;
      try {
        return await transaction.run(work);
      } finally {
        this.#transaction = undefined;
        resume();
        if (transaction.committed) this.#committed(transaction.writes);
      }
    });
  }

  /**
   * Calls back with the query's rows soon, and again whenever a commit, own or merged, changed them.
   *
   * Shape   rows belong to the callback's reader: do not change them. The returned function ends it.
   * Errors  go to options.onError, else to the log; LIMIT_EXCEEDED and CLOSED are thrown.
   */
  watch<T = Row>(
    sql: string,
    parameters: readonly SqlParameter[],
    callback: (rows: T[]) => void,
    options?: WatchOptions,
  ): () => void {
    this.#checkOpen();
    const call = this.#userCall(sql, sqlValuesFromParameters(parameters), undefined);
    const read = (): Promise<UserResult> => this.#lock.run(() => this.#statements.watched(call));
    return this.#live.watch(read, callback as (rows: Row[]) => void, options);
  }

  /**
   * Brings the tables to `schema`, the whole schema text.
   *
   * Errors  SCHEMA_REFUSED with steps when it would lose data; `plan` only tells the steps.
   */
  migrate(
    schema: string,
    options?: { readonly plan?: boolean; readonly allowDestructive?: boolean },
  ): Promise<MigrationResult> {
    return this.#write(() => {
      this.#statements.forget();
      try {
        return this.#parts.replica.migrate(schema, options);
      } finally {
        this.#unsynced = true;
        this.#live.touch('all');
      }
    });
  }

  /** One page of all changes from a cursor on (none = from the start), for channels of the app's own. */
  getChanges(since?: string): Promise<ChangesPage> {
    return this.#write(() => {
      this.#parts.replica.flush();
      return readChanges(this.#store, since, this.#parts.limits);
    });
  }

  /** Merges parts that getChanges gave; results in the order of the parts. Errors  CHANGE_INVALID, SITE_CONFLICT. */
  applyChanges(parts: readonly ExchangedPart[], options: ApplyOptions = {}): Promise<ApplyResult[]> {
    return this.#write(() => applyParts(this.#parts.replica, parts, { ...options, limits: this.#parts.limits }));
  }

  /** How many changes (cells) this replica holds, those of deleted rows included. */
  countChanges(): Promise<number> {
    return this.#call(() => this.#store.countChanges());
  }

  /** Table rows with own changes that no peer has acknowledged. */
  pending(): Promise<PendingChange[]> {
    return this.#call(() => {
      this.#parts.replica.flush();
      return this.#parts.replica.store.ownRows(this.#unacknowledged()).map(pendingChange);
    });
  }

  /**
   * Resolves when all writes before the call are safe: on this disk ('local', the default), at one other replica
   * ('relay') or at n of them. Waits over lost connections.
   *
   * Errors  CHANGE_REJECTED when the peers refused them; CLOSED; USAGE for another tier.
   */
  async flushed(options: { readonly tier?: DurabilityTier } = {}): Promise<void> {
    const peers = peersOfTier(options.tier ?? 'local');
    const announced = await this.#write(() => {
      this.#sync();
      return this.#store.announced;
    });
    if (peers === undefined || announced === 0) return;
    if (this.#closing !== undefined) throw closedError();
    await this.#durability.wait(announced, peers);
  }

  /**
   * Copies the database into a new file, while links and queries go on: one plain file, on the disk when this resolves.
   * Opened as a replica it takes a site id of its own. It holds the site's secret: keep it as you keep the original.
   *
   * Errors  FILE_EXISTS; BAD_REQUEST for a database in memory; STORAGE_FULL, STORAGE_FAILED, and then there is no file.
   */
  backup(path: string): Promise<void> {
    return this.#call(() => {
      this.#parts.replica.flush();
      this.#store.copyTo(path);
    });
  }

  /** Keeps this database in step with the one at `address` (ws, wss, http, https; or what gives a MessagePort). */
  sync(address: string | PortSource, ...[options]: SyncArguments<Options>): SyncLink {
    this.#checkOpen();
    const { replica, limits, report, target, peering } = this.#parts;
    const link: SyncLink = new SyncLink({
      replica,
      limits,
      report,
      onAck: () => this.#durability.check(),
      onClose: () => void this.#links.delete(link),
      ...(typeof address === 'string' ? target(address, options as Options) : peering.target(address, options)),
    });
    this.#links.add(link);
    return link;
  }

  /** Serves the other end of `port`, which may read and write all. Errors  USAGE. */
  accept(port: MessagePortLike): void {
    this.#checkOpen();
    this.#parts.peering.accept(port);
  }

  /** Syncs with all programs of this origin (Node: of this process) that meet in `room`, without a server. */
  meet(room: string): MeetingHandle {
    this.#checkOpen();
    return this.#parts.peering.meet(room);
  }

  /** Lets the calls before it end, closes links and the file. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #store(): StorePort {
    return this.#parts.replica.store;
  }

  async #call<T>(work: () => T | Promise<T>): Promise<T> {
    this.#checkOpen();
    const current = this.#transaction;
    if (current !== undefined && current.isOpen && this.#parts.context.current() === current) throw nestedError();
    return this.#lock.run(work);
  }

  /** Resolves when what was committed is as safe as commits are here. */
  async #write<T>(work: () => T | Promise<T>): Promise<T> {
    const result = await this.#call(work);
    await this.#store.whenDurable?.();
    return result;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #userCall(sql: string, parameters: readonly SqlParameter[] | undefined, options: QueryOptions | undefined) {
    return { sql, parameters, queryMsMax: options?.timeoutMs ?? this.#parts.limits.queryMsMax };
  }

  #read(sql: string, parameters: readonly SqlParameter[] | undefined, options: QueryOptions | undefined): UserResult {
    const result = this.#statements.query(this.#userCall(sql, parameters, options));
    this.#committed(result.writes);
    return result;
  }

  /** Own tables changed: links and live queries hear of it. */
  #committed(writes: ReadonlySet<string>): void {
    if (writes.size === 0) return;
    this.#unsynced = true;
    this.#parts.replica.wrote();
    this.#live.touch(writes);
  }

  /** Own parts are left out: #committed has told of them when they were written. */
  #merged({ parts }: Commit): void {
    if (this.#live.size === 0) return;
    if (parts === undefined) return this.#live.touch('all');
    const tables = new Set<string>();
    for (const { blob } of parts) {
      if (blob.body.site !== this.siteId) for (const { table } of blob.body.rows) tables.add(table);
    }
    if (tables.size > 0) this.#live.touch(tables);
  }

  /** A flush is a full commit; what it had nothing to announce for (local tables) is forced out with a checkpoint. */
  #sync(): void {
    const before = this.#store.announced;
    this.#parts.replica.flush();
    if (this.#unsynced && this.#store.announced === before) {
      this.#parts.connection().exec('PRAGMA wal_checkpoint(PASSIVE)');
    }
    this.#unsynced = false;
  }

  #acknowledgements(): { readonly held: RangeSet; readonly parked: RangeSet; readonly refused: RangeSet }[] {
    return this.#store.acknowledgingPeers().map((peer) => this.#store.heldBy(peer));
  }

  #unacknowledged(): RangeSet {
    const acknowledged = this.#acknowledgements().flatMap(({ held, parked, refused }) => [held, parked, refused]);
    return unacknowledgedRanges(this.#store.announced, acknowledged);
  }

  async #close(): Promise<void> {
    this.#live.close();
    await this.#lock.close();
    this.#parts.peering.close();
    for (const link of this.#links) link.close();
    this.#durability.rejectAll(closedError());
    this.#stopCommits();
    this.#statements.forget();
    await this.#parts.replica.close();
  }
}

function closedError(): ReplicationError {
  return new ReplicationError('CLOSED', 'this database is closed: open it again');
}

function nestedError(): ReplicationError {
  const message = 'db is used inside its own transaction callback and would wait for itself: use tx there';
  return new ReplicationError('TRANSACTION_NESTED', message);
}
