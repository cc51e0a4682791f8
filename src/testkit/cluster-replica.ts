/** A replica of a cluster: the real Database of an application, and the link that keeps it in step with a relay. */
import type { Database, Dialling } from '../node-database.ts';
import { databaseOver } from '../node-database.ts';
import { Replica } from '../replica/replica.ts';
import type { SyncLink } from '../replica/sync-link.ts';
import type { Connection } from '../sqlite/database.ts';
import type { Store } from '../store/store.ts';
import { nodeCompression } from '../transport/node-compression.ts';
import { createCodec } from '../wire/codec.ts';
import type { Boot, Process } from './machine.ts';
import { Machine } from './machine.ts';

interface ReplicaProcess extends Process {
  readonly db: Database;
  readonly store: Store;
  readonly links: readonly SyncLink[];
}

export interface ReplicaRules {
  /** Addresses of databases that it syncs with from its start. */
  readonly syncs: readonly string[];
  readonly diallingOf: (machine: string, boot: Boot) => Dialling;
}

const PATH = '/replica.db';

export class ClusterReplica extends Machine<ReplicaProcess> {
  readonly #rules: ReplicaRules;

  constructor(name: string, parts: ConstructorParameters<typeof Machine>[1], rules: ReplicaRules) {
    super(name, parts);
    this.#rules = rules;
  }

  /** The database that is open now; a crash or restart makes another one. Errors  CLOSED while it is off. */
  get db(): Database {
    return this.process.db;
  }

  /** The links that the cluster made; db.sync(url) makes more. */
  get links(): readonly SyncLink[] {
    return this.process.links;
  }

  /** db.exec of the database that is open now. */
  get exec(): Database['exec'] {
    return (...call) => this.db.exec(...call);
  }

  /** db.query of the database that is open now. */
  get query(): Database['query'] {
    return (...call) => this.db.query(...call);
  }

  /** db.transaction of the database that is open now. */
  get transaction(): Database['transaction'] {
    return (work) => this.db.transaction(work);
  }

  /** db.watch of the database that is open now; a crash ends it. */
  get watch(): Database['watch'] {
    return (...call) => this.db.watch(...call);
  }

  /** @internal */
  get store(): Store {
    return this.process.store;
  }

  protected override boot(boot: Boot): Promise<ReplicaProcess> {
    const { limits, schema, dbid } = this.world;
    const { runtime, log } = boot;
    const store = this.computer.open(PATH, { runtime, limits, log, schema });
    const codec = createCodec({ limits, compression: nodeCompression() });
    const replica = new Replica({ store, codec, runtime, limits, log, dbid });
    const dialling = this.#rules.diallingOf(this.name, boot);
    const db = databaseOver({ store, replica, runtime, limits, log, dialling });
    const token = this.world.tokenOf(this.name);
    const links = this.#rules.syncs.map((url) => db.sync(url, token === undefined ? {} : { token }));
    return Promise.resolve({
      db,
      store,
      links,
      stop: () => db.close(),
      get connections(): readonly Connection[] {
        return [store.connection];
      },
    });
  }
}
