/**
 * What happens to whole files: backups are put back, files are cloned, machines are wiped.
 *
 * Each replaces the file of a machine by another one. What lies beside the file tells it in most cases; where a whole
 * machine is set back, marker included, only its peer can, so the peer must know all that had left and lives on
 * until the two have met (PROTOCOL.md, Copies and backups, says what is not noticed).
 */
import { rangesOfSite } from '../../src/core/coverage.ts';
import { rangeSetOf, subtractRanges } from '../../src/core/range-set.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Backup, Beside, Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { Edge, World } from './world.ts';

export class Disasters {
  readonly #world: World;
  /** Disks of empty databases whose site ids nobody has. */
  readonly #spareDisks: DiskSnapshot[];
  readonly #backups = new Map<Machine, Backup>();

  constructor(world: World) {
    this.#world = world;
    this.#spareDisks = [...world.spareDisks];
  }

  /** One of the things that happen to files; most need something that happened before. */
  act(random: Random, machine: Machine): void {
    const whole = this.#backups.get(machine);
    random.weighted<() => void>([
      [6, () => this.#save(machine)],
      [whole === undefined ? 0 : 6, () => this.#putBack(machine, whole!, random)],
      [2, () => this.#clone(machine, random)],
      [2, () => this.#wipe(machine)],
    ])();
  }

  #save(machine: Machine): void {
    if (this.#world.isSetBack(machine)) return;
    this.#world.trace(() => `${machine.name} is backed up`);
    this.#backups.set(machine, machine.backup());
  }

  #putBack(machine: Machine, backup: Backup, random: Random): void {
    const witness = this.#witnessOf(machine, backup);
    if (witness !== undefined && random.chance(0.5)) {
      if (this.#replace(machine, backup, 'restored')) this.#world.setBack.set(machine, witness);
      return;
    }
    this.#replace(machine, backup, random.pick<Beside>(['left', 'left', 'nothing', 'foreign']));
  }

  /** A machine that is off, for instance one that never ran, comes up with a copy of another one's file. */
  #clone(from: Machine, random: Random): void {
    const [copy] = [...this.#world.machines.values()].filter(({ isRunning, isNew }) => !isRunning && isNew);
    if (copy === undefined || this.#world.isSetBack(from)) return;
    this.#world.trace(() => `${copy.name} begins as a clone of ${from.name}`);
    this.#world.filesReplaced += 1;
    this.#world.count('clone');
    copy.putFile(from.backup(), random.pick<Beside>(['nothing', 'foreign']));
    this.#world.start(copy);
  }

  #wipe(machine: Machine): void {
    const disk = this.#spareDisks.pop();
    if (disk === undefined) return;
    this.#backups.delete(machine);
    this.#replace(machine, { disk, marker: undefined, site: undefined, announced: 0 }, 'nothing');
  }

  /** False where nobody could tell it apart from what happened before. */
  #replace(
    machine: Machine,
    file: Pick<Backup, 'disk' | 'marker' | 'announced'> & { readonly site: Backup['site'] | undefined },
    beside: Beside,
  ): boolean {
    if (this.#world.isSetBack(machine)) return false;
    if ([...this.#world.setBack].some(([other, { server }]) => server === machine && this.#world.isSetBack(other)))
      return false;
    const { ledger } = this.#world;
    const { site, announced, shown } = machine.sent;
    const kept = file.site === site ? file.announced : 0;
    this.#world.trace(
      () =>
        `the file of ${machine.name} is replaced (marker ${beside}); announced ${announced}, left ${shown}, kept ${kept}`,
    );
    this.#world.filesReplaced += 1;
    this.#world.count(
      file.site === undefined ? 'wipe' : beside === 'restored' ? 'machine set back' : 'backup put back',
    );
    this.#world.crash(machine, 'process');
    ledger.forgetPromises(machine.name);
    ledger.setBack(site, { kept, left: shown, from: shown > kept ? shown : kept });
    machine.putFile(file, beside);
    this.#world.start(machine);
    return true;
  }

  /** The one link of a leaf whose relay holds all that ever left it. */
  #witnessOf(machine: Machine, { site }: Backup): Edge | undefined {
    const [edge, ...others] = this.#world.edges.filter(
      ({ client, server }) => client === machine || server === machine,
    );
    if (edge?.client !== machine || others.length > 0 || !edge.wanted || !edge.server.isRunning) return undefined;
    const { sent } = machine;
    if (sent.site !== site || this.#world.isSetBack(machine)) return undefined;
    const held = rangesOfSite(edge.server.store.coverage, site);
    return subtractRanges(rangeSetOf(0, sent.shown), held).length === 0 ? edge : undefined;
  }
}
