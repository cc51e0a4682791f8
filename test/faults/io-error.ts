/**
 * Errors of the disk: at some calls of a workload the file system fails, in all the ways in which one does.
 *
 * The step that met it ends with a coded error and leaves memory and tables as they were; afterwards the same
 * connection works, or a new one does; and whatever happens then, nothing that was acknowledged is lost.
 */
import type { ErrorCode } from '../../src/core/errors.ts';
import { isReplicationError } from '../../src/core/errors.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Store } from '../../src/store/store.ts';
import { Random } from '../simulation/random.ts';
import type { TestComputers } from './computers.ts';
import { createTestComputers, EMPTY_DISK } from './computers.ts';
import { stateOf } from './disk-state.ts';
import type { DiskCall, DiskFault, DiskOperation } from './hooked-file-system.ts';
import { RecoveryJudge } from './recovery-judge.ts';
import type { Suite } from './suite.ts';
import { addCounts, expectThat } from './suite.ts';
import type { Promised } from './workload.ts';
import { Workload } from './workload.ts';

const CODES: readonly ErrorCode[] = ['STORAGE_FULL', 'STORAGE_FAILED', 'DATABASE_CORRUPT', 'ENGINE_FAILED'];

export const ioError: Suite = {
  name: 'io-error',
  about: 'full disks, short writes, failing syncs and reads at any call of a workload',
  full: 2_000,
  async prepare() {
    const computers = await createTestComputers();
    return { runCase: (seed) => new Case(computers, seed).run(), close: () => computers.close() };
  },
};

/** How a call of each kind may fail. */
const FAILURES: Readonly<Record<DiskCall, readonly Failure[]>> = {
  open: ['EIO', 'EACCES', 'EMFILE'],
  read: ['EIO', 'partly'],
  write: ['ENOSPC', 'ENOSPC', 'EIO', 'partly-then-full', 'nothing', 'EIO-after'],
  truncate: ['EIO', 'EIO-after'],
  size: ['EIO'],
  sync: ['EIO', 'EIO-lost', 'EIO-lost', 'EIO-after'],
  'size-of': ['EIO'],
  remove: ['EIO', 'EIO-after'],
  'sync-directory': ['EIO'],
};

type Failure =
  | 'EIO'
  | 'EACCES'
  | 'EMFILE'
  | 'ENOSPC'
  | 'partly'
  | 'partly-then-full'
  | 'nothing'
  | 'EIO-after'
  | 'EIO-lost';

class Case {
  readonly #computers: TestComputers;
  readonly #seed: number;
  readonly #random: Random;
  readonly #workload: Workload;
  readonly #isFresh: boolean;
  readonly #counts: Record<string, number> = {};
  /** Calls until the next fault, and how many calls of its kind then fail. */
  #callsLeft = Infinity;
  #failing: { readonly call: DiskCall; readonly failure: Failure; left: number } | undefined;
  /** Only calls of this kind count. */
  #only: DiskCall | undefined;
  #hit = false;
  /** The sync of a commit failed and nothing was written over it: not acknowledged, but a reader of the file may find it. */
  #mayComeBack = false;
  /** Faults and errors so far, for the report. */
  readonly #notes: string[] = [];

  constructor(computers: TestComputers, seed: number) {
    this.#computers = computers;
    this.#seed = seed;
    this.#random = new Random(seed, 'io-error');
    this.#isFresh = this.#random.chance(0.1);
    this.#workload = new Workload(computers, { seed, fresh: this.#isFresh });
  }

  run(): Record<string, number> {
    const { disk, hooked } = this.#computers.faulty;
    disk.restore(this.#isFresh ? EMPTY_DISK : this.#computers.template);
    hooked.hook = (operation) => this.#faultOf(operation);
    try {
      this.#open();
      for (let i = this.#random.between(4, 16); i > 0; i--) this.#step();
      this.#end();
    } finally {
      hooked.hook = undefined;
      this.#workload.abandon();
    }
    return { ...this.#counts };
  }

  #count(name: string): void {
    addCounts(this.#counts, { [name]: 1 });
  }

  /** Decides when a disk fails and how. */
  #arm(): void {
    this.#hit = false;
    this.#failing = undefined;
    const isRare = this.#random.chance(0.4);
    this.#only = isRare ? this.#random.pick(['sync', 'sync', 'truncate', 'open', 'remove', 'size']) : undefined;
    this.#callsLeft = this.#random.chance(0.5) ? this.#random.below(isRare ? 4 : 60) : Infinity;
  }

  #disarm(): void {
    this.#callsLeft = Infinity;
    this.#failing = undefined;
  }

  #faultOf(operation: DiskOperation): DiskFault | undefined {
    const fault = this.#nextFault(operation);
    if (operation.call === 'sync' && fault !== undefined) this.#mayComeBack = true;
    if (operation.call === 'write' && fault === undefined) this.#mayComeBack = false;
    return fault;
  }

