/**
 * The public database in a page: the same calls as elsewhere, answered by the owner of the database in some worker.
 *
 * The owner may go at any moment. Reads, watches and links go on with the next one by themselves; a write that was not
 * answered fails with LINK_LOST, since nobody can tell whether it was committed.
 */
import type { PagePortSource, Unnumbered } from './browser-calls.ts';
import { statementOf } from './browser-calls.ts';
import type { PageLink } from './browser-link.ts';
import { PageMeeting } from './browser-meeting.ts';
import type { Channel, ClientMessage, OwnerMessage, OwnerStatus, PlainCall } from './browser-messages.ts';
import { errorFromWire } from './browser-messages.ts';
import { PageCalls } from './browser-page-calls.ts';
import { PageLinks } from './browser-page-links.ts';
import { PagePorts } from './browser-ports.ts';
import type { BrowserSyncOptions } from './browser-replica.ts';
import type { StorageKind } from './browser-storage.ts';
import { PageWatches } from './browser-watches.ts';
import type { Coverage } from './core/coverage.ts';
import { invariant, ReplicationError } from './core/errors.ts';
import type { DatabaseStatus, QueryOptions } from './replica/database.ts';
import type { DurabilityTier } from './replica/durability.ts';
import type { WatchOptions } from './replica/live-query.ts';
import type { PendingChange } from './replica/pending-changes.ts';
import type { SqlParameter } from './replica/sql-parameters.ts';
import type { Transaction } from './replica/transaction.ts';
import type { Row } from './replica/user-statements.ts';
import type { MigrationResult } from './store/store-port.ts';

/** The page's end of its conversation. */
export type PageChannel = Channel<OwnerMessage, ClientMessage>;

export interface BrowserStatus extends Omit<DatabaseStatus, 'links'> {
  readonly storage: StorageKind;
  /** False when everything is gone with the last tab. */
  readonly persisted: boolean;
  /** This tab's worker holds the database for all. */
  readonly owner: boolean;
  readonly links: readonly PageLink['status'][];
}

interface Settle {
  readonly resolve: () => void;
  readonly reject: (error: ReplicationError) => void;
}

export class BrowserDatabase {
  readonly #channel: PageChannel;
  readonly #end: () => void;
  readonly #calls: PageCalls;
  readonly #watches: PageWatches;
  readonly #links: PageLinks;
  readonly #meetings = new Map<number, PageMeeting>();
  readonly #ports: PagePorts;
  readonly #onOwner: ((owner: boolean) => void) | undefined;
  #status: OwnerStatus | undefined;
  #owner = false;
  #closing: Promise<void> | undefined;
  #failed: ReplicationError | undefined;
  /** Settles with the first owner. */
  readonly opened: Promise<void>;
  readonly #settleOpened: Settle;

