/**
 * Power cuts: a workload runs once on a disk that is copied before every write and sync; then each copy loses its
 * power, with any part of the unsynced sectors written, and is judged.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../src/sqlite/wasm/engine-module.ts';
import type { DiskSnapshot, MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { DATABASE_PATH } from '../simulation/computers.ts';
import { Random } from '../simulation/random.ts';
import type { TestComputers } from './computers.ts';
import { createTestComputers, EMPTY_DISK } from './computers.ts';
import { stateOf } from './disk-state.ts';
import type { DiskOperation } from './hooked-file-system.ts';
import { changesDisk } from './hooked-file-system.ts';
import type { Expectation } from './recovery-judge.ts';
import { RecoveryJudge } from './recovery-judge.ts';
import type { Counts, Suite } from './suite.ts';
import { Workload } from './workload.ts';
import type { Promised } from './workload.ts';

interface Plan {
  readonly fresh: boolean;
  /** VFS writes after which the workload ends. */
  readonly writesMax: number;
  /** The share of writes and syncs at which the power is cut. */
  readonly cutShare: number;
  /** Writes before the first cut. */
  readonly quietWrites: number;
}

/** A disk at the moment before one of its changes, and what must then be found. */
interface Moment {
  readonly disk: DiskSnapshot;
  readonly promised: Promised;
  readonly statesSeen: number;
  readonly isBetweenStates: boolean;
  /** What was under way, for the report. */
  readonly during: string;
}

const REAL_FILE_SHARE = 0.02;
const SECOND_CUT_SHARE = 0.1;

export const powerCut: Suite = {
  name: 'power-cut',
  about: 'a cut at every write and sync of workloads of up to 30 writes',
  full: 1_000,
  prepare: () =>
    prepareCuts((random) => {
      const fresh = random.chance(0.04);
      const writesMax = random.between(5, 30);
      return { fresh, writesMax, cutShare: fresh ? 0.2 : 1, quietWrites: random.chance(0.3) ? 0 : OPEN_WRITES };
    }),
};

export const powerCutLong: Suite = {
  name: 'power-cut-long',
  about: 'cuts at random points of long workloads',
  full: 200,
  prepare: () =>
    prepareCuts((random) => {
      return { fresh: random.chance(0.1), writesMax: random.between(200, 600), cutShare: 0.05, quietWrites: 0 };
    }),
};

/** A workload that is watched only after its open skips about so many writes. */
const OPEN_WRITES = 12;

