/**
 * A real relay process that is killed and comes back without its files, or with those of yesterday: its clients refill
 * it by themselves, rows of authors who are gone for good included. Needs `npm run build`, as `npm test` does.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { DBID, inTime, SCHEMA, Stranger } from './live-relay.ts';
import type { BuiltCommand } from './relay-process.ts';
import { copyBuild, RelayProcess } from './relay-process.ts';

const LIMITS = { retryFirstMs: 20, retryMaxMs: 200 };
const QUIET = { debug() {}, info() {}, warn() {}, error() {} };

let folder: string;
let build: BuiltCommand;
let relay: RelayProcess;
const clients: Database[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'crmesh-set-back-'));
  build = copyBuild();
  writeFileSync(join(folder, 'schema.sql'), SCHEMA);
  relay = new RelayProcess(build, join(folder, 'relay'), join(folder, 'schema.sql'));
  await relay.start();
});

afterEach(async () => {
  for (const db of clients.splice(0)) await db.close();
  await relay.end('SIGKILL');
  build.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A client that follows the relay. */
async function client(path = ':memory:'): Promise<{ db: Database; synced: () => Promise<void> }> {
  const db = await open(path, { schema: SCHEMA, limits: LIMITS, log: QUIET });
  clients.push(db);
  const link = db.sync(`${relay.url}/${DBID}`);
  return { db, synced: () => inTime(link.synced(), 'a client is synced') };
}

async function writeDurably({ db }: { db: Database }, id: string): Promise<void> {
  await db.exec('INSERT INTO todo VALUES (?, ?, 0)', [id, 'x']);
  await inTime(db.flushed({ tier: 'relay' }), 'the relay has it');
}

async function idsOf({ db }: { db: Database }): Promise<unknown[]> {
  return (await db.query('SELECT id FROM todo ORDER BY id')).map(({ id }) => id);
}

/** Writes of somebody who then is gone, and of somebody who stays and has both. */
async function survivor(): Promise<Awaited<ReturnType<typeof client>>> {
  const [dead, alive] = [await client(join(folder, 'dead.db')), await client(join(folder, 'alive.db'))];
  await writeDurably(dead, 'of a dead author');
  await writeDurably(alive, 'of one who lives');
  await alive.synced();
  await dead.db.close();
  return alive;
}

/** What everybody has: the survivor, and a newcomer who knows the relay only. */
async function expectEverywhere(alive: Awaited<ReturnType<typeof client>>, ids: readonly string[]): Promise<void> {
  await alive.synced();
  for (let tries = 0; tries < 100; tries++) {
    const newcomer = await client();
    await newcomer.synced();
    const found = await idsOf(newcomer);
    // The refill goes on behind the first answer of a relay that has just started.
    if (found.length === ids.length || tries === 99) {
      expect([found, await idsOf(alive)]).toEqual([ids, ids]);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('a relay that was killed', () => {
  test('and lost its files is refilled by a client, rows of a dead author included', async () => {
    const alive = await survivor();
    await relay.end('SIGKILL');
    rmSync(join(folder, 'relay'), { recursive: true });
    await relay.start();
    await expectEverywhere(alive, ['of a dead author', 'of one who lives']);
  }, 120_000);

  test('and has the files of yesterday gets back what it had acknowledged since', async () => {
    const first = await client(join(folder, 'first.db'));
    await writeDurably(first, 'before yesterday');
    await relay.end('SIGKILL');
    cpSync(join(folder, 'relay'), join(folder, 'yesterday'), { recursive: true, preserveTimestamps: true });
    await relay.start();
    const alive = await survivor();
    await writeDurably(first, 'today');
    await alive.synced();
    await first.db.close();
    await relay.end('SIGKILL');
    rmSync(join(folder, 'relay'), { recursive: true });
    cpSync(join(folder, 'yesterday'), join(folder, 'relay'), { recursive: true, preserveTimestamps: true });
    await relay.start();
    await expectEverywhere(alive, ['before yesterday', 'of a dead author', 'of one who lives', 'today']);
  }, 120_000);

  test("is told by nobody that its own site's changes are theirs: that is refused with SITE_CONFLICT, and logged", async () => {
    const honest = await client();
    await writeDurably(honest, 'before');
    const { site } = (await (await fetch(`${relay.url.replace('ws', 'http')}/${DBID}`)).json()) as { site: string };
    const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
    const stranger = await Stranger.dial(`${relay.url}/${DBID}`, {}, codec);
    stranger.say({ ...stranger.hello('peer'), site: site as never });
    expect(await stranger.expectCodedEnd()).toBe('SITE_CONFLICT');
    expect(relay.said).toContain('SITE_CONFLICT');
    await writeDurably(honest, 'behind it');
  }, 60_000);
});
