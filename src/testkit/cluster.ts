/**
 * The door `crmesh/testkit`: a cluster in one process, for tests of applications.
 *
 * Real databases and real relays (engine, store, sessions, authorize function), over disks in memory, a virtual network
 * and a virtual clock. Everything that chance decides comes from the seed: the same seed and the same calls give the
 * same run. Time stands still but in advance(), until() and settle().
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { limitsWith } from '../core/limits.ts';
import type { Log } from '../core/runtime.ts';
import type { Authorize } from '../relay/access.ts';
import { loadEngineModule } from '../sqlite/wasm/engine-module.ts';
import { VirtualClock } from './clock.ts';
import { ClusterRelay } from './cluster-relay.ts';
import { ClusterReplica } from './cluster-replica.ts';
import { Computer } from './computer.ts';
import type { TableContents } from './contents.ts';
import { contentsOf, differenceOf } from './contents.ts';
import type { Boot, Surroundings } from './machine.ts';
import type { NetworkOptions } from './network-options.ts';
import { networkConditions } from './network-options.ts';
import { VirtualNetwork } from './network.ts';
import { Pulse } from './pulse.ts';
import { Random } from './random.ts';
import { virtualDialling } from './virtual-dial.ts';

export interface ClusterOptions {
  /** Decides everything that is left to chance; a random one when absent, see cluster.seed. */
  readonly seed?: number;
  /** Plain CREATE TABLE text of every database. */
  readonly schema: string;
  /** How many ('a', 'b', ...), or their names. Default 2. */
  readonly replicas?: number | readonly string[];
  /** How many ('relay1', 'relay2', ...), or their names. Default 1. Each one stays equal with the one before. */
  readonly relays?: number | readonly string[];
  readonly network?: NetworkOptions;
  readonly limits?: Partial<Limits>;
  /** The relays' rule who may do what; everything is allowed when absent. */
  readonly authorize?: Authorize;
  /** The token of a machine, by its name. */
  readonly token?: (machine: string) => string | undefined;
}

/** One line of the log of a machine. */
export interface LogLine {
  readonly machine: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
}

/** The database id of every cluster: links go to ws://RELAY/app. */
const DATABASE_ID = 'app';
const TURN_MS = 5;
const SETTLE_MS = 600_000;
const SETTLE_STEP_MS = 500;
const LOG_LINES_MAX = 10_000;
const MACHINES_MAX = 100;

/**
 * Makes a cluster and starts all its machines; replica i syncs with relay i, and with the first again after the last.
 *
 * Errors  USAGE for a name, share or limit that cannot be; SCHEMA_REFUSED.
 */
export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const names = {
    relays: namesOf(options.relays ?? 1, (i) => `relay${i + 1}`),
    replicas: namesOf(options.replicas ?? 2, (i) => (i < 26 ? String.fromCharCode(97 + i) : `replica${i + 1}`)),
  };
  const all = [...names.relays, ...names.replicas];
  if (new Set(all).size < all.length) throw usage('two machines have one name: every name is taken once');
  if (all.length > MACHINES_MAX) throw usage(`a cluster has ${MACHINES_MAX} machines at most`);
  const module = await loadEngineModule();
  const computers = new Map<string, Computer>();
  for (const name of all) computers.set(name, await Computer.make(module));
  const cluster = new Cluster(options, names, computers);
  await cluster.startAll();
  return cluster;
}

export class Cluster {
  /** Give it to createCluster() to see the same run again. */
  readonly seed: number;
  /** For what the test itself leaves to chance: decided by the seed too. */
  readonly random: Random;
  readonly #clock = new VirtualClock();
  readonly #pulse: Pulse = new Pulse(this.#clock);
  readonly #network: VirtualNetwork;
  readonly #relays = new Map<string, ClusterRelay>();
  readonly #replicas = new Map<string, ClusterReplica>();
  readonly #log: LogLine[] = [];

