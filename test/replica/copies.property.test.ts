/**
 * Random lives of three computers and two relays: writes, syncs, backups put back, clones that run on, whole machines
 * set back. Real stores on file disks, real links. At the end all hold the same, and every write that a relay
 * acknowledged is there.
 *
 * CRMESH_SCHEDULES=500 runs more of them; fast-check prints the seed of a failure.
 */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { invariant } from '../../src/core/errors.ts';
import type { Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Marker } from '../../src/store/identity-marker.ts';
import { MemoryMarker } from '../store/memory-marker.ts';
import type { SyncLink } from '../../src/replica/sync-link.ts';
import type { Wired } from './wired.ts';
import { TestRelay, until, wire } from './wired.ts';

const SCHEDULES = Number(process.env['CRMESH_SCHEDULES'] ?? 10);
const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER)';

interface Backup {
  readonly disk: DiskSnapshot;
  readonly side: Marker | undefined;
}

class Computer {
  readonly disk = new MemoryFileSystem();
  /** What lies beside the file; a copy elsewhere is told by its place. */
  readonly side = new MemoryMarker();
  readonly relay: TestRelay;
  readonly #driver: Promise<Driver> = createWasmDriver({ fileSystem: this.disk });
  wired!: Wired;
  backup: Backup | undefined;

  constructor(relay: TestRelay) {
    this.relay = relay;
  }

  async start(): Promise<void> {
    this.wired = await wire({ path: '/data.db', driver: await this.#driver, schema: SCHEMA, marker: this.side });
  }

  /** Copied while nothing is open, as a careful backup does it. */
  async save(): Promise<Backup> {
    await this.wired.db.close();
    const backup = { disk: this.disk.snapshot(), side: this.side.content };
    await this.start();
    return backup;
  }

  async setBack(backup: Backup, what: 'file' | 'machine'): Promise<void> {
    await this.wired.db.close();
    this.disk.restore(backup.disk);
    if (what === 'machine') this.side.content = backup.side;
    await this.start();
  }

  async become(backup: Backup): Promise<void> {
    await this.wired.db.close();
    this.disk.restore(backup.disk);
    this.side.content = backup.side && { ...backup.side, foreign: 'another place' };
    await this.start();
  }

  async sync(): Promise<void> {
    const link = this.wired.db.sync('memory', { dial: this.relay.dial });
    await link.synced();
    link.close();
  }
}

interface Life {
  readonly computers: readonly Computer[];
  readonly relays: readonly TestRelay[];
  readonly between: SyncLink;
  /** ids that a relay acknowledged. */
  readonly acknowledged: Set<string>;
}

type Deed =
  | { readonly deed: 'write'; readonly who: number; readonly rows: number; readonly shared: number }
  | { readonly deed: 'sync' | 'save' | 'file back' | 'machine back'; readonly who: number }
  | { readonly deed: 'clone'; readonly who: number; readonly from: number };

const who = fc.nat(2);
const deeds: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ deed: fc.constant('write'), who, rows: fc.integer({ min: 1, max: 5 }), shared: fc.nat(3) }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      deed: fc.constantFrom('sync', 'sync', 'sync', 'save', 'save', 'file back', 'machine back'),
      who,
    }),
  },
  { weight: 1, arbitrary: fc.record({ deed: fc.constant('clone'), who, from: who }) },
) as fc.Arbitrary<Deed>;

let names = 0;

async function act(life: Life, deed: Deed): Promise<void> {
  const computer = life.computers[deed.who]!;
  const { db } = computer.wired;
  switch (deed.deed) {
    case 'write':
      for (let i = 0; i < deed.rows; i++) await db.exec('INSERT INTO todo VALUES (?, ?, 0)', [`${++names}`, 'own']);
      await db.exec('INSERT INTO todo VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET title = excluded.title', [
        `shared ${deed.shared}`,
        `${++names}`,
      ]);
      if (deed.rows === 2) await db.exec('DELETE FROM todo WHERE id = ?', [`shared ${deed.shared}`]);
      return db.flushed();
    case 'sync':
      await computer.sync();
      for (const { id } of await db.query<{ id: string }>("SELECT id FROM todo WHERE title = 'own'")) {
        life.acknowledged.add(id);
      }
      return;
    case 'save':
      computer.backup = await computer.save();
      return;
    case 'file back':
    case 'machine back':
      if (computer.backup === undefined) return;
      return computer.setBack(computer.backup, deed.deed === 'file back' ? 'file' : 'machine');
    case 'clone':
      if (deed.from === deed.who) return;
      return computer.become(await life.computers[deed.from]!.save());
  }
}

/** Everything but what two equal replicas may differ in. */
const CHANGES = `SELECT "table", hex(pk), cid, quote(val), col_version, cl, CASE cid WHEN '-1' THEN '' ELSE hex(site_id) END
  FROM crsql_changes ORDER BY 1, 2, 3`;

function contents({ store }: Wired): string {
  return [CHANGES, 'SELECT * FROM todo ORDER BY id']
    .map((sql) => store.connection.prepare(sql).all().map(String).join('\n'))
    .join('\n\n');
}

async function begin(): Promise<Life> {
  const relays = [new TestRelay(await wire({ schema: SCHEMA })), new TestRelay(await wire({ schema: SCHEMA }))];
  const between = relays[1]!.wired.db.sync('memory', { dial: relays[0]!.dial, mode: 'peer' });
  const computers = [0, 1, 1].map((relay) => new Computer(relays[relay]!));
  for (const computer of computers) await computer.start();
  const life: Life = { computers, relays, between, acknowledged: new Set() };
  // From here on there is a past to go back to, and a future of it that others know.
  for (const deed of ['write', 'sync', 'save', 'write', 'sync'] as const) {
    for (const index of computers.keys()) await act(life, { deed, who: index, rows: 2, shared: 1 });
  }
  return life;
}

async function settle({ computers, between }: Life): Promise<void> {
  for (let round = 0; round < 2; round++) {
    for (const computer of computers) await computer.sync();
    await between.synced();
  }
  for (const computer of computers) await computer.sync();
}

async function end({ computers, relays, between }: Life): Promise<void> {
  between.close();
  for (const { wired } of [...computers, ...relays]) await wired.db.close();
}

let lives = 0;
afterAll(() => invariant(lives >= SCHEDULES, `only ${lives} of ${SCHEDULES} schedules were lived through`));

test(
  'computers that are set back, restored and cloned end equal, with every acknowledged write',
  { timeout: 60_000 + SCHEDULES * 10_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deeds, { minLength: 6, maxLength: 20, size: 'max' }), async (schedule) => {
        const life = await begin();
        try {
          for (const deed of schedule) await act(life, deed);
          await settle(life);
          const [first, ...others] = [...life.computers, ...life.relays].map(({ wired }) => contents(wired));
          for (const other of others) expect(other).toBe(first);
          const rows = life.relays[0]!.wired.store.connection.prepare('SELECT id FROM todo').all();
          const found = new Set(rows.map(([id]) => String(id)));
          expect([...life.acknowledged].filter((id) => !found.has(id))).toEqual([]);
          lives += 1;
        } finally {
          await end(life);
        }
      }),
      { numRuns: SCHEDULES, endOnFailure: process.env['CRMESH_SCHEDULES'] !== undefined },
    );
    await until(() => lives >= SCHEDULES);
  },
);
