/**
 * Computers for simulated machines: each with the real engine and a disk in memory, made once and used by every
 * schedule of the process.
 *
 * A schedule begins with copies of template disks, so that it need not create tables; each template has a site id of
 * its own that does not depend on chance.
 */
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { loadEngineModule } from '../../src/sqlite/wasm/engine-module.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { openStore } from '../../src/store/store.ts';
import { HookedFileSystem } from '../faults/hooked-file-system.ts';
import { Random } from './random.ts';

export interface Computer {
  readonly driver: Driver;
  readonly disk: MemoryFileSystem;
  /** What the engine sees of the disk. */
  readonly hooked: HookedFileSystem;
}

export interface Computers {
  readonly all: readonly Computer[];
  /** Disks with an empty database of the first schema, each with another site id. */
  readonly templates: readonly DiskSnapshot[];
}

export const DATABASE_PATH = '/replica.db';

/** Some share their first byte: then they share a bucket of the coverage digest. */
const FIRST_BYTES = [0x11, 0x11, 0x42, 0x42, 0x42, 0x80, 0xc3, 0xfe];

export async function createComputers(count: number, schema: string): Promise<Computers> {
  const module = await loadEngineModule();
  const all: Computer[] = [];
  for (let i = 0; i < count; i++) {
    const disk = new MemoryFileSystem();
    const hooked = new HookedFileSystem(disk);
    all.push({ disk, hooked, driver: await createWasmDriver({ module, fileSystem: hooked, lock: false }) });
  }
  const templates = FIRST_BYTES.map((first, i) =>
    template(all[0]!, Uint8Array.of(first, i, ...new Uint8Array(14)), schema),
  );
  return { all, templates };
}

function template({ disk, driver }: Computer, site: Uint8Array, schema: string): DiskSnapshot {
  disk.restore({ live: new Map(), durable: new Map() });
  const connection = driver.open(DATABASE_PATH);
  connection.prepare('UPDATE crsql_site_id SET site_id = ? WHERE ordinal = 0').run([site]);
  connection.close();
  const random = new Random(site[0]! * 256 + site[1]!, 'template');
  const randomBytes = (length: number): Uint8Array => random.bytes(length);
  const options = { driver, path: DATABASE_PATH, randomBytes, limits: DEFAULT_LIMITS };
  openStore({ ...options, schema }).close();
  return disk.snapshot();
}
