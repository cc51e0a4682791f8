/** A relay of a cluster: the real one, authorize function and endpoints included, over a disk in memory. */
import type { Database, Dialling } from '../node-database.ts';
import { databaseOver } from '../node-database.ts';
import type { Authorize } from '../relay/access.ts';
import { createRelay } from '../relay/create-relay.ts';
import type { Meter } from '../relay/meter.ts';
import type { Relay } from '../relay/relay.ts';
import type { Storage } from '../relay/storage.ts';
import { Replica } from '../replica/replica.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';
import { SyncLink } from '../replica/sync-link.ts';
import type { Connection } from '../sqlite/database.ts';
import type { Store } from '../store/store.ts';
import { nodeCompression } from '../transport/node-compression.ts';
import { createCodec } from '../wire/codec.ts';
import type { Boot, Process } from './machine.ts';
import { Machine } from './machine.ts';

interface OpenDatabase {
  readonly store: Store;
  readonly database: Database;
}

interface RelayProcess extends Process {
  readonly relay: Relay;
  readonly open: ReadonlyMap<string, OpenDatabase>;
  readonly links: ReadonlySet<SyncLink>;
}

export interface RelayRules {
  readonly authorize: Authorize;
  /** Addresses of the relays that this one stays equal with. */
  readonly upstreams: readonly string[];
  /** How a process of this machine dials. */
  readonly diallingOf: (machine: string, boot: Boot) => Dialling;
}

/** A caller's address, as the default rule wants it: this machine's own. */
export const LOOPBACK = '127.0.0.1';

export class ClusterRelay extends Machine<RelayProcess> {
  readonly #rules: RelayRules;

  constructor(name: string, parts: ConstructorParameters<typeof Machine>[1], rules: RelayRules) {
    super(name, parts);
    this.#rules = rules;
  }

  /** Answers a request to one of the relay's endpoints: relay.fetch(new Request('http://relay1/app/changes')). */
  fetch(request: Request): Promise<Response> {
    return this.world.pulse.during(() => this.relay.fetch(request, { address: LOOPBACK }));
  }

  /** The relay's own database, for queries of its owner. Errors  CLOSED while it is off. */
  get db(): Database {
    return this.#main().database;
  }

  /** The links to the relays that it stays equal with. */
  get links(): readonly SyncLink[] {
    return [...this.process.links];
  }

  /** @internal */
  get store(): Store {
    return this.#main().store;
  }

  /** @internal */
  get relay(): Relay {
    return this.process.relay;
  }

  #main(): OpenDatabase {
    return this.process.open.get(this.world.dbid)!;
  }

  protected override async boot(boot: Boot): Promise<RelayProcess> {
    const { limits, dbid, schema } = this.world;
    const { runtime, log } = boot;
    const codec = createCodec({ limits, compression: nodeCompression() });
    const open = new Map<string, OpenDatabase>();
    const links = new Set<SyncLink>();
    const dialling = this.#rules.diallingOf(this.name, boot);
    const hasUpstreams = this.#rules.upstreams.length > 0;
    this.computer.open(pathOf(dbid), { runtime, limits, log, schema }).close();
    const storage = this.#storage(boot, (name, store) => {
      const replica = new Replica({ store, codec, runtime, limits, log, dbid: name, hasUpstreams });
      open.set(name, { store, database: databaseOver({ store, replica, runtime, limits, log, dialling }) });
      return replica;
    });
    const onOpened = (replica: ReplicaPort): (() => void) => {
      const own = this.#rules.upstreams.map((url) => this.#upstream(`${url}/${replica.dbid}`, replica, dialling));
      for (const link of own) links.add(link);
      return () => {
        for (const link of own) {
          link.close();
          links.delete(link);
        }
        open.delete(replica.dbid);
      };
    };
    const settings = { authorize: this.#rules.authorize, hosts: 'any', pins: this.computer.pins, schema } as const;
    const meter = this.#admissionMeter();
    const machine = { storage, codec, limits, log, runtime, onOpened, staysOpen: true };
    const relay = createRelay({ ...settings, meter }, machine);
    await relay.wake();
    return {
      relay,
      open,
      links,
      stop: () => relay.close(),
      get connections(): readonly Connection[] {
        return [...open.values()].map(({ store }) => store.connection);
      },
    };
  }

  #storage({ runtime, log }: Boot, replicaOver: (dbid: string, store: Store) => Replica): Storage {
    const { limits } = this.world;
    return {
      open: async (dbid) => replicaOver(dbid, this.computer.open(pathOf(dbid), { runtime, limits, log })),
      exists: async (dbid) => this.computer.exists(pathOf(dbid)),
      list: async () => [this.world.dbid],
      remove: async (dbid) => this.computer.disk.remove(pathOf(dbid)),
    };
  }

  #upstream(url: string, replica: ReplicaPort, { dial, runtime }: Dialling): SyncLink {
    const { limits } = this.world;
    const { dbid } = replica;
    const token = this.world.tokenOf(this.name);
    const log = this.world.logOf(this.name);
    return new SyncLink({
      replica,
      dial: dial({ url, limits, ...(token === undefined ? {} : { token }) }),
      dbid,
      mode: 'peer',
      runtime,
      limits,
      report: (error) => log.error({ err: error }, 'upstream link'),
    });
  }

  /** Every hello is counted once when it was decided: what virtual time waits for. */
  #admissionMeter(): Meter {
    return {
      count: (name) => {
        if (name.startsWith('crmesh_sessions_')) this.world.pulse.end();
      },
      gauge: () => undefined,
      render: () => Promise.resolve({ type: 'text/plain', text: '' }),
    };
  }
}

function pathOf(dbid: string): string {
  return `/${dbid}.db`;
}
