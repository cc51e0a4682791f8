/**
 * The databases of a relay by dbid: opened on demand, at most one opening of each at a time, closed when unused.
 *
 * A database without a schema does not exist for callers: it is what remains when a creation did not finish.
 */
import { codedError, ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';
import { databaseKey } from './database-name.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { Storage } from './storage.ts';

export interface DirectoryOptions {
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly limits: Pick<Limits, 'databasesMax' | 'databasesOpenMax' | 'databaseIdleMs'>;
  readonly log: Log;
  /** Called for every database that was opened; what it returns is called before it is closed. */
  readonly onOpened: (replica: ReplicaPort) => () => void;
  /** Databases are not closed for being unused, only to make room: they have links of their own. */
  readonly staysOpen?: boolean;
}

/** The right to use a database; it stays open until every lease is released. */
export interface Lease {
  readonly replica: ReplicaPort;
  /** Idempotent. */
  release(): void;
}

export interface Migration {
  readonly schema: string;
  readonly plan?: boolean;
  readonly allowDestructive?: boolean;
}

type MigrationOutcome = ReturnType<ReplicaPort['migrate']>;

interface Entry {
  readonly dbid: string;
  readonly replica: ReplicaPort;
  readonly beforeClose: () => void;
  users: number;
  lastUsed: number;
  stopTimer: () => void;
}

export class Directory {
  readonly #options: DirectoryOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue = new KeyedQueue();
  #opening = 0;
  #uses = 0;
  #closed = false;

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  get openCount(): number {
    return this.#entries.size;
  }

  /** Errors  NO_DATABASE; LIMIT_EXCEEDED when too many others are in use; CLOSED. */
  async lease(dbid: string): Promise<Lease> {
    const lease = await this.#queue.run(databaseKey(dbid), () => this.#leaseExisting(dbid));
    if (lease === undefined) throw noDatabase(dbid);
    return lease;
  }

  /** Opens the database, or creates it from the schema text. Errors  as lease() and migrate(). */
  leaseOrCreate(dbid: string, schema: string): Promise<Lease & { readonly created: boolean }> {
    return this.#queue.run(databaseKey(dbid), async () => {
      const lease = await this.#leaseExisting(dbid);
      if (lease !== undefined) return { ...lease, created: false };
      const { entry } = await this.#create(dbid, { schema });
      return { ...this.#leaseOf(entry), created: true };
    });
  }

  /**
   * Creates the database or brings it to the schema.
   *
   * Errors  SCHEMA_REFUSED {steps}; LIMIT_EXCEEDED for one too many; a database that was to be created is then not there; as lease().
   */
  migrate(dbid: string, migration: Migration): Promise<MigrationOutcome> {
    return this.#queue.run(databaseKey(dbid), async () => {
      const lease = await this.#leaseExisting(dbid);
      if (lease === undefined) return this.#createOrPlan(dbid, migration);
      try {
        return lease.replica.migrate(migration.schema, migration);
      } finally {
        lease.release();
      }
    });
  }

  /** Opens what is there, as far as there is room. Never throws: what cannot be opened is logged. */
  async openAll(): Promise<void> {
    const { storage, limits, log } = this.#options;
    try {
      for (const dbid of await storage.list()) {
        if (this.#closed || this.#entries.size >= limits.databasesOpenMax) return;
        await this.lease(dbid).then(
          (lease) => lease.release(),
          (error: unknown) => log.warn({ dbid, code: codedError(error).code }, 'a database could not be opened'),
        );
      }
    } catch (error) {
      log.error({ err: error }, 'the databases cannot be listed');
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.idle();
    await Promise.all([...this.#entries.values()].map((entry) => this.#closeEntry(entry)));
  }

  async #leaseExisting(dbid: string): Promise<Lease | undefined> {
    this.#assertOpen();
    const open = this.#entries.get(databaseKey(dbid));
    if (open !== undefined) return open.dbid === dbid && hasSchema(open.replica) ? this.#leaseOf(open) : undefined;
    if (!(await this.#options.storage.exists(dbid))) return undefined;
    const entry = await this.#open(dbid);
    if (hasSchema(entry.replica)) return this.#leaseOf(entry);
    await this.#closeEntry(entry);
    return undefined;
  }

  async #createOrPlan(dbid: string, migration: Migration): Promise<MigrationOutcome> {
    if (migration.plan !== true) {
      const { entry, steps } = await this.#create(dbid, migration);
      this.#leaseOf(entry).release();
      return { outcome: 'created', steps };
    }
    const entry = await this.#open(dbid);
    try {
      return entry.replica.migrate(migration.schema, { plan: true });
    } finally {
      await this.#remove(entry);
    }
  }

  async #create(dbid: string, migration: Migration): Promise<Pick<MigrationOutcome, 'steps'> & { entry: Entry }> {
    await this.#assertMayCreate(dbid);
    const entry = await this.#open(dbid);
    try {
      const { steps } = entry.replica.migrate(migration.schema);
      if (Object.keys(entry.replica.store.schema.tables).length > 0) return { entry, steps };
      throw new ReplicationError('SCHEMA_REFUSED', 'the schema has no table: send CREATE TABLE text', { steps: [] });
    } catch (error) {
      await this.#remove(entry);
      throw error;
    }
  }

  async #assertMayCreate(dbid: string): Promise<void> {
    const names = new Set(await this.#options.storage.list());
    for (const entry of this.#entries.values()) names.add(entry.dbid);
    names.delete(dbid);
    const taken = [...names].find((name) => databaseKey(name) === databaseKey(dbid));
    if (taken !== undefined) {
      throw new ReplicationError('BAD_REQUEST', `there is a database '${taken}': names are unique without case`);
    }
    const { databasesMax } = this.#options.limits;
    if (names.size < databasesMax) return;
    throw new ReplicationError('LIMIT_EXCEEDED', `this relay has ${databasesMax} databases, its limit: ask its owner`);
  }

  async #open(dbid: string): Promise<Entry> {
    this.#opening++;
    const replica = await this.#makeRoom()
      .then(() => this.#options.storage.open(dbid))
      .finally(() => this.#opening--);
    const beforeClose = this.#options.onOpened(replica);
    const entry: Entry = { dbid, replica, beforeClose, users: 0, lastUsed: this.#uses++, stopTimer: () => undefined };
    this.#entries.set(databaseKey(dbid), entry);
    return entry;
  }

  async #makeRoom(): Promise<void> {
    const { databasesOpenMax } = this.#options.limits;
    if (this.#entries.size + this.#opening <= databasesOpenMax) return;
    const unused = [...this.#entries.values()].filter((entry) => entry.users === 0);
    const oldest = unused.sort((a, b) => a.lastUsed - b.lastUsed)[0];
    if (oldest !== undefined) return this.#closeUnused(oldest);
    throw new ReplicationError('LIMIT_EXCEEDED', `${databasesOpenMax} databases are in use: try again later`);
  }

  #leaseOf(entry: Entry): Lease {
    entry.users++;
    entry.stopTimer();
    let released = false;
    return {
      replica: entry.replica,
      release: () => {
        if (released) return;
        released = true;
        this.#released(entry);
      },
    };
  }

  #released(entry: Entry): void {
    entry.users--;
    entry.lastUsed = this.#uses++;
    if (entry.users > 0 || this.#closed || this.#options.staysOpen === true) return;
    entry.stopTimer = this.#options.runtime.setTimer(this.#options.limits.databaseIdleMs, () => {
      void this.#closeUnused(entry);
    });
  }

  /** In the queue of its name, so that nobody opens the file before it is closed. */
  #closeUnused(entry: Entry): Promise<void> {
    const key = databaseKey(entry.dbid);
    return this.#queue.run(key, async () => {
      if (entry.users === 0 && this.#entries.get(key) === entry) await this.#closeEntry(entry);
    });
  }

  /** Never throws: a database that cannot be closed well is logged and forgotten. */
  async #closeEntry(entry: Entry): Promise<void> {
    entry.stopTimer();
    this.#entries.delete(databaseKey(entry.dbid));
    try {
      entry.beforeClose();
      await entry.replica.close();
    } catch (error) {
      this.#options.log.error({ dbid: entry.dbid, err: error }, 'a database could not be closed');
    }
  }

  async #remove(entry: Entry): Promise<void> {
    await this.#closeEntry(entry);
    await this.#options.storage.remove?.(entry.dbid);
  }

  #assertOpen(): void {
    if (this.#closed) throw new ReplicationError('UNAVAILABLE', 'this relay is shutting down: try again soon');
  }
}

export function noDatabase(dbid: string): ReplicationError {
  return new ReplicationError(
    'NO_DATABASE',
    `there is no database '${dbid}': create it with PUT /${dbid} and a schema`,
  );
}

function hasSchema(replica: ReplicaPort): boolean {
  return replica.store.schema.text.trim() !== '';
}
