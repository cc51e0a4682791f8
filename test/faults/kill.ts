/**
 * kill -9 of a real relay process under load: what a client saw acknowledged is in the relay's file, and after the
 * restart everybody ends equal.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import type { Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { Random } from '../simulation/random.ts';
import { DBID, inTime, SCHEMA } from './live-relay.ts';
import type { BuiltCommand } from './relay-process.ts';
import { copyBuild, RelayProcess } from './relay-process.ts';
import type { Counts, Suite } from './suite.ts';
import { expectThat } from './suite.ts';

const KILLS_PER_CASE = 5;
const SOON: { readonly retryFirstMs: number; readonly retryMaxMs: number } = { retryFirstMs: 20, retryMaxMs: 100 };

export const kill: Suite = {
  name: 'kill',
  about: `kill -9 of a relay process under load, ${KILLS_PER_CASE} kills a case; needs npm run build`,
  full: 40,
  prepare: async () => {
    const driver = await createWasmDriver();
    const build = copyBuild();
    return { runCase: (seed) => runCase({ driver, build, seed, kills: KILLS_PER_CASE }), close: () => build.remove() };
  },
};

export interface KillCase {
  readonly driver: Driver;
  readonly build: BuiltCommand;
  readonly seed: number;
  readonly kills: number;
}

export async function runCase({ driver, build, seed, kills }: KillCase): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'crmesh-kill-'));
  const schemaFile = join(folder, 'schema.sql');
  writeFileSync(schemaFile, SCHEMA);
  const relay = new RelayProcess(build, join(folder, 'relay'), schemaFile);
  const writers: Writer[] = [];
  try {
    await relay.start();
    const random = new Random(seed, 'kill');
    for (let i = random.between(3, 5); i > 0; i--) {
      const path = random.chance(0.5) ? ':memory:' : join(folder, `client-${i}.db`);
      writers.push(await Writer.start(`w${i}`, path, `${relay.url}/${DBID}`, random.below(2 ** 31)));
    }
    for (let i = 0; i < kills; i++) await killOnce(relay, driver, { writers, random, folder });
    await converge(relay, driver, { writers, folder });
    const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
    return { kills, clients: writers.length, 'rows acknowledged': acknowledged };
  } catch (cause) {
    throw new Error(`the relay said: ${relay.said}`, { cause });
  } finally {
    await Promise.all(writers.map((writer) => writer.close()));
    await relay.end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene {
  readonly writers: readonly Writer[];
  readonly folder: string;
}

/** Lets the writers work a while, kills, compares the file with what was acknowledged, starts again. */
async function killOnce(
  relay: RelayProcess,
  driver: Driver,
  scene: Scene & { readonly random: Random },
): Promise<void> {
  const { random, writers } = scene;
  const before = writers.map(({ acknowledgements }) => acknowledgements);
  const isProgress = (): boolean => writers.some((writer, i) => writer.acknowledgements > before[i]!);
  if (random.chance(0.8)) await inTime(until(isProgress), 'a write is acknowledged');
  await new Promise((resolve) => setTimeout(resolve, random.below(250)));
  await relay.end('SIGKILL');
  expectAcknowledged(rowsOfFile(driver, scene.folder), writers);
  await relay.start();
}

function expectAcknowledged(rows: ReadonlyMap<string, number>, writers: readonly Writer[]): void {
  for (const { acknowledged } of writers) {
    for (const [id, version] of acknowledged) {
      const found = rows.get(id) ?? -1;
      expectThat(found >= version, () => `row ${id} was acknowledged at ${version}, and the relay's file has ${found}`);
    }
  }
}

/** As the file lies there after the kill, opened by another process than the one that died. */
function rowsOfFile(driver: Driver, folder: string): Map<string, number> {
  const path = join(folder, 'relay', `${DBID}.db`);
  // A relay may die before the first client has made the database, and while it is being made.
  if (!driver.exists(path)) return new Map();
  const connection = driver.open(path, { mustExist: true });
  try {
    const [integrity] = connection.prepare('PRAGMA integrity_check').get() ?? [];
    expectThat(integrity === 'ok', () => `integrity_check says ${String(integrity)}`);
    const isMade = connection.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'todo'`).get() !== undefined;
    const rows = isMade ? connection.prepare('SELECT id, done FROM todo').all() : [];
    return new Map(rows.map(([id, done]) => [String(id), Number(done)]));
  } finally {
    connection.close();
  }
}

/** Everybody stops writing and ends with the rows that the relay has. */
async function converge(relay: RelayProcess, driver: Driver, { writers, folder }: Scene): Promise<void> {
  for (const writer of writers) await inTime(writer.stop(), 'a writer stops');
  for (const writer of writers) await inTime(writer.db.flushed({ tier: 'relay' }), 'all is acknowledged');
  for (const writer of writers) await inTime(writer.link.synced(), 'synced');
  const contents = await Promise.all(writers.map(({ db }) => db.query('SELECT * FROM todo ORDER BY id')));
  const texts = contents.map((rows) => JSON.stringify(rows));
  expectThat(new Set(texts).size === 1, () => `clients differ: ${texts.map(({ length }) => length).join(' ')}`);
  await relay.end('SIGTERM');
  const rows = rowsOfFile(driver, folder);
  const theirs = contents[0]!.map((row) => [String(row['id']), Number(row['done'])] as const);
  expectThat(JSON.stringify([...rows].sort()) === JSON.stringify([...theirs].sort()), () => 'the relay differs');
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A client that writes rows of its own, again and again, each time with a higher number in `done`. */
class Writer {
  readonly name: string;
  readonly db: Database;
  readonly link: ReturnType<Database['sync']>;
  /** Row -> the number that was acknowledged. */
  readonly acknowledged = new Map<string, number>();
  /** How often it heard one: of a row that was acknowledged before, too. */
  acknowledgements = 0;
  readonly #random: Random;
  readonly #written = new Map<string, number>();
  #running = true;
  #work: Promise<void>;

  private constructor(parts: { name: string; db: Database; url: string; seed: number }) {
    this.name = parts.name;
    this.db = parts.db;
    this.#random = new Random(parts.seed, parts.name);
    this.link = parts.db.sync(parts.url);
    this.#work = this.#write();
  }

  static async start(name: string, path: string, url: string, seed: number): Promise<Writer> {
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    const db = await open(path, { schema: SCHEMA, limits: SOON, log: quiet });
    return new Writer({ name, db, url, seed });
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#work;
  }

  async close(): Promise<void> {
    this.#running = false;
    await this.db.close();
    await this.#work.catch(() => undefined);
  }

  async #write(): Promise<void> {
    for (let n = 1; this.#running; n++) {
      const rows = this.#random.pick([1, 1, 3, 40]);
      await this.db.transaction(async (tx) => {
        for (let i = 0; i < rows; i++) {
          const id = `${this.name} ${this.#random.below(60)}`;
          await tx.exec('INSERT INTO todo VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET done = excluded.done', [
            id,
            'x',
            n,
          ]);
          this.#written.set(id, n);
        }
      });
      const covered = [...this.#written];
      // Some wait for each acknowledgement, some write on.
      const flushed = this.db.flushed({ tier: 'relay' }).then(() => {
        this.acknowledgements += 1;
        for (const [id, version] of covered)
          this.acknowledged.set(id, Math.max(version, this.acknowledged.get(id) ?? 0));
      });
      if (this.#random.chance(0.3)) await Promise.race([flushed, until(() => !this.#running)]);
      else flushed.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, this.#random.below(15)));
    }
  }
}
