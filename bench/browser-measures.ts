/** One storage under load: opening, bulk insert, merge, single writes, and opening again what is there. */
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import { engineDriver } from '../src/sqlite/wasm/engine-driver.ts';
import type { FileSystem } from '../src/sqlite/wasm/file-system.ts';
import type { Store } from '../src/store/store.ts';
import { openStore } from '../src/store/store.ts';

const ROWS = 10_000;
const SINGLES = 200;
const SCHEMA = 'CREATE TABLE todo (id BLOB PRIMARY KEY NOT NULL, title TEXT, done INTEGER, owner TEXT)';

/** What a place brings; databases are files in `folder`. */
export interface BenchPlace {
  readonly fileSystem: () => Promise<FileSystem>;
  readonly module: () => Promise<WebAssembly.Module>;
  readonly folder?: string;
}

export class Bench {
  readonly #place: BenchPlace;

  constructor(place: BenchPlace) {
    this.#place = place;
  }

  async run(step: string): Promise<Record<string, number>> {
    const begin = performance.now();
    const { folder = '' } = this.#place;
    const fileSystem = await this.#place.fileSystem();
    const module = await this.#place.module();
    const driver = engineDriver({ module, fileSystem });
    const options = { driver, randomBytes, limits: DEFAULT_LIMITS, schema: SCHEMA };
    const store = openStore({ ...options, path: `${folder}/a.db` });
    await fileSystem.whenDurable?.();
    const [rows] = store.connection.prepare('SELECT count(*) FROM todo').get()!;
    const openMs = performance.now() - begin;
    if (step !== 'fill') return { openMs, rows: rows as number };
    const insertMs = await timed(() => insertRows(store, fileSystem));
    const part = store.flush()!;
    const to = openStore({ ...options, path: `${folder}/b.db` });
    const piece = store.readPiece(0 as never, { without: [], changesMax: 1_000_000 });
    const mergeMs = await timed(async () => {
      to.merge([{ parts: piece.parts, claims: store.coverage }]);
      await fileSystem.whenDurable?.();
    });
    const [single, full] = [
      await singleWrites(store, fileSystem, 'normal'),
      await singleWrites(store, fileSystem, 'full'),
    ];
    const changes = 3 * ROWS;
    return {
      openMs,
      insertRowsPerSecond: (ROWS / insertMs) * 1000,
      mergeChangesPerSecond: (changes / mergeMs) * 1000,
      singleWriteMs: single,
      singleFullWriteMs: full,
      announced: part.announced[1],
    };
  }
}

function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function insertRows({ connection }: Store, fileSystem: FileSystem): Promise<void> {
  connection.exec('BEGIN');
  const insert = connection.prepare('INSERT INTO todo VALUES (?, ?, ?, ?)');
  for (let i = 0; i < ROWS; i++) insert.run([randomBytes(16), `title ${i}`, i % 2, 'me']);
  connection.exec('COMMIT');
  await fileSystem.whenDurable?.();
}

/** Milliseconds a write. */
async function singleWrites(
  { connection }: Store,
  fileSystem: FileSystem,
  durability: 'normal' | 'full',
): Promise<number> {
  connection.setDurability(durability);
  const insert = connection.prepare('INSERT INTO todo VALUES (?, ?, 0, NULL)');
  const ms = await timed(async () => {
    for (let i = 0; i < SINGLES; i++) {
      insert.run([randomBytes(16), `single ${i}`]);
      await fileSystem.whenDurable?.();
    }
  });
  connection.setDurability('normal');
  return ms / SINGLES;
}
