/**
 * A computer of a cluster: the real engine over a disk in memory, and what a replica keeps beside its files.
 *
 * Outlives the processes on it. A loss of power takes what was not synced; what lies beside the files (the marker that
 * tells copies, a relay's pinned keys) was synced when it was written.
 */
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import type { Pin, PinStore } from '../relay/site-pins.ts';
import type { Driver } from '../sqlite/database.ts';
import { createWasmDriver } from '../sqlite/wasm/driver.ts';
import type { DiskSnapshot } from '../sqlite/wasm/memory-file-system.ts';
import { MemoryFileSystem } from '../sqlite/wasm/memory-file-system.ts';
import type { IdentityMarker, Marker } from '../store/identity-marker.ts';
import type { Store } from '../store/store.ts';
import { openStore } from '../store/store.ts';

/** A computer's storage at one moment; put back as often as wanted. */
export interface StorageSnapshot {
  readonly disk: DiskSnapshot;
  readonly markers: ReadonlyMap<string, Marker>;
  readonly pins: ReadonlyMap<string, Pin>;
}

export interface StoreNeeds {
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly log: Log;
  readonly schema?: string;
}

export class Computer {
  readonly disk: MemoryFileSystem;
  readonly #driver: Driver;
  #markers = new Map<string, Marker>();
  #pins = new Map<string, Pin>();

  private constructor(disk: MemoryFileSystem, driver: Driver) {
    this.disk = disk;
    this.#driver = driver;
  }

  static async make(module: WebAssembly.Module): Promise<Computer> {
    const disk = new MemoryFileSystem();
    return new Computer(disk, await createWasmDriver({ module, fileSystem: disk, lock: false }));
  }

  /** First-seen site keys of a relay on this computer. */
  get pins(): PinStore {
    return {
      get: async (dbid, site) => this.#pins.get(`${dbid} ${site}`),
      put: async (dbid, site, pin) => void this.#pins.set(`${dbid} ${site}`, pin),
    };
  }

  /** Opens a database file; the site id of a new one comes from the runtime's randomness. Errors  as openStore(). */
  open(path: string, { runtime, limits, log, schema }: StoreNeeds): Store {
    const randomBytes = (length: number): Uint8Array => runtime.randomBytes(length);
    if (!this.#driver.exists(path)) this.#makeFile(path, randomBytes(16));
    return openStore({
      driver: this.#driver,
      path,
      randomBytes,
      limits,
      marker: this.#markerOf(path),
      onNewSite: ({ site, former, reason }) => {
        log.warn({ code: 'SITE_CONFLICT', site, former }, `${path} has the new site id ${site}: ${reason}`);
      },
      ...(schema === undefined ? {} : { schema }),
    });
  }

  exists(path: string): boolean {
    return this.#driver.exists(path);
  }

  snapshot(): StorageSnapshot {
    return { disk: this.disk.snapshot(), markers: new Map(this.#markers), pins: new Map(this.#pins) };
  }

  /** Puts the files back; what lies beside them is left as it is, or put back with them. */
  restore(snapshot: StorageSnapshot, beside: 'left' | 'restored'): void {
    this.disk.restore(snapshot.disk);
    if (beside === 'left') return;
    this.#markers = new Map(snapshot.markers);
    this.#pins = new Map(snapshot.pins);
  }

  wipe(): void {
    this.restore({ disk: { live: new Map(), durable: new Map() }, markers: new Map(), pins: new Map() }, 'restored');
  }

  /** The engine would take a site id from the machine's own randomness. */
  #makeFile(path: string, site: Uint8Array): void {
    const connection = this.#driver.open(path);
    try {
      connection.prepare('UPDATE crsql_site_id SET site_id = ? WHERE ordinal = 0').run([site]);
    } finally {
      connection.close();
    }
  }

  #markerOf(path: string): IdentityMarker {
    return {
      read: () => this.#markers.get(path),
      write: (marker) => void this.#markers.set(path, marker),
      announce: (announced) => {
        const marker = this.#markers.get(path);
        if (marker !== undefined) this.#markers.set(path, { ...marker, announced });
      },
      closed: () => undefined,
    };
  }
}
