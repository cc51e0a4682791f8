/**
 * A simulated machine: one computer with one replica, which may crash, lose power, restart and join late.
 *
 * Everything above the disk is the real thing: store, session, replica loop, codec. Memory dies with a crash; the
 * disk keeps what was synced (power) or written (end of the process).
 */
import { rangesOfSite } from '../../src/core/coverage.ts';
import { isReplicationError, ReplicationError } from '../../src/core/errors.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Log, Runtime } from '../../src/core/runtime.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { IdentityMarker, Marker } from '../../src/store/identity-marker.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { changesDisk } from '../faults/hooked-file-system.ts';
import { MemoryMarker } from '../store/memory-marker.ts';
import type { Owner, VirtualClock } from './clock.ts';
import type { Computer } from './computers.ts';
import { DATABASE_PATH } from './computers.ts';
import type { Image } from './images.ts';
import { DRAFT_PATH, imageOf, withDraftInPlace, writeDraft } from './images.ts';
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

/** A machine's file and what lies beside it, as of one moment, with what the file then said of itself. */
export interface Backup {
  readonly disk: DiskSnapshot;
  readonly marker: Marker | undefined;
  readonly site: SiteId;
  readonly announced: number;
}

/** What lies beside a file that is put in place: as before, nothing, that of the backup, or that of another place. */
export type Beside = 'left' | 'nothing' | 'restored' | 'foreign';

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
  /** What a promise said once the schedule was over. */
  noteLate(error: unknown): void;
  /** The power failed inside a write to the disk. */
  powerFailed(machine: Machine): void;
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
  /** What lies beside the file; written and synced at once. */
  readonly #marker = new MemoryMarker();
  /** How far this machine's wall clock is ahead of the others. */
  #aheadMs = 0;
  #owner: Owner = { alive: false };
  #running: Running | undefined;
  #wasOn = false;
  /** The store of a process that lost its disk in the middle of a call. */
  #lost: Store | undefined;
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
    this.mend();
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

  /** It was never switched on. */
  get isNew(): boolean {
    return !this.#wasOn;
  }

  /** Own versions that it has announced, and that may have left it. */
  get sent(): { readonly site: SiteId; readonly announced: number; readonly shown: number } {
    const { announced, shown } = this.store;
    return { site: this.site, announced, shown };
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

  /** Sets the wall clock forward, or back. */
  jumpClock(ms: number): void {
    this.#aheadMs += ms;
  }

  start(): void {
    this.setDiskFull(false);
    this.#buryLost();
    const owner: Owner = { alive: true };
    this.#owner = owner;
    this.#wasOn = true;
    try {
      this.#running = this.#boot(owner);
    } catch (error) {
      if (owner.alive) throw error;
    }
  }

  #boot(owner: Owner): Running | undefined {
    const { codec, limits, ledger } = this.#world;
    const runtime = this.#runtime(owner);
    const store = this.#open(DATABASE_PATH, runtime, this.#marker);
    // The power may have failed where the engine goes on all the same.
    this.#lost = store;
    ledger.recordOwn(store);
    // What a former site had announced lies in this file, and must not be lost either.
    const { formerSites } = store.identity;
    for (const site of formerSites) ledger.promise(this.name, site, rangesOfSite(store.coverage, site));
    const replica = new Replica({ store, codec, runtime, limits, log: this.#log(owner), dbid: DATABASE_ID });
    replica.onCommit(() => {
      ledger.recordOwn(store);
      this.#lookForTornTwins(store);
      this.#world.onCommit(this);
    });
    if (!owner.alive) return undefined;
    this.#lost = undefined;
    return { owner, store, replica };
  }

  #open(path: string, runtime: Runtime, marker?: IdentityMarker): Store {
    const { driver } = this.#computer;
    const randomBytes = (length: number): Uint8Array => runtime.randomBytes(length);
    const beside = marker === undefined ? {} : { marker };
    return openStore({ driver, path, randomBytes, limits: this.#world.limits, ...beside });
  }

  /** The power fails at the `operations`th change of the disk from now, in the middle of what is going on then. */
  cutPowerAfter(operations: number): void {
    let left = operations;
    this.#computer.hooked.hook = (operation) => {
      if (changesDisk(operation)) left -= 1;
      return left > 0 ? undefined : { kind: 'throw', error: this.#losePower() };
    };
  }

  /** No power cut is under way. */
  mend(): void {
    this.#computer.hooked.hook = undefined;
  }

  /** The file as it lies there, whether or not it is open. */
  backup(): Backup {
    const { identity, announced } = this.store;
    return { disk: this.#computer.disk.snapshot(), marker: this.#marker.content, site: identity.site, announced };
  }

  /** Puts another file in the place of this one, while the machine is off. */
  putFile({ disk, marker }: Pick<Backup, 'disk' | 'marker'>, beside: Beside): void {
    this.#buryLost();
    this.#computer.disk.restore(disk);
    if (beside === 'nothing') this.#marker.content = undefined;
    else if (beside === 'restored') this.#marker.content = marker;
    else if (beside === 'foreign') this.#marker.content = marker && { ...marker, foreign: 'it was copied here' };
  }

  /** Changes that wait to be merged. */
  get waitingChanges(): number {
    return this.#running?.replica.waitingChanges ?? 0;
  }

  /** Makes an image of the database, as a relay does; undefined where the disk does not take it. */
  tryMakeImage(): Image | undefined {
    try {
      this.replica.flush();
      return imageOf(this.#computer, this.store);
    } catch (error) {
      if (this.isRunning && !isReplicationError(error, 'STORAGE_FULL')) throw error;
      return undefined;
    }
  }

  /** Puts an image in the place of the file, which has no rows; the power may fail at one of the steps. */
  tryAdopt(image: Image, failsAt: number | undefined): void {
    try {
      if (this.store.isPristine) this.#adopt(image, failsAt);
    } catch (error) {
      const isUsual = isReplicationError(error, 'STORAGE_FULL') || isReplicationError(error, 'IMAGE_REFUSED');
      if (this.isRunning && !isUsual) throw error;
    }
  }

  #adopt(image: Image, failsAt: number | undefined): void {
    const { disk } = this.#computer;
    const steps = [
      () => (this.#marker.content = undefined),
      () => disk.restore(withDraftInPlace(disk.snapshot(), DATABASE_PATH)),
      () => disk.syncDirectory('/'),
    ];
    writeDraft(this.#computer, image, this.store);
    this.#open(DRAFT_PATH, this.#runtime(this.owner)).close();
    const adopted = this.replica.adopt(() => {
      steps.forEach((step, i) => {
        if (i === failsAt) throw this.#losePower();
        step();
      });
    });
    // Refused when rows came meanwhile: then it goes on with rows.
    adopted.catch(() => undefined);
  }

  /** What was not synced is lost, and the process is gone; what it was just doing finds no disk any more. */
  #losePower(): Error {
    this.mend();
    this.#world.powerFailed(this);
    const survivors = this.#random.pick([0, 0.5, 0.9]);
    this.#owner.alive = false;
    if (this.#running !== undefined) this.#lost = this.#running.store;
    this.#running = undefined;
    this.#computer.disk.powerLoss(() => this.#random.chance(survivors));
    this.#world.clock.after(0, () => this.#buryLost());
    return new ReplicationError('STORAGE_FAILED', 'the power has failed');
  }

  /** Gives the engine's memory back: the disk under it is gone. */
  #buryLost(): void {
    const lost = this.#lost;
    this.#lost = undefined;
    try {
      lost?.close();
    } catch (error) {
      if (!isReplicationError(error)) throw error;
    }
  }

  #runtime(owner: Owner): Runtime {
    const { clock, turnMs } = this.#world;
    return clock.runtimeFor(owner, { random: this.#random, turnMs, aheadMs: () => this.#aheadMs });
  }

  /** The process ends or the power fails in the middle of whatever was under way. */
  crash(kind: 'process' | 'power'): void {
    this.mend();
    const { owner, store } = this.#on();
    const { disk } = this.#computer;
    owner.alive = false;
    this.#running = undefined;
    const survivors = this.#random.pick([0, 0, 0.5, 0.9]);
    if (kind === 'process') disk.processEnd();
    else disk.powerLoss(() => this.#random.chance(survivors));
    this.#lost = store;
    this.#buryLost();
  }

  /** The schedule is over: nothing of this machine stays open, whatever it was at. */
  discard(): void {
    if (this.isRunning) this.crash('process');
    else this.#buryLost();
  }

  /** Writes that a new site announced while it was opened are told by no commit, and may have left. */
  recordOwn(): void {
    const { store } = this;
    try {
      this.#world.ledger.recordOwn(store);
    } catch (error) {
      // A connection that must be opened again, on a disk that is full or loses power.
      if (this.isRunning && !isReplicationError(error, 'STORAGE_FULL')) throw error;
    }
  }

  /** An orderly end. */
  stop(): void {
    this.setDiskFull(false);
    this.mend();
    const { owner, replica } = this.#on();
    replica.close().catch((error: unknown) => this.#world.noteLate(error));
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

  #log(owner: Owner): Log {
    const at =
      (level: LogLine['level']) =>
      (fields: Record<string, unknown>, message: string): void => {
        if (!owner.alive) return;
        const line = { machine: this.name, level, code: String(fields['code'] ?? ''), message, cause: fields['err'] };
        this.#world.note(line);
        this.#world.trace(() => `${this.name} ${level} ${line.code}: ${message}`);
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}
