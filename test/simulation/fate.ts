/** Fate: what happens to a world, one action after the other, by the numbers of its seed. */
import { isReplicationError } from '../../src/core/errors.ts';
import { Disasters } from './disasters.ts';
import type { Machine } from './machine.ts';
import { Random } from './random.ts';
import { SECOND_SCHEMA } from './schema-texts.ts';
import type { Edge, World } from './world.ts';
import type { Ending, Write } from './writes.ts';
import { bulkTransaction, randomEnding, randomTransaction, runTransaction, twinTransaction } from './writes.ts';

export class Fate {
  readonly #world: World;
  readonly #seed: number;
  readonly #disasters: Disasters;
  /** Of the action under way: each has its own, so that it stays the same when others are left out. */
  #random: Random;
  /** Only one machine is lost for good in one schedule. */
  #mayLose: boolean;
  #twins = 0;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
    this.#disasters = new Disasters(world);
    this.#random = new Random(seed, 'fate');
    this.#mayLose = this.#random.chance(0.3);
    world.onPowerFailed = (machine) => this.#startLater(machine);
  }

  /** Switches on everybody who is not late. */
  begin(): void {
    const late = new Set(this.#world.plan.machines.flatMap(({ name, late: isLate }) => (isLate ? [name] : [])));
    for (const machine of this.#world.machines.values()) if (!late.has(machine.name)) this.#world.start(machine);
    if (this.#random.chance(0.7)) this.#world.clock.runFor(3_000);
  }

  act(number: number): void {
    const random = new Random(this.#seed, `action ${number}`);
    this.#random = random;
    this.#world.trace(() => `action ${number}`);
    this.#world.clock.runFor(
      random.weighted([
        [8, random.below(60)],
        [8, random.below(2_500)],
        [1, random.between(20_000, 70_000)],
      ]),
    );
    random.weighted<() => void>([
      [60, () => this.#write()],
      [8, () => this.#writeTwice()],
      [4, () => this.#bulk()],
      [8, () => this.#writeTwins()],
      [5, () => this.#partition()],
      [4, () => this.#cut()],
      [4, () => this.#toggle()],
      [7, () => this.#crash()],
      [2, () => this.#restart()],
      [this.#world.plan.fullDisks ? 4 : 0, () => this.#fillDisk()],
      [this.#mayLose ? 2 : 0, () => this.#lose()],
      [4, () => this.#join()],
      [this.#world.plan.migrates ? 8 : 0, () => this.#migrate()],
      [this.#world.plan.copies ? 12 : 0, () => this.#replaceFile()],
      [this.#world.plan.clockJumps ? 8 : 0, () => this.#jumpClock()],
    ])();
  }

  /** No more faults: everything is healed, switched on, on one schema and connected. */
  end(): void {
    const world = this.#world;
    this.#random = new Random(this.#seed, 'end');
    for (const machine of world.machines.values()) machine.mend();
    if (this.#random.chance(0.5)) world.clock.runFor(this.#random.below(5_000));
    world.trace(() => 'the end begins');
    world.network.faulty = false;
    // A machine that was started meanwhile may have been about to lose its power.
    for (const machine of world.machines.values()) machine.mend();
    world.network.heal();
    for (const machine of world.machines.values()) machine.setDiskFull(false);
    for (const machine of world.machines.values()) if (!machine.isRunning && !machine.gone) world.start(machine);
    if (world.plan.migrates) for (const machine of world.running) migrate(machine);
    if (this.#random.chance(0.3)) for (const edge of world.edges) world.cut(edge);
    for (const edge of world.edges) if (!edge.client.gone) world.connect(edge);
  }

  #write(): void {
    this.#writeOn(this.#someone(), (late) => randomTransaction(this.#random, late));
  }

  /** The same statements on two machines: ties, double deletes. */
  #writeTwice(): void {
    const writes = randomTransaction(this.#random, false);
    for (let i = 0; i < 2; i++) this.#writeOn(this.#someone(), () => writes);
  }

  #bulk(): void {
    this.#writeOn(this.#someone(), () => bulkTransaction(this.#random));
  }

  #writeTwins(): void {
    const machine = this.#someone();
    this.#twins += 1;
    this.#writeOn(machine, () => twinTransaction(machine!.name, this.#twins), 'commit');
  }

  #writeOn(machine: Machine | undefined, make: (late: boolean) => Write[], end?: Ending): void {
    if (machine === undefined) return;
    const writes = make(isLateSchema(machine));
    const ending = end ?? randomEnding(this.#random);
    this.#world.trace(
      () =>
        `${machine.name} writes (${ending}) ${writes.map(({ sql, params }) => `${sql} ${String(params)}`).join('; ')}`,
    );
    const flushes = this.#random.chance(0.1);
    const wrote = unlessDiskFails(machine, () => runTransaction(machine.store.connection, writes, ending));
    if (!wrote) return;
    machine.replica.wrote();
    if (flushes) unlessDiskFails(machine, () => machine.replica.flush());
  }

  #partition(): void {
    const { network, clock } = this.#world;
    const { client, server } = this.#random.pick(this.#world.edges);
    const both = this.#random.chance(0.6);
    const [from, to] = this.#random.chance(0.5) ? [client, server] : [server, client];
    this.#world.count(both ? 'partition' : 'partition of one direction');
    this.#world.trace(() => `partition ${from.name} -> ${to.name}${both ? ' and back' : ''}`);
    network.block(from.name, to.name);
    if (both) network.block(to.name, from.name);
    clock.after(this.#random.pick([500, 5_000, 60_000, 120_000]), () => network.heal());
  }

  #cut(): void {
    this.#world.cut(this.#random.pick(this.#world.edges));
  }

  #toggle(): void {
    const edge: Edge = this.#random.pick(this.#world.edges);
    if (edge.wanted) this.#world.disconnect(edge);
    else if (!edge.client.gone) this.#world.connect(edge);
  }

  #crash(): void {
    const machine = this.#someone();
    if (machine === undefined) return;
    // Sometimes right after a write that nobody has announced.
    if (this.#random.chance(0.3)) this.#writeOn(machine, (late) => randomTransaction(this.#random, late));
    if (!machine.isRunning) return;
    // Or in the middle of one of the next writes to its disk.
    if (this.#random.chance(0.4)) return machine.cutPowerAfter(this.#random.between(1, 60));
    this.#world.crash(machine, this.#random.chance(0.6) ? 'power' : 'process');
    this.#startLater(machine);
  }

  #restart(): void {
    const machine = this.#someone();
    if (machine === undefined) return;
    this.#world.stop(machine);
    this.#startLater(machine);
  }

  #fillDisk(): void {
    const machine = this.#someone();
    if (machine === undefined) return;
    this.#world.count('full disk');
    this.#world.trace(() => `the disk of ${machine.name} is full`);
    machine.setDiskFull(true);
    this.#world.clock.after(this.#random.pick([100, 3_000, 40_000]), () => machine.setDiskFull(false));
  }

  /** A leaf is lost for ever; what a relay acknowledged of it must live on. */
  #lose(): void {
    const leaves = this.#world.plan.machines
      .filter(({ kind }) => kind === 'leaf')
      .map(({ name }) => this.#world.machines.get(name)!);
    const machine = leaves.find(({ isRunning }) => isRunning);
    if (machine === undefined || !this.#mayLose) return;
    this.#mayLose = false;
    machine.gone = true;
    this.#world.count('machine lost for ever');
    for (const edge of this.#world.edges) if (edge.client === machine) edge.wanted = false;
    this.#world.crash(machine, 'power');
  }

  /** Whoever is switched off comes back; the late one comes for the first time. */
  #join(): void {
    for (const machine of this.#world.machines.values()) {
      if (!machine.isRunning && !machine.gone && this.#random.chance(0.5)) this.#world.start(machine);
    }
  }

  #migrate(): void {
    const machine = this.#someone();
    if (machine === undefined) return;
    this.#world.count('schema added');
    unlessDiskFails(machine, () => migrate(machine));
  }

  #replaceFile(): void {
    const machine = this.#someone();
    if (machine !== undefined) this.#disasters.act(this.#random, machine);
  }

  #jumpClock(): void {
    const machine = this.#someone();
    const ms = this.#random.pick([-86_400_000, -3_600_000, -70_000, -2_000, 2_000, 70_000, 3_600_000]);
    this.#world.count('clock jump');
    this.#world.trace(() => `the clock of ${machine?.name} jumps by ${ms} ms`);
    machine?.jumpClock(ms);
  }

  /** Now and then the power fails again while the file is opened. */
  #startLater(machine: Machine): void {
    const { clock, network } = this.#world;
    const cutAfter = this.#random.chance(0.15) ? this.#random.between(1, 30) : undefined;
    clock.after(this.#random.pick([50, 1_000, 10_000, 50_000]), () => {
      if (machine.isRunning || machine.gone) return;
      if (cutAfter !== undefined && network.faulty) machine.cutPowerAfter(cutAfter);
      this.#world.start(machine);
    });
  }

  #someone(): Machine | undefined {
    const { running } = this.#world;
    return running.length === 0 ? undefined : this.#random.pick(running);
  }
}

/** True when it was done; a full disk takes it back whole, and the user tries again another time. */
function unlessDiskFails(machine: Machine, work: () => void): boolean {
  try {
    work();
    return machine.isRunning;
  } catch (error) {
    if (!machine.isRunning) return false;
    if (!isReplicationError(error, 'STORAGE_FULL')) throw error;
    rollBack(machine);
    return false;
  }
}

/** After a migration that failed the connection is opened again, which needs room too, and power. */
function rollBack(machine: Machine): void {
  try {
    const { connection } = machine.store;
    if (connection.inTransaction) connection.exec('ROLLBACK');
  } catch (error) {
    if (machine.isRunning && !isReplicationError(error, 'STORAGE_FULL')) throw error;
  }
}

function migrate(machine: Machine): void {
  if (!isLateSchema(machine)) machine.replica.migrate(SECOND_SCHEMA);
}

function isLateSchema(machine: Machine): boolean {
  return Object.hasOwn(machine.store.schema.tables, 'note');
}
