/**
 * Damaged files: bytes changed, pages zeroed or exchanged, ends cut off, in a file that was closed well or in one
 * that a process left with its journal.
 *
 * Whoever opens and reads such a file gets a coded error that says what to do, or rows; never a crash or a hang.
 * What SQLite's own check would find and no read noticed is counted.
 */
import type { ErrorCode } from '../../src/core/errors.ts';
import { isReplicationError } from '../../src/core/errors.ts';
import type { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Store } from '../../src/store/store.ts';
import { DATABASE_PATH } from '../simulation/computers.ts';
import { contentsOf } from '../simulation/contents.ts';
import { Random } from '../simulation/random.ts';
import type { TestComputers } from './computers.ts';
import { createTestComputers, openOn } from './computers.ts';
import type { Counts, Suite } from './suite.ts';
import { expectThat } from './suite.ts';
import { Workload } from './workload.ts';

const CODES: readonly ErrorCode[] = ['DATABASE_CORRUPT', 'STORAGE_FAILED', 'STORAGE_FULL', 'ENGINE_FAILED'];
const PAGE_BYTES = 4096;

export const damage: Suite = {
  name: 'damage',
  about: 'files with bytes changed, pages lost or ends cut off',
  full: 5_000,
  async prepare() {
    const computers = await createTestComputers();
    return { runCase: (seed) => runCase(computers, seed), close: () => computers.close() };
  },
};

function runCase(computers: TestComputers, seed: number): Counts {
  const { disk } = computers.faulty;
  const random = new Random(seed, 'damage');
  disk.restore(computers.template);
  const before = writeFile(computers, seed, random);
  const what = damageFile(disk, random);
  const outcome = outcomeOf(computers, seed, before);
  return { damaged: 1, [what]: 1, [outcome]: 1 };
}

/** Fills the database and leaves it closed, or as a killed process does. Returns its rows. */
function writeFile(computers: TestComputers, seed: number, random: Random): string {
  const workload = new Workload(computers, { seed, fresh: false });
  workload.open();
  for (let i = random.between(3, 12); i > 0; i--) workload.run(workload.nextAction());
  const rows = rowsOf(workload.store);
  if (random.chance(0.7)) workload.close();
  else {
    computers.faulty.disk.processEnd();
    workload.abandon();
  }
  return rows;
}

function damageFile(disk: MemoryFileSystem, random: Random): string {
  const paths = ['', '-wal'].map((ending) => DATABASE_PATH + ending).filter((path) => (disk.sizeOf(path) ?? 0) > 0);
  const path = random.pick(paths);
  const size = disk.sizeOf(path)!;
  const handle = disk.open(path, { create: false });
  const page = random.below(Math.ceil(size / PAGE_BYTES)) * PAGE_BYTES;
  const kind = random.pick(['bytes', 'bytes', 'page', 'noise', 'cut', 'header'] as const);
  switch (kind) {
    case 'bytes':
      for (let i = random.pick([1, 3, 30]); i > 0; i--) disk.write(handle, random.bytes(1), random.below(size));
      break;
    case 'page':
      disk.write(handle, new Uint8Array(Math.min(PAGE_BYTES, size - page)), page);
      break;
    case 'noise':
      disk.write(handle, random.bytes(Math.min(PAGE_BYTES, size - page)), page);
      break;
    case 'cut':
      disk.truncate(handle, random.below(size));
      break;
    case 'header':
      disk.write(handle, random.bytes(random.between(1, 8)), random.below(Math.min(size, 100)));
  }
  disk.close(handle);
  return `${kind} of ${path === DATABASE_PATH ? 'the file' : 'its journal'}`;
}

function outcomeOf(computers: TestComputers, seed: number, before: string): string {
  const { driver, hooked } = computers.faulty;
  hooked.hook = undefined;
  let store: Store | undefined;
  try {
    store = attempt('open', () => openOn(driver, seed * 1000 + 999));
    if (store === undefined) return 'noticed at open';
    const opened = store;
    if (attempt('read', () => serveAll(opened)) === undefined) return 'noticed at a read';
    const read = attempt('user read', () => rowsOf(opened), [...CODES, 'SQL_ERROR']);
    if (read === undefined) return "noticed at a user's read";
    const check = attempt('check', () => opened.connection.prepare('PRAGMA integrity_check').get()?.[0]);
    if (check !== 'ok') return 'found by a check only';
    return read === before ? 'harmless' : 'other rows in a whole file';
  } finally {
    const opened = store;
    if (opened !== undefined) attempt('close', () => opened.close());
  }
}

/** All that a link may read of it. */
function serveAll(store: Store): true {
  store.flush();
  for (let at = 0 as never, last = false; !last;) {
    const piece = store.readPiece(at, { without: [], changesMax: 500 });
    at = piece.to as never;
    last = piece.last;
  }
  return true;
}

/** All that a user may read: SQL that names what the file no longer has is answered as any such SQL is. */

function rowsOf(store: Store): string {
  return JSON.stringify(contentsOf(store.connection, new Set()));
}

/** Undefined when it ends in one of the codes, which are those of the disk. */
function attempt<T>(what: string, work: () => T, codes: readonly ErrorCode[] = CODES): T | undefined {
  try {
    return work();
  } catch (error) {
    const isCoded = isReplicationError(error) && codes.includes(error.code);
    expectThat(isCoded, () => `${what}: ${error instanceof Error ? error.stack : String(error)}`);
    return undefined;
  }
}