  #nextFault({ call, bytes }: DiskOperation): DiskFault | undefined {
    const failing = this.#failing;
    if (failing === undefined) {
      if (this.#only !== undefined && this.#only !== call) return undefined;
      this.#callsLeft -= 1;
      if (this.#callsLeft >= 0) return undefined;
      const failure = this.#random.pick(FAILURES[call]);
      this.#failing = { call, failure, left: this.#random.pick([1, 1, 2, 5, 1_000]) };
      this.#count(`${call} ${failure}`);
      this.#notes.push(`  fault: ${call} ${failure} for ${this.#failing.left} calls`);
      return this.#nextFault({ call, bytes, path: '' });
    }
    if (failing.call !== call || failing.left <= 0) return undefined;
    failing.left -= 1;
    this.#hit = true;
    return this.#play(failing.failure, bytes);
  }

  #play(failure: Failure, bytes: number): DiskFault {
    switch (failure) {
      case 'partly':
        return { kind: 'short', bytes: Math.max(1, this.#random.below(bytes)) };
      case 'nothing':
        return { kind: 'short', bytes: 0 };
      case 'partly-then-full':
        this.#failing = { call: 'write', failure: 'ENOSPC', left: 1 };
        return { kind: 'short', bytes: Math.max(1, this.#random.below(bytes)) };
      case 'EIO-after':
        return { kind: 'throw-after', error: errorOf('EIO') };
      case 'EIO-lost':
        return { kind: 'lost-sync' };
      case 'EIO':
      case 'EACCES':
      case 'EMFILE':
      case 'ENOSPC':
        return { kind: 'throw', error: errorOf(failure) };
    }
  }

  /** Opens with faults on; once they are gone it must open. */
  #open(): void {
    this.#arm();
    this.#attempt('open', () => this.#workload.open());
    this.#disarm();
    if (!this.#workload.isOpen) this.#attempt('open again', () => this.#workload.open(), true);
  }

  /** One action with faults on, judged, and set right. */
  #step(): void {
    const action = this.#workload.nextAction();
    const isOneCommit = action === 'write' || action === 'bulk' || action === 'checkpoint' || action === 'flush';
    const before = isOneCommit ? memoryOf(this.#workload.store) : undefined;
    this.#arm();
    const failed = this.#attempt(action, () => this.#workload.run(action));
    this.#disarm();
    if (!failed) return;
    if (!this.#workload.isOpen) return void this.#attempt('reopen', () => this.#workload.open(), true);
    if (before !== undefined && this.#isReadable()) {
      const after = memoryOf(this.#workload.store);
      expectThat(after === before, () => `a failed ${action} changed the store:\n${before}\n${after}`);
    }
    this.#goOn();
  }

  /** The fault is gone: the same connection works, or a new one. */
  #goOn(): void {
    const works = !this.#attempt('go on', () => this.#useAgain());
    if (works) return;
    this.#count('reopened');
    this.#workload.abandon();
    this.#attempt('reopen', () => this.#workload.open(), true);
    this.#attempt('use again', () => this.#useAgain(), true);
  }

  #useAgain(): void {
    this.#workload.flush();
    this.#workload.run('write');
    this.#workload.run('part');
  }

  #isReadable(): boolean {
    try {
      stateOf(this.#workload.store.connection);
      return true;
    } catch (error) {
      expectThat(isReplicationError(error) && CODES.includes(error.code), () => `reading: ${String(error)}`);
      return false;
    }
  }

  /** True when it failed, which it may with a fault only and with a coded error. */
  #attempt(what: string, work: () => void, mustWork = false): boolean {
    try {
      work();
      this.#count(this.#hit ? 'steps with a fault' : 'steps');
      return false;
    } catch (error) {
      const coded = isReplicationError(error) ? error.code : 'none';
      this.#notes.push(`${what}: ${coded} ${error instanceof Error ? error.message : ''}`);
      const isFine = !mustWork && (CODES as readonly string[]).includes(coded);
      if (!isFine)
        throw new Error(
          `${what}: not a coded error of the disk, or none was due (${coded})\n${this.#notes.join('\n')}`,
          { cause: error },
        );
      this.#count(`answered ${coded}`);
      return true;
    }
  }

  /** In the end: a reader sees after the process, and after a loss of power, what was acknowledged. */
  #end(): void {
    const { disk, hooked } = this.#computers.faulty;
    const workload = this.#workload;
    const isWhole = workload.isOpen && !this.#mayComeBack && this.#isReadable();
    const state = isWhole ? stateOf(workload.store.connection) : undefined;
    const ending = disk.snapshot();
    disk.processEnd();
    workload.abandon();
    hooked.hook = undefined;
    try {
      this.#judgeEnd(ending, workload.promised, state);
    } catch (cause) {
      throw new Error(`in the end:\n${this.#notes.join('\n')}`, { cause });
    }
    this.#count('judged');
  }

  #judgeEnd(ending: DiskSnapshot, promised: Promised, state: string | undefined): void {
    const { disk, driver } = this.#computers.faulty;
    const judge = new RecoveryJudge(this.#computers, this.#seed);
    judge.judge(driver, { promised, states: state === undefined ? undefined : new Set([state]) });
    for (const survivors of [0, 0.5]) {
      disk.restore(ending);
      disk.powerLoss(() => this.#random.chance(survivors));
      judge.judge(driver, { promised, states: undefined });
    }
  }
}

function memoryOf(store: Store): string {
  const { announced, storedMax, coverage, parkedChanges, identity } = store;
  const held = [...coverage].map(([site, ranges]) => `${site} ${JSON.stringify(ranges)}`);
  return JSON.stringify([announced, storedMax, held, parkedChanges, identity.era, stateOf(store.connection)]);
}

function errorOf(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