async function prepareCuts(planOf: (random: Random) => Plan): ReturnType<Suite['prepare']> {
  const computers = await createTestComputers();
  const folder = mkdtempSync(join(tmpdir(), 'crmesh-cuts-'));
  const files = await createWasmDriver({ module: await loadEngineModule() });
  return {
    runCase(seed) {
      const random = new Random(seed, 'cuts');
      const plan = planOf(random);
      const { moments, workload, writes } = record(computers, seed, plan);
      const judge = new RecoveryJudge(computers, seed);
      const counts = { workloads: 1, writes, cuts: 0, 'second cuts': 0, 'on real files': 0 };
      const cut = { computers, judge, random, files, folder };
      for (const moment of moments) {
        const done = judgeMoment(cut, moment, expectationOf(moment, workload));
        counts.cuts += 1;
        counts['second cuts'] += done.second ? 1 : 0;
        counts['on real files'] += done.onFiles ? 1 : 0;
      }
      return { ...counts, 'judged in depth': judge.deepJudgements } satisfies Counts;
    },
    close() {
      computers.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs the workload and keeps the disk of each moment at which the power will be cut. */
function record(
  computers: TestComputers,
  seed: number,
  { fresh, writesMax, cutShare, quietWrites }: Plan,
): { moments: Moment[]; workload: Workload; writes: number } {
  const { disk, hooked } = computers.faulty;
  const workload = new Workload(computers, { seed, fresh });
  const random = new Random(seed, 'moments');
  const moments: Moment[] = [];
  let writes = 0;
  disk.restore(fresh ? EMPTY_DISK : computers.template);
  workload.noteStart(fresh ? '' : startState(computers));
  disk.restore(fresh ? EMPTY_DISK : computers.template);
  hooked.hook = (operation) => {
    if (!changesDisk(operation)) return undefined;
    if (operation.call === 'write') writes += 1;
    if (writes >= quietWrites && random.chance(cutShare)) moments.push(momentOf(disk, workload, operation));
    return undefined;
  };
  workload.open();
  const end = writesMax + (quietWrites > 0 || fresh ? writes : 0);
  while (writes < end) workload.run(workload.nextAction());
  moments.push(momentOf(disk, workload, { call: 'size', path: 'nothing', bytes: 0 }));
  hooked.hook = undefined;
  workload.close();
  return { moments, workload, writes };
}

function startState({ faulty }: TestComputers): string {
  const connection = faulty.driver.open(DATABASE_PATH);
  try {
    return stateOf(connection);
  } finally {
    connection.close();
  }
}

function momentOf(disk: MemoryFileSystem, workload: Workload, { call, path, bytes }: DiskOperation): Moment {
  const { promised, states, isBetweenStates, doing } = workload;
  const during = `before ${call} of ${bytes} bytes to ${path} in ${doing}, after ${states.length} states`;
  return { disk: disk.snapshot(), promised, statesSeen: states.length, isBetweenStates, during };
}

/** A commit that is being made may be there already: the state after it counts, too. */
function expectationOf({ promised, statesSeen, isBetweenStates }: Moment, { states }: Workload): Expectation {
  return { promised, states: isBetweenStates ? undefined : new Set(states.slice(promised.state, statesSeen + 1)) };
}

interface Cut {
  readonly computers: TestComputers;
  readonly judge: RecoveryJudge;
  readonly random: Random;
  readonly files: Driver;
  readonly folder: string;
}

function judgeMoment(cut: Cut, moment: Moment, expectation: Expectation): ReturnType<typeof judgeCut> {
  try {
    return judgeCut(cut, moment, expectation);
  } catch (cause) {
    throw new Error(`power cut ${moment.during}`, { cause });
  }
}

function judgeCut(
  { computers, judge, random, files, folder }: Cut,
  moment: Moment,
  expectation: Expectation,
): { second: boolean; onFiles: boolean } {
  const { disk, hooked, driver } = computers.faulty;
  cutPower(disk, moment.disk, random);
  const second = random.chance(SECOND_CUT_SHARE) && cutWhileRecovering(computers, random);
  const onFiles = random.chance(REAL_FILE_SHARE);
  if (onFiles) judge.judge(driverOfFiles(files, copyToFolder(disk, folder)), expectation);
  hooked.hook = undefined;
  judge.judge(driver, expectation);
  return { second, onFiles };
}

function cutPower(disk: MemoryFileSystem, snapshot: DiskSnapshot, random: Random): void {
  const survivors = random.pick([0, 0.1, 0.5, 0.5, 0.9, 1]);
  disk.restore(snapshot);
  disk.powerLoss(() => random.chance(survivors));
}

/** Opens the database and cuts again somewhere on the way; false when the open ended before. */
function cutWhileRecovering({ faulty }: TestComputers, random: Random): boolean {
  const { disk, hooked, driver } = faulty;
  let left = random.between(1, 12);
  let snapshot: DiskSnapshot | undefined;
  hooked.hook = (operation) => {
    if (!changesDisk(operation)) return undefined;
    left -= 1;
    if (left === 0) snapshot = disk.snapshot();
    return undefined;
  };
  driver.open(DATABASE_PATH).close();
  hooked.hook = undefined;
  if (snapshot === undefined) return false;
  cutPower(disk, snapshot, random);
  return true;
}

/** The files as they lie on the disk, in a folder of this machine. */
function copyToFolder(disk: MemoryFileSystem, folder: string): string {
  for (const ending of ['', '-wal', '-journal']) {
    const path = join(folder, basename(DATABASE_PATH) + ending);
    const size = disk.sizeOf(DATABASE_PATH + ending);
    rmSync(path, { force: true });
    if (size === undefined) continue;
    const bytes = new Uint8Array(size);
    const handle = disk.open(DATABASE_PATH + ending, { create: false });
    disk.read(handle, bytes, 0);
    disk.close(handle);
    writeFileSync(path, bytes);
  }
  return join(folder, basename(DATABASE_PATH));
}

function driverOfFiles(driver: Driver, path: string): Driver {
  return { ...driver, open: (_path, options) => driver.open(path, options) };
}
