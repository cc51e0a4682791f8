/**
 * A soak: one real relay process and fifty clients that come, write, and go, round after round. At the end of each
 * round everybody who is there is equal; over the run neither the relay's memory nor its files grow.
 *
 * The rows are a constant pool that is written over, deleted and written again, so that nothing has a reason to grow.
 */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import { Random } from '../simulation/random.ts';
import { DBID, inTime, SCHEMA } from './live-relay.ts';
import { copyBuild, RelayProcess } from './relay-process.ts';
import type { Counts, Suite, SuiteRun } from './suite.ts';
import { expectThat } from './suite.ts';

const CLIENTS = 50;
const ROWS = 300;
const ROUND_MS = 2_500;
/** Rounds until every row has been written and every client was there. */
const WARM_UP_ROUNDS = 3;
/** What may come on top of what is there after the warm-up: a factor, and a number of bytes. */
const GROWTH_FACTOR_MAX = 1.3;
const RSS_GROWTH_MAX = 32 << 20;
const FILE_GROWTH_MAX = 2 << 20;

const QUIET = { debug() {}, info() {}, warn() {}, error() {} };

export const soak: Suite = {
  name: 'soak',
  about: `${CLIENTS} clients come and go at a relay process, a round of ${ROUND_MS / 1000} s a case; needs npm run build`,
  full: 200,
  prepare: async () => {
    const world = new SoakWorld();
    await world.relay.start();
    return world;
  },
};

interface Sample {
  /** Undefined where the system does not tell. */
  readonly rssBytes: number | undefined;
  readonly fileBytes: number;
}

class SoakWorld implements SuiteRun {
  readonly relay: RelayProcess;
  readonly #folder: string;
  readonly #build = copyBuild();
  readonly #samples: Sample[] = [];

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'crmesh-soak-'));
    const schemaFile = join(this.#folder, 'schema.sql');
    writeFileSync(schemaFile, SCHEMA);
    this.relay = new RelayProcess(this.#build, join(this.#folder, 'relay'), schemaFile);
  }

  async runCase(seed: number): Promise<Counts> {
    const random = new Random(seed, 'soak');
    const visits = new Visits(`${this.relay.url}/${DBID}`, this.#folder);
    const until = performance.now() + ROUND_MS;
    const clients = Array.from({ length: CLIENTS }, (_, i) => visits.comeAndGo(i, random.below(2 ** 31), until));
    await Promise.all(clients);
    await visits.expectEqual();
    this.#samples.push({ rssBytes: this.relay.rssBytes, fileBytes: bytesUnder(join(this.#folder, 'relay')) });
    this.#expectFlat();
    const { rssBytes = 0, fileBytes } = this.#samples.at(-1)!;
    const { writes, visits: came } = visits;
    return { visits: came, writes, 'MiB of the relay, Max': rssBytes >> 20, 'KiB of its files, Max': fileBytes >> 10 };
  }

  /** The middle of the last rounds against the middle of the first ones behind the warm-up. */
  #expectFlat(): void {
    const samples = this.#samples.slice(WARM_UP_ROUNDS);
    const third = Math.floor(samples.length / 3);
    if (third === 0) return;
    const [first, last] = [samples.slice(0, third), samples.slice(-third)];
    const grown = (what: keyof Sample, bytesMax: number): void => {
      const [before, after] = [first, last].map((some) => middleOf(some.map((sample) => sample[what] ?? 0)));
      const bound = before! * GROWTH_FACTOR_MAX + bytesMax;
      expectThat(after! <= bound, () => `${what} grew from ${before} to ${after} in ${samples.length} rounds`);
    };
    grown('rssBytes', RSS_GROWTH_MAX);
    grown('fileBytes', FILE_GROWTH_MAX);
  }

  async close(): Promise<void> {
    await this.relay.end('SIGKILL');
    this.#build.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The clients of one round: a file each, which outlives its visits. */
class Visits {
  readonly #url: string;
  readonly #folder: string;
  readonly #present = new Map<Database, ReturnType<Database['sync']>>();
  visits = 0;
  writes = 0;

  constructor(url: string, folder: string) {
    this.#url = url;
    this.#folder = folder;
  }

  /** Leaves again and again; stays after the last visit, for the comparison, with some luck. */
  async comeAndGo(client: number, seed: number, until: number): Promise<void> {
    const random = new Random(seed, 'client');
    while (performance.now() < until) {
      await pause(random.below(ROUND_MS));
      if (performance.now() >= until) return;
      const db = await open(join(this.#folder, `client-${client}.db`), { schema: SCHEMA, log: QUIET });
      this.#present.set(db, db.sync(this.#url));
      this.visits += 1;
      for (let left = random.between(1, 8); left > 0; left--) {
        await this.#write(db, random);
        await pause(random.below(120));
      }
      if (random.chance(0.3)) return;
      if (random.chance(0.5)) await inTime(db.flushed({ tier: 'relay' }), 'a client is acknowledged before it goes');
      this.#present.delete(db);
      await db.close();
    }
  }

  async #write(db: Database, random: Random): Promise<void> {
    const id = `row ${random.below(ROWS)}`;
    this.writes += 1;
    if (random.chance(0.1)) return void (await db.exec('DELETE FROM todo WHERE id = ?', [id]));
    await db.exec(
      `INSERT INTO todo VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET title = excluded.title, done = excluded.done`,
      [id, 'x'.repeat(random.below(200)), random.below(1_000)],
    );
  }

  /** Everybody who stayed, and a newcomer. */
  async expectEqual(): Promise<void> {
    const newcomer = await open(':memory:', { schema: SCHEMA, log: QUIET });
    const present = [...this.#present];
    try {
      for (const [db] of present) await inTime(db.flushed({ tier: 'relay' }), 'all is acknowledged');
      for (const [, link] of present) await inTime(link.synced(), 'a client is synced');
      await inTime(newcomer.sync(this.#url).synced(), 'a newcomer is synced');
      const texts: string[] = [];
      for (const db of [newcomer, ...this.#present.keys()]) {
        texts.push(JSON.stringify(await db.query('SELECT * FROM todo ORDER BY id')));
      }
      expectThat(new Set(texts).size === 1, () => `clients differ: ${texts.map(({ length }) => length).join(' ')}`);
    } finally {
      for (const db of [newcomer, ...this.#present.keys()]) await db.close();
    }
  }
}

function bytesUnder(folder: string): number {
  const names = readdirSync(folder);
  return names.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
