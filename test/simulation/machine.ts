/**
 * A simulated machine: one computer with one replica, which may crash, lose power, restart and join late.
 *
 * Everything above the disk is the real thing: store, session, replica loop, codec. Memory dies with a crash; the
 * disk keeps what was synced (power) or written (end of the process).
 */
import type { Limits } from '../../src/core/limits.ts';
import type { Log, Runtime } from '../../src/core/runtime.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { Owner, VirtualClock } from './clock.ts';
import type { Computer } from './computers.ts';
import { DATABASE_PATH } from './computers.ts';
import type { Ledger } from './ledger.ts';
import type { ObservedCodec } from './observed-codec.ts';
import type { Random } from './random.ts';
import { TORN_TWINS } from './writes.ts';

export const DATABASE_ID = 'world';

export interface LogLine {
  readonly machine: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
  readonly cause: unknown;
}

/** What the machines of one world share. */
export interface Surroundings {
  readonly clock: VirtualClock;
  readonly codec: ObservedCodec;
  readonly limits: Limits;
  readonly ledger: Ledger;
  readonly turnMs: number;
  note(line: LogLine): void;
  /** A machine has committed, and told its links. */
  readonly onCommit: (machine: Machine) => void;
  /** Only a part of a source transaction was seen. */
  noteTorn(what: string): void;
  trace(text: () => string): void;
}

interface Running {
  readonly owner: Owner;
  readonly store: Store;
  readonly replica: Replica;
}

export class Machine {
  readonly name: string;
  readonly #computer: Computer;
  readonly #world: Surroundings;
  readonly #random: Random;
  #running: Running | undefined;
  /** It will never be switched on again. */
  gone = false;

  constructor(
    name: string,
    parts: {
      readonly computer: Computer;
      readonly disk: DiskSnapshot;
      readonly world: Surroundings;
      readonly random: Random;
    },
  ) {
    this.name = name;
    this.#computer = parts.computer;
    this.#world = parts.world;
    this.#random = parts.random;
    this.setDiskFull(false);
    this.#computer.disk.restore(parts.disk);
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get replica(): Replica {
    return this.#on().replica;
  }

  get store(): Store {
    return this.#on().store;
  }

  get site(): SiteId {
    return this.store.identity.site;
  }

  get owner(): Owner {
    return this.#on().owner;
  }

  /** From now on the disk takes no byte more, or as many as wanted. */
  setDiskFull(full: boolean): void {
    this.#computer.disk.capacityBytes = full ? 0 : Infinity;
  }

  start(): void {
    this.setDiskFull(false);
    const { clock, codec, limits, ledger, turnMs } = this.#world;
    const owner: Owner = { alive: true };
    const runtime: Runtime = clock.runtimeFor(owner, this.#random, turnMs);
    const { driver } = this.#computer;
    const randomBytes = (length: number): Uint8Array => runtime.randomBytes(length);
    const store = openStore({ driver, path: DATABASE_PATH, randomBytes, limits });
    ledger.recordOwn(store);
    const replica = new Replica({ store, codec, runtime, limits, log: this.#log(), dbid: DATABASE_ID });
    replica.onCommit(() => {
      ledger.recordOwn(store);
      this.#lookForTornTwins(store);
      this.#world.onCommit(this);
    });
    this.#running = { owner, store, replica };
  }

  /** The process ends or the power fails in the middle of whatever was under way. */
  crash(kind: 'process' | 'power'): void {
    const { owner, store } = this.#on();
    const { disk } = this.#computer;
    owner.alive = false;
    this.#running = undefined;
    const survivors = this.#random.pick([0, 0, 0.5, 0.9]);
    if (kind === 'process') disk.processEnd();
    else disk.powerLoss(() => this.#random.chance(survivors));
    try {
      store.connection.close();
    } catch {
      // The disk under it is gone: only the engine's memory is given back here.
    }
  }

  /** An orderly end. */
  stop(): void {
    this.setDiskFull(false);
    const { owner, replica } = this.#on();
    void replica.close();
    this.#running = undefined;
    owner.alive = false;
  }

  /** A source transaction is never seen in part, however it came here. */
  #lookForTornTwins(store: Store): void {
    const torn = store.connection.prepare(TORN_TWINS).get();
    if (torn !== undefined) this.#world.noteTorn(`${this.name} shows ${torn.map(String).join(' ')}`);
  }

  #on(): Running {
    if (this.#running === undefined) throw new Error(`${this.name} is switched off`);
    return this.#running;
  }

  #log(): Log {
    const at =
      (level: LogLine['level']) =>
      (fields: Record<string, unknown>, message: string): void => {
        const line = { machine: this.name, level, code: String(fields['code'] ?? ''), message, cause: fields['err'] };
        this.#world.note(line);
        this.#world.trace(() => `${this.name} ${level} ${line.code}: ${message}`);
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}
