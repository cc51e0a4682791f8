/**
 * A machine of a cluster: a computer, and the process on it that is started, stopped, crashed and started again.
 *
 * A crash is not told to the process: its timers never ring again, its connections are dead, its disk keeps what a
 * real one would. Promises of a process that crashed stay open for ever, as those of a killed program do.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import type { Connection } from '../sqlite/database.ts';
import type { Owner, VirtualClock } from './clock.ts';
import type { Computer, StorageSnapshot } from './computer.ts';
import type { VirtualNetwork } from './network.ts';
import type { Pulse } from './pulse.ts';
import type { Random } from './random.ts';

/** What the machines of a cluster share. */
export interface Surroundings {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly pulse: Pulse;
  readonly limits: Limits;
  readonly schema: string;
  readonly dbid: string;
  /** The longest wait before a turn of a replica's loop. */
  readonly turnMs: number;
  logOf(machine: string): Log;
  tokenOf(machine: string): string | undefined;
}

/** What a process gets when it starts. */
export interface Boot {
  readonly owner: Owner;
  readonly runtime: Runtime;
  readonly log: Log;
}

/** A running program. */
export interface Process {
  /** Open connections to files: their memory is given back when the process is no more. */
  readonly connections: readonly Connection[];
  /** Ends in order. */
  stop(): Promise<void>;
}

export interface CrashOptions {
  /** The power fails: what was not synced to the disk is lost. Otherwise only the process ends. */
  readonly power?: boolean;
}

export interface RestoreFilesOptions {
  /**
   * What lies beside the files (side file, a relay's pinned keys): 'left' (default) as it is, as when somebody copies a
   * file back; 'restored' with them, as when a whole machine is set back.
   */
  readonly beside?: 'left' | 'restored';
}

export abstract class Machine<P extends Process> {
  readonly name: string;
  protected readonly computer: Computer;
  protected readonly world: Surroundings;
  readonly #random: Random;
  #running: { readonly owner: Owner; readonly process: P } | undefined;

  constructor(
    name: string,
    parts: { readonly computer: Computer; readonly world: Surroundings; readonly random: Random },
  ) {
    this.name = name;
    this.computer = parts.computer;
    this.world = parts.world;
    this.#random = parts.random;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Starts the process; does nothing while it runs. Errors  what opening its files says. */
  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    this.computer.disk.capacityBytes = Infinity;
    const owner: Owner = { alive: true };
    const runtime = this.world.clock.runtimeFor(owner, this.#random, this.world.turnMs);
    const process = await this.boot({ owner, runtime, log: this.world.logOf(this.name) });
    this.#running = { owner, process };
  }

  /** Ends the process in order: links say bye, files are closed. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.computer.disk.capacityBytes = Infinity;
    this.#running = undefined;
    await running.process.stop();
    running.owner.alive = false;
  }

  /** Ends the process in the middle of whatever it does, or the power of its computer; start() begins again. */
  crash({ power = false }: CrashOptions = {}): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.owner.alive = false;
    this.world.network.machineDied(this.name);
    const { disk } = this.computer;
    // Of what was not synced, a disk keeps nothing, everything or single sectors.
    const survivors = this.#random.pick([0, 0, 0.5, 0.9]);
    if (power) disk.powerLoss(() => this.#random.chance(survivors));
    else disk.processEnd();
    for (const connection of running.process.connections) closeLost(connection);
  }

  /** The disk takes no byte more; start(), stop() and `false` end that. */
  setDiskFull(full: boolean): void {
    this.computer.disk.capacityBytes = full ? 0 : Infinity;
  }

  /** The disk as it is now, for restore(). */
  snapshot(): StorageSnapshot {
    return this.computer.snapshot();
  }

  /** Ends the process, puts an earlier state of the files back, and starts again. */
  async restore(snapshot: StorageSnapshot, { beside = 'left' }: RestoreFilesOptions = {}): Promise<void> {
    this.crash();
    this.computer.restore(snapshot, beside);
    await this.start();
  }

  /** Ends the process, loses everything on the disk, and starts again. */
  async wipe(): Promise<void> {
    this.crash();
    this.computer.wipe();
    await this.start();
  }

  /** @internal */
  protected abstract boot(boot: Boot): Promise<P>;

  /** Errors  CLOSED while the machine is off. */
  protected get process(): P {
    if (this.#running !== undefined) return this.#running.process;
    throw new ReplicationError('CLOSED', `${this.name} is switched off: start it first`);
  }
}

function closeLost(connection: Connection): void {
  try {
    connection.close();
  } catch {
    // The files under it are gone: only the engine's memory is given back here.
  }
}