  /** @internal Use createCluster(). */
  constructor(
    options: ClusterOptions,
    names: { readonly relays: readonly string[]; readonly replicas: readonly string[] },
    computers: ReadonlyMap<string, Computer>,
  ) {
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    this.random = new Random(this.seed, 'test');
    const conditions = networkConditions(options.network);
    const deaf = { onSend: () => undefined, onLost: () => undefined };
    this.#network = new VirtualNetwork(this.#clock, new Random(this.seed, 'network'), conditions, deaf);
    const world = this.#surroundings(options);
    const partsOf = (name: string): ConstructorParameters<typeof ClusterReplica>[1] => {
      return { computer: computers.get(name)!, world, random: new Random(this.seed, name) };
    };
    const diallingOf = (machine: string, boot: Boot) =>
      virtualDialling(machine, boot, { world, relayOf: (host) => this.#relays.get(host) });
    const authorize = options.authorize ?? ALLOW_ALL;
    for (const [i, name] of names.relays.entries()) {
      const upstreams = i === 0 ? [] : [`ws://${names.relays[i - 1]!}`];
      this.#relays.set(name, new ClusterRelay(name, partsOf(name), { authorize, upstreams, diallingOf }));
    }
    for (const [i, name] of names.replicas.entries()) {
      const relay = names.relays[i % Math.max(1, names.relays.length)];
      const syncs = relay === undefined ? [] : [`ws://${relay}/${DATABASE_ID}`];
      this.#replicas.set(name, new ClusterReplica(name, partsOf(name), { syncs, diallingOf }));
    }
  }

  /** Milliseconds since the Unix epoch, as every machine of the cluster sees them. */
  get now(): number {
    return this.#clock.now;
  }

  /** What the machines logged, but for debug lines; the last 10,000. */
  get log(): readonly LogLine[] {
    return this.#log;
  }

  /** Errors  USAGE for a name that is no replica. */
  replica(name: string): ClusterReplica {
    return found(this.#replicas, name, 'replica');
  }

  /** Errors  USAGE for a name that is no relay. */
  relay(name: string): ClusterRelay {
    return found(this.#relays, name, 'relay');
  }

  /** Nothing gets from the first machines to the second, nor back unless `oneWay`, until heal(). */
  partition(
    from: readonly string[],
    to: readonly string[],
    { oneWay = false }: { readonly oneWay?: boolean } = {},
  ): void {
    for (const name of [...from, ...to]) this.#machine(name);
    for (const one of from) {
      for (const other of to) {
        this.#network.block(one, other);
        if (!oneWay) this.#network.block(other, one);
      }
    }
  }

  /** Ends all partitions. */
  heal(): void {
    this.#network.heal();
  }

  /** Loses every connection of a machine, with what is under way; its links dial again. */
  disconnect(machine: string): void {
    this.#network.cut(this.#machine(machine).name);
  }

  /** Lets so many milliseconds pass. Errors  UNAVAILABLE when an authorize or token function never answers. */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw usage(`advance takes milliseconds, not ${String(ms)}`);
    await this.#pulse.pass(ms);
  }

  /**
   * Lets time pass until a promise settles, and answers as it does: cluster.until(a.db.flushed({ tier: 'relay' })).
   *
   * Errors  those of the promise; UNAVAILABLE when it is open after `withinMs` (default ten minutes) of the cluster.
   */
  async until<T>(promise: Promise<T>, { withinMs = SETTLE_MS }: { readonly withinMs?: number } = {}): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    if (await this.#pulse.pass(withinMs, () => isSettled)) return promise;
    throw new ReplicationError('UNAVAILABLE', `what was waited for did not come within ${withinMs} ms`);
  }

  /**
   * Lets time pass until all running machines hold the same rows and every link of theirs is live and acknowledged.
   *
   * Errors  UNAVAILABLE when that is not so after `withinMs` (default ten minutes) of the cluster, and why: a machine
   *         that is parted, refused or writes on never settles.
   */
  async settle({ withinMs = SETTLE_MS }: { readonly withinMs?: number } = {}): Promise<void> {
    let reason: string | undefined;
    for (let passed = 0; passed < withinMs; passed += SETTLE_STEP_MS) {
      await this.#pulse.pass(SETTLE_STEP_MS);
      reason = this.#unsettled();
      if (reason === undefined) return;
    }
    throw new ReplicationError('UNAVAILABLE', `the cluster did not settle within ${withinMs} ms: ${reason ?? ''}`);
  }

  /** What every running machine holds: machine -> table -> rows as SQL literals, in the order of their text. */
  contents(): Readonly<Record<string, TableContents>> {
    return Object.fromEntries(this.#running().map((machine) => [machine.name, contentsOf(machine.store)]));
  }

  /** Stops every machine. */
  async close(): Promise<void> {
    for (const machine of [...this.#replicas.values(), ...this.#relays.values()]) await machine.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  async startAll(): Promise<void> {
    for (const machine of [...this.#relays.values(), ...this.#replicas.values()]) await machine.start();
  }

  #surroundings({ limits, schema, token }: ClusterOptions): Surroundings {
    return {
      clock: this.#clock,
      network: this.#network,
      pulse: this.#pulse,
      limits: limitsWith(limits),
      schema,
      dbid: DATABASE_ID,
      turnMs: TURN_MS,
      logOf: (machine) => this.#logOf(machine),
      tokenOf: (machine) => token?.(machine),
    };
  }

  #logOf(machine: string): Log {
    const at =
      (level: LogLine['level']) =>
      (fields: Record<string, unknown>, message: string): void => {
        if (this.#log.length >= LOG_LINES_MAX) this.#log.shift();
        this.#log.push({ machine, level, code: String(fields['code'] ?? ''), message });
      };
    return { debug: () => undefined, info: at('info'), warn: at('warn'), error: at('error') };
  }

  #running(): (ClusterRelay | ClusterReplica)[] {
    return [...this.#relays.values(), ...this.#replicas.values()].filter(({ isRunning }) => isRunning);
  }

  #machine(name: string): ClusterRelay | ClusterReplica {
    const all = new Map<string, ClusterRelay | ClusterReplica>([...this.#relays, ...this.#replicas]);
    return found(all, name, 'machine');
  }

  /** Why the cluster is not settled, in words. */
  #unsettled(): string | undefined {
    const running = this.#running();
    for (const { name, links } of running) {
      for (const { status } of links) {
        const { state, unacknowledged = 0, lastError } = status;
        if (state === 'closed' || state === 'paused' || (state === 'live' && unacknowledged === 0)) continue;
        return `a link of ${name} is ${state}, ${unacknowledged} versions unacknowledged (${lastError?.message ?? 'no error'})`;
      }
    }
    const [first, ...others] = running.map((machine) => [machine.name, contentsOf(machine.store)] as const);
    for (const [name, contents] of others) {
      const difference = differenceOf(first![1], contents);
      if (difference !== undefined) return `${first![0]} and ${name} differ: ${difference}`;
    }
    return undefined;
  }
}

const ALLOW_ALL: Authorize = () => ({ read: 'all', write: 'all', schema: true, mode: 'peer' });

function namesOf(given: number | readonly string[], nameOf: (i: number) => string): readonly string[] {
  if (typeof given !== 'number') {
    const wrong = given.find((name) => !/^[a-z][a-z0-9-]{0,40}$/.test(name));
    if (wrong === undefined) return given;
    throw usage(`'${wrong}' is no name of a machine: use small letters, digits and '-'`);
  }
  if (!Number.isSafeInteger(given) || given < 0) throw usage('machines are given by a whole number or by names');
  return Array.from({ length: given }, (_, i) => nameOf(i));
}

function found<T>(machines: ReadonlyMap<string, T>, name: string, kind: string): T {
  const machine = machines.get(name);
  if (machine !== undefined) return machine;
  throw usage(`there is no ${kind} '${name}': there are ${[...machines.keys()].join(', ') || 'none'}`);
}

function usage(message: string): ReplicationError {
  return new ReplicationError('USAGE', message);
}