  /** `end` lets the worker go; `onOwner` hears whether this page's worker holds the database, at each owner. */
  constructor(channel: PageChannel, end: () => void, onOwner?: (owner: boolean) => void) {
    this.#channel = channel;
    this.#end = end;
    this.#onOwner = onOwner;
    const post = (message: ClientMessage): void => channel.post(message);
    this.#calls = new PageCalls(post);
    this.#watches = new PageWatches(post);
    this.#ports = new PagePorts((carry, message) => channel.post({ type: 'carry', carry, message }));
    this.#links = new PageLinks({
      calls: this.#calls,
      post,
      carry: (port) => this.#carry(port),
      synced: (link) => this.#call({ type: 'synced', link }),
    });
    let settle: Settle | undefined;
    this.opened = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.#settleOpened = settle!;
    channel.listen(
      (message) => this.#receive(message),
      (message) => this.#notSent(message),
    );
  }

  get siteId(): DatabaseStatus['siteId'] {
    return this.status.siteId;
  }

  get status(): BrowserStatus {
    invariant(this.#status !== undefined, 'the database is not open yet');
    const links = this.#links.statuses;
    return { ...this.#status, links, owner: this.#owner, persisted: this.#status.storage !== 'memory' };
  }

  /** Runs one INSERT, UPDATE or DELETE; resolved means committed and saved. */
  async exec(sql: string, parameters?: readonly SqlParameter[], options?: QueryOptions): Promise<{ changes: number }> {
    return this.#call({ type: 'exec', statement: statementOf(sql, parameters, options) });
  }

  /** The rows of one query as objects. */
  async query<T = Row>(sql: string, parameters?: readonly SqlParameter[], options?: QueryOptions): Promise<T[]> {
    return this.#call({ type: 'query', statement: statementOf(sql, parameters, options) });
  }

  /** Runs `work` between BEGIN and COMMIT; a throw rolls back, and so does the end of this page. */
  async transaction<T>(work: (tx: Transaction) => T | Promise<T>): Promise<T> {
    const tx = this.#calls.number();
    await this.#call({ type: 'begin', tx });
    const within = (type: 'exec' | 'query', sql: string, parameters?: readonly SqlParameter[]): Promise<never> =>
      this.#call({ type, statement: statementOf(sql, parameters), tx });
    const handle: Transaction = {
      exec: async (sql, parameters) => within('exec', sql, parameters),
      query: async (sql, parameters) => within('query', sql, parameters),
    };
    let result: T;
    try {
      result = await work(handle);
    } catch (error) {
      await this.#call({ type: 'end', tx, commit: false }).catch(() => undefined);
      throw error;
    }
    await this.#call({ type: 'end', tx, commit: true });
    return result;
  }

  /** Calls back with the query's rows soon, and again whenever a commit of any tab or peer changed them. */
  watch<T = Row>(
    sql: string,
    parameters: readonly SqlParameter[],
    callback: (rows: T[]) => void,
    options: WatchOptions = {},
  ): () => void {
    this.#checkOpen();
    const statement = statementOf(sql, parameters);
    const onError = options.onError ?? reportError;
    return this.#watches.add(this.#calls.number(), { statement, callback: callback as (rows: Row[]) => void, onError });
  }

  /**
   * Keeps the database in step with the one at `address`; pages that name the same address share one link. A function
   * is asked for a fresh MessagePort at each connection.
   */
  sync(address: string | PagePortSource, options: BrowserSyncOptions = {}): PageLink {
    this.#checkOpen();
    return this.#links.add(address, options);
  }

  /** Serves whoever holds the other end of `port`, which may read and write all. Ends with the page. Errors  USAGE. */
  accept(port: MessagePort): Promise<void> {
    return this.acceptUntil(port, () => undefined);
  }

  /** @internal Also tells when the port has ended. */
  async acceptUntil(port: MessagePort, onEnd: () => void): Promise<void> {
    return this.#call({ type: 'accept', carry: this.#carry(port, onEnd) });
  }

  /** Syncs with all programs of this origin that meet in `room`, without a server. */
  meet(room: string): PageMeeting {
    this.#checkOpen();
    const meeting = this.#calls.number();
    const handle = new PageMeeting({
      room,
      synced: () => this.#call({ type: 'met', meeting }),
      leave: () => {
        this.#meetings.delete(meeting);
        this.#channel.post({ type: 'leave-room', meeting });
      },
    });
    this.#meetings.set(meeting, handle);
    this.#meet(meeting, room);
    return handle;
  }

  /** Brings the tables to `schema`, the whole schema text. Errors  SCHEMA_REFUSED with steps when it would lose data. */
  async migrate(
    schema: string,
    options?: { readonly plan?: boolean; readonly allowDestructive?: boolean },
  ): Promise<MigrationResult> {
    return this.#plain('migrate', [schema, options]);
  }

  /** Table rows with own changes that no peer has acknowledged. */
  async pending(): Promise<PendingChange[]> {
    return this.#plain('pending', []);
  }

  /** Resolves when all writes before the call are safe: here ('local'), at one other replica, at n of them. */
  async flushed(options: { readonly tier?: DurabilityTier } = {}): Promise<void> {
    return this.#plain('flushed', [options]);
  }

  async countChanges(): Promise<number> {
    return this.#plain('countChanges', []);
  }

  /** What is held of each site: ranges (lo, hi] of that site's own versions. */
  async coverage(): Promise<Coverage> {
    return this.#plain('coverage', []);
  }

  /** Lets this page's part go; the database stays open for the other tabs. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal Nothing more is to be had from the worker: whoever waits for it hears why, and it ends. */
  giveUp(error: ReplicationError): void {
    if (this.#failed !== undefined) return;
    this.#failed = error;
    this.#owner = false;
    this.#settleOpened.reject(error);
    this.#ports.endAll();
    this.#letGo();
    this.#calls.fail(error);
    this.#watches.giveUp(error);
    this.#links.giveUp(error);
    for (const meeting of this.#meetings.values()) meeting.close();
  }

  /**
   * @internal The page's worker is about to be let go, and another one comes later: it is met like another owner. False
   * where the data would go with it.
   */
  rest(): boolean {
    const isOnlyHere = this.#owner && this.#status?.storage === 'memory';
    if (isOnlyHere || this.#failed !== undefined) return false;
    this.#owner = false;
    this.#onOwner?.(false);
    this.#ports.endAll();
    this.#calls.hold();
    return true;
  }

  #plain<T>(method: PlainCall, args: readonly unknown[]): Promise<T> {
    return this.#call({ type: 'call', method, args });
  }

  async #close(): Promise<void> {
    if (this.#failed !== undefined) return;
    const left = this.#calls.ask({ type: 'leave' });
    this.#links.closeAll();
    for (const meeting of this.#meetings.values()) meeting.close();
    this.#ports.endAll();
    await left.catch(() => undefined);
    this.#calls.fail(closedError());
    this.#letGo();
  }

  #letGo(): void {
    this.#channel.close();
    this.#end();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
    if (this.#failed !== undefined) throw this.#failed;
  }

  async #call<T>(message: Unnumbered): Promise<T> {
    this.#checkOpen();
    return this.#calls.ask(message);
  }

  #meet(meeting: number, room: string): void {
    this.#calls.ask<void>({ type: 'meet', meeting, room }).catch(reportError);
  }

  #carry(port: MessagePort, onEnd?: () => void): number {
    const carry = this.#calls.number();
    this.#ports.carry(carry, port, onEnd);
    return carry;
  }

  #receive(message: OwnerMessage): void {
    switch (message.type) {
      case 'connected':
        return this.#connected(message);
      case 'answer':
        return this.#calls.settle(message.id)?.resolve(message.value as never);
      case 'failure':
        return this.#calls.settle(message.id)?.reject(errorFromWire(message.error));
      case 'rows':
        return this.#watches.rows(message.watch, message.rows);
      case 'watch-failure':
        return this.#watches.failed(message.watch, errorFromWire(message.error));
      case 'link':
        return this.#links.receive(message);
      case 'ask-token':
        return void this.#links.tellToken(message);
      case 'ask-port':
        return void this.#links.givePort(message);
      case 'carry':
        return this.#ports.receive(message.carry, message.message);
      case 'members':
        return this.#meetings.get(message.meeting)?.receive(message.members);
      case 'status':
        this.#status = message.status;
        return;
      case 'gone':
        return this.giveUp(errorFromWire(message.error));
    }
  }

  /** What cannot be copied to a worker fails alone. */
  #notSent(message: ClientMessage): void {
    const error = notCloneable();
    if ('id' in message) this.#calls.settle(message.id)?.reject(error);
    else if (message.type === 'watch') this.#watches.failed(message.watch, error);
    else reportError(error);
  }

  /** The first owner, or another one: it knows nothing of what was asked before, also where no owner was heard yet. */
  #connected({ status, owner }: Extract<OwnerMessage, { type: 'connected' }>): void {
    this.#status = status;
    this.#owner = owner;
    this.#settleOpened.resolve();
    this.#startOver();
    this.#onOwner?.(owner);
  }

  #startOver(): void {
    this.#ports.endAll();
    const outstanding = this.#calls.takeAll();
    this.#watches.askAgain();
    this.#links.askAgain();
    for (const [meeting, { room }] of this.#meetings) this.#meet(meeting, room);
    for (const call of outstanding) this.#calls.askAgain(call);
  }
}

function closedError(): ReplicationError {
  return new ReplicationError('CLOSED', 'this database is closed: open it again');
}

function notCloneable(): ReplicationError {
  const message = 'an argument cannot be copied to the worker of the database: give plain values, no function or class';
  return new ReplicationError('VALUE_UNSUPPORTED', message);
}
