/**
 * Serves one open database to the pages that share it: each conversation has its own calls, transactions, watches and
 * handles of links. A link to one address is one link, whoever asked for it.
 */
import type { LocalDatabase } from './browser-replica.ts';
import { SharedLinks } from './browser-links.ts';
import type { Channel, ClientMessage, OwnerMessage, OwnerStatus, Statement } from './browser-messages.ts';
import { valueFromWire, wireError, wireSyncStatus } from './browser-messages.ts';
import { CarriedPorts } from './browser-ports.ts';
import type { StorageKind } from './browser-storage.ts';
import { assertNever, ReplicationError } from './core/errors.ts';
import type { MeetingHandle } from './replica/peering.ts';
import type { Transaction } from './replica/transaction.ts';

export type OwnerChannel = Channel<ClientMessage, OwnerMessage>;

interface OpenTransaction {
  readonly handle: Transaction;
  readonly finish: (commit: boolean) => void;
  /** Settles when COMMIT or ROLLBACK has happened. */
  readonly done: Promise<void>;
}

export class DatabaseOwner {
  readonly #database: LocalDatabase;
  readonly #storage: StorageKind;
  readonly #links: SharedLinks;
  readonly #conversations = new Set<Conversation>();

  constructor(database: LocalDatabase, storage: StorageKind) {
    this.#database = database;
    this.#storage = storage;
    this.#links = new SharedLinks(database, () => this.tellStatus());
  }

