/**
 * The computers of the disk suites: one whose disk fails, others on which is judged, and two peers with a history
 * of writes to merge.
 *
 * Made once a process, from constant seeds: a case restores disks to templates and leaves the peers as they are.
 */
import type { SiteId } from '../../src/core/site-id.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Part } from '../../src/core/part.ts';
import type { Connection, Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../src/sqlite/wasm/engine-module.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import type { Computer } from '../simulation/computers.ts';
import { createComputers, DATABASE_PATH } from '../simulation/computers.ts';
import { Random } from '../simulation/random.ts';
import { FIRST_SCHEMA, SECOND_SCHEMA } from '../simulation/schema-texts.ts';
import { randomTransaction, runTransaction } from '../simulation/writes.ts';
import { HookedFileSystem } from './hooked-file-system.ts';

/** The computer whose disk fails. */
export interface FaultyComputer {
  readonly disk: MemoryFileSystem;
  readonly hooked: HookedFileSystem;
  readonly driver: Driver;
}

/** A store that stays open, with rows of its own and of others, and its own parts one by one. */
export interface Peer {
  readonly store: Store;
  readonly site: SiteId;
  readonly parts: readonly Part[];
}

export interface TestComputers {
  readonly faulty: FaultyComputer;
  /** Disks of the faulty computer at the start of a case. */
  readonly template: DiskSnapshot;
  readonly judge: Computer;
  readonly newcomer: Computer;
  readonly witness: Computer;
  /** Empty databases of the first schema for newcomer and witness. */
  readonly newcomerTemplate: DiskSnapshot;
  readonly witnessTemplate: DiskSnapshot;
  /** Has everything that `other` wrote, too. Both have the second schema. */
  readonly hub: Peer;
  readonly other: Peer;
  close(): void;
}

export const LIMITS: Limits = { ...DEFAULT_LIMITS, bookEntriesMax: 3 };
export const EMPTY_DISK: DiskSnapshot = { live: new Map(), durable: new Map() };

const HISTORY_TRANSACTIONS = 60;

export async function createTestComputers(): Promise<TestComputers> {
  const { all, templates } = await createComputers(5, FIRST_SCHEMA);
  const [judge, newcomer, witness, hubComputer, otherComputer] = all as [
    Computer,
    Computer,
    Computer,
    Computer,
    Computer,
  ];
  const other = openPeer(otherComputer, templates[3]!, 1);
  const hub = openPeer(hubComputer, templates[4]!, 2);
  const parts = writeHistory(hub, other);
  return {
    faulty: await faultyComputer(),
    template: templates[2]!,
    judge,
    newcomer,
    witness,
    newcomerTemplate: templates[0]!,
    witnessTemplate: templates[7]!,
    hub: { store: hub, site: hub.identity.site, parts: parts.hub },
    other: { store: other, site: other.identity.site, parts: parts.other },
    close() {
      hub.close();
      other.close();
    },
  };
}

async function faultyComputer(): Promise<FaultyComputer> {
  const disk = new MemoryFileSystem();
  const hooked = new HookedFileSystem(disk);
  const driver = await createWasmDriver({ module: await loadEngineModule(), fileSystem: hooked, lock: false });
  return { disk, hooked, driver };
}

/** Opens the database of a computer as a store; randomness is the seed's. */
export function openOn(driver: Driver, seed: number, schema?: string): Store {
  const random = new Random(seed, 'store');
  return openStore({
    driver,
    path: DATABASE_PATH,
    randomBytes: (length) => random.bytes(length),
    limits: LIMITS,
    ...(schema === undefined ? {} : { schema }),
  });
}

/** A driver that gives a connection that is already open. */
export function driverOver(connection: Connection): Driver {
  return { engine: 'wasm', open: () => connection, exists: () => true };
}

function openPeer({ disk, driver }: Computer, template: DiskSnapshot, seed: number): Store {
  disk.restore(template);
  return openOn(driver, seed, SECOND_SCHEMA);
}

/** Both write; the hub merges what the other wrote, and sometimes the other what the hub wrote. */
function writeHistory(hub: Store, other: Store): { hub: Part[]; other: Part[] } {
  const random = new Random(7, 'history');
  const parts = { hub: [] as Part[], other: [] as Part[] };
  for (let i = 0; i < HISTORY_TRANSACTIONS; i++) {
    writeOne(other, random, parts.other);
    if (random.chance(0.7)) mergeAll(hub, parts.other.slice(-1));
    writeOne(hub, random, parts.hub);
    if (random.chance(0.2)) mergeAll(other, parts.hub);
  }
  mergeAll(hub, parts.other);
  return parts;
}

function writeOne(store: Store, random: Random, parts: Part[]): void {
  runTransaction(store.connection, randomTransaction(random, true), 'commit');
  const part = store.flush()?.part;
  if (part !== undefined) parts.push(part);
}

export function mergeAll(store: Store, parts: readonly Part[]): void {
  store.flush();
  for (const part of parts) store.merge([{ parts: [part], claims: new Map([[part.site, part.claims]]) }]);
}