  get status(): OwnerStatus {
    const { links, ...status } = this.#database.status;
    return { ...status, storage: this.#storage, links: links.map(wireSyncStatus) };
  }

  /** Serves one page; the returned function ends that, and rolls back what it left open. */
  attach(
    channel: OwnerChannel,
    options: { readonly owner: boolean; readonly onLeave: () => Promise<void> },
  ): () => void {
    const conversation = new Conversation({
      database: this.#database,
      links: this.#links,
      channel,
      ...options,
      onMigrated: () => this.tellStatus(),
    });
    this.#conversations.add(conversation);
    channel.post({ type: 'connected', status: this.status, owner: options.owner });
    return () => {
      this.#conversations.delete(conversation);
      conversation.end();
    };
  }

  tellStatus(): void {
    const { status } = this;
    for (const conversation of this.#conversations) conversation.post({ type: 'status', status });
  }

  async close(): Promise<void> {
    for (const conversation of this.#conversations) conversation.end();
    this.#conversations.clear();
    await this.#database.close();
  }
}

interface ConversationParts {
  readonly database: LocalDatabase;
  readonly links: SharedLinks;
  readonly channel: OwnerChannel;
  /** The page lives with the database: when it leaves, the database closes. */
  readonly owner: boolean;
  readonly onLeave: () => Promise<void>;
  readonly onMigrated: () => void;
}

class Conversation {
  readonly #parts: ConversationParts;
  readonly #transactions = new Map<number, OpenTransaction>();
  /** Asked for; they wait for their turn. */
  readonly #beginning = new Set<number>();
  readonly #watches = new Map<number, () => void>();
  readonly #meetings = new Map<number, MeetingHandle>();
  readonly ports: CarriedPorts = new CarriedPorts((carry, message) => this.post({ type: 'carry', carry, message }));
  #ended = false;

  constructor(parts: ConversationParts) {
    this.#parts = parts;
    parts.channel.listen((message) => this.#receive(message));
  }

  post(message: OwnerMessage): void {
    if (!this.#ended) this.#parts.channel.post(message);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const { finish } of this.#transactions.values()) finish(false);
    for (const stop of this.#watches.values()) stop();
    for (const meeting of this.#meetings.values()) meeting.close();
    this.#parts.links.leave(this);
    this.ports.endAll();
    this.#parts.channel.close();
  }

  #receive(message: ClientMessage): void {
    if (this.#ended) return;
    const { links } = this.#parts;
    switch (message.type) {
      case 'call':
        return this.#answer(message.id, () => this.#call(message.method, message.args));
      case 'exec':
      case 'query':
        return this.#answer(message.id, () => this.#run(message.type, message.statement, message.tx));
      case 'begin':
        return this.#answer(message.id, () => this.#begin(message.tx));
      case 'end':
        return this.#answer(message.id, () => this.#end(message.tx, message.commit));
      case 'watch':
        return this.#watch(message.watch, message.statement);
      case 'unwatch':
        return this.#unwatch(message.watch);
      case 'sync':
        return this.#answer(message.id, () => links.join(this, message));
      case 'synced':
        return this.#answer(message.id, () => links.of(this, message.link).synced());
      case 'pause':
      case 'resume':
        return this.#answer(message.id, () => links.find(this, message.link)?.[message.type]());
      case 'ephemeral':
        return links.find(this, message.link)?.sendEphemeral(message.bytes);
      case 'close-link':
        return links.leave(this, message.link);
      case 'token':
      case 'port':
        return links.answered(this, message);
      case 'carry':
        return this.ports.receive(message.carry, message.message);
      case 'accept':
        return this.#answer(message.id, () => this.#parts.database.accept(this.ports.open(message.carry)));
      case 'meet':
        return this.#answer(message.id, () => this.#meet(message.meeting, message.room));
      case 'met':
        return this.#answer(message.id, () => this.#meetings.get(message.meeting)?.synced());
      case 'leave-room':
        return this.#leaveRoom(message.meeting);
      case 'leave':
        return void this.#leave(message.id);
      default:
        return assertNever(message);
    }
  }

  async #leave(id: number): Promise<void> {
    const { owner, onLeave, channel } = this.#parts;
    if (owner) await onLeave().catch(() => undefined);
    channel.post({ type: 'answer', id, value: undefined });
    if (!owner) await onLeave();
  }

  #answer(id: number, work: () => unknown): void {
    void (async () => {
      try {
        this.post({ type: 'answer', id, value: await work() });
      } catch (error) {
        this.post({ type: 'failure', id, error: wireError(error) });
      }
    })();
  }

  #run(method: 'exec' | 'query', { sql, values, timeoutMs }: Statement, tx: number | undefined): Promise<unknown> {
    const parameters = values.map(valueFromWire);
    if (tx !== undefined) return this.#transaction(tx).handle[method](sql, parameters);
    return this.#parts.database[method](sql, parameters, timeoutMs === undefined ? undefined : { timeoutMs });
  }

  async #call(method: Extract<ClientMessage, { type: 'call' }>['method'], args: readonly unknown[]): Promise<unknown> {
    const { database } = this.#parts;
    const run = database[method].bind(database) as (...all: readonly unknown[]) => unknown;
    const result = await run(...args);
    if (method === 'migrate') this.#parts.onMigrated();
    return result;
  }

  /** Resolves when the transaction has begun. */
  #begin(tx: number): Promise<void> {
    this.#beginning.add(tx);
    return new Promise((resolve, reject) => {
      const done = this.#parts.database.transaction(
        (handle) =>
          new Promise<void>((commit, rollBack) => {
            const finish = (keep: boolean): void => (keep ? commit() : rollBack(rolledBack()));
            if (!this.#beginning.delete(tx) || this.#ended) return finish(false);
            this.#transactions.set(tx, { handle, finish, done });
            resolve();
          }),
      );
      // Its outcome is the answer to 'end'.
      done.catch((error: unknown) => {
        this.#beginning.delete(tx);
        reject(error);
      });
    });
  }

  async #end(tx: number, commit: boolean): Promise<void> {
    // Given up before its turn came.
    if (this.#beginning.delete(tx)) return;
    const transaction = this.#transaction(tx);
    this.#transactions.delete(tx);
    transaction.finish(commit);
    try {
      await transaction.done;
    } catch (error) {
      if (commit || !(error instanceof ReplicationError && error.details['rolledBack'] === true)) throw error;
    }
  }

  #transaction(tx: number): OpenTransaction {
    const transaction = this.#transactions.get(tx);
    if (transaction !== undefined) return transaction;
    throw new ReplicationError('CLOSED', 'this transaction has ended: await every tx call inside its callback');
  }

  /** A page that asks a new owner for all that it had may have asked it once before it knew that it is another one. */
  #meet(meeting: number, room: string): void {
    this.#leaveRoom(meeting);
    const handle = this.#parts.database.meet(room);
    this.#meetings.set(meeting, handle);
    handle.onMembers((members) => this.post({ type: 'members', meeting, members }));
    this.post({ type: 'members', meeting, members: handle.members });
  }

  #leaveRoom(meeting: number): void {
    this.#meetings.get(meeting)?.close();
    this.#meetings.delete(meeting);
  }

  #unwatch(watch: number): void {
    this.#watches.get(watch)?.();
    this.#watches.delete(watch);
  }

  #watch(watch: number, { sql, values }: Statement): void {
    this.#unwatch(watch);
    const fail = (error: unknown): void => this.post({ type: 'watch-failure', watch, error: wireError(error) });
    try {
      const rows = (found: never[]): void => this.post({ type: 'rows', watch, rows: found });
      this.#watches.set(watch, this.#parts.database.watch(sql, values.map(valueFromWire), rows, { onError: fail }));
    } catch (error) {
      fail(error);
    }
  }
}

function rolledBack(): ReplicationError {
  return new ReplicationError('CLOSED', 'the transaction was rolled back', { rolledBack: true });
}
