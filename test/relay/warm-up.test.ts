/** The exercise of a relay before its first caller: it leaves nothing behind, and nobody waits for it. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ReplicationError } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { STORE_VERSION_ZERO } from '../../src/core/version.ts';
import type { Log } from '../../src/core/runtime.ts';
import { createRelay } from '../../src/relay.ts';
import type { ScratchDatabase } from '../../src/relay/storage.ts';
import { TRIAL_SCHEMA, TrialLeaf } from '../../src/relay/trial-leaf.ts';
import { warmUp } from '../../src/relay/warm-up.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { TODO_SCHEMA } from '../doors/served-relay.ts';
import { memoryStorage, silentLog } from './memory-storage.ts';

const runtime = nodeRuntime();
const limits = DEFAULT_LIMITS;
const codec = createCodec({ limits });

/** The caller that a relay without a token takes. */
const LOOPBACK = { address: '127.0.0.1' };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'crmesh-warm-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A scratch database that says when it was taken away, and how many changes it had. */
async function scratchStorage(): Promise<{ openScratch: () => Promise<ScratchDatabase>; removed: number[] }> {
  const storage = await memoryStorage();
  const removed: number[] = [];
  return {
    removed,
    async openScratch() {
      const replica = await storage.open('scratch');
      const remove = async (): Promise<void> => {
        removed.push(replica.store.countChanges());
        await replica.close();
      };
      return { replica, remove };
    },
  };
}

describe('a trial leaf', () => {
  test('is acknowledged what it writes, and hears what another wrote', async () => {
    const { replica, remove } = await (await scratchStorage()).openScratch();
    replica.migrate(TRIAL_SCHEMA);
    const writer = new TrialLeaf({ replica, codec, runtime, limits });
    await writer.write(20, 'new');
    await writer.write(5, 'changed');
    const { parts } = replica.store.readPiece(STORE_VERSION_ZERO, { without: [], changesMax: 1_000 });
    const values = parts.flatMap(({ rows }) => rows.map(({ val }) => val));
    expect(values).toHaveLength(60);
    expect(values.filter((value) => value === 'changed in 2')).toHaveLength(5);
    await new TrialLeaf({ replica, codec, runtime, limits }).live();
    await remove();
  });

  test('hears that its link ended', async () => {
    const { replica, remove } = await (await scratchStorage()).openScratch();
    replica.migrate(TRIAL_SCHEMA);
    const writer = new TrialLeaf({ replica, codec, runtime, limits });
    await writer.write(1, 'new');
    const write = writer.write(1, 'new');
    await Promise.all([expect(write).rejects.toMatchObject({ code: 'LINK_LOST' }), remove()]);
  });

  test('hears of it as well when nothing was under way', async () => {
    const { replica, remove } = await (await scratchStorage()).openScratch();
    replica.migrate(TRIAL_SCHEMA);
    const writer = new TrialLeaf({ replica, codec, runtime, limits });
    await writer.live();
    await remove();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(writer.write(1, 'new')).rejects.toMatchObject({ code: 'LINK_LOST' });
  });
});

describe('warming up', () => {
  test('runs a bulk transfer, refills and single writes through a scratch database, and takes it away', async () => {
    const { openScratch, removed } = await scratchStorage();
    await warmUp({ storage: { openScratch }, codec, runtime, limits, isOver: () => false });
    expect(removed).toHaveLength(1);
    expect(removed[0]).toBeGreaterThan(10_000);
  });

  test('ends when a caller comes', async () => {
    const { openScratch, removed } = await scratchStorage();
    let asked = 0;
    await warmUp({ storage: { openScratch }, codec, runtime, limits, isOver: () => ++asked > 3 });
    expect(removed).toHaveLength(1);
    expect(removed[0]).toBeLessThan(10_000);
  });

  test('does nothing where there are no scratch databases', async () => {
    await expect(warmUp({ storage: {}, codec, runtime, limits, isOver: () => false })).resolves.toBeUndefined();
  });
});

describe('a relay that warms up', () => {
  test('has no databases, no connections and no files of it afterwards', async () => {
    const relay = createRelay({ dir, log: silentLog });
    await relay.warmUp();
    expect(relay.database('scratch')).toBeUndefined();
    expect((await relay.fetch(new Request('http://localhost/scratch'), LOOPBACK)).status).toBe(404);
    expect(readdirSync(dir)).toEqual([]);
    await relay.close();
  });

  test('is closed in the middle of it without leaving a file', async () => {
    const relay = createRelay({ dir, log: silentLog });
    const warm = relay.warmUp();
    await relay.close();
    await warm;
    expect(readdirSync(dir)).toEqual([]);
  });

  test('leaves no file where its database could not be made', async () => {
    const randomBytes = (): never => {
      throw new ReplicationError('UNAVAILABLE', 'no randomness');
    };
    const relay = createRelay({ dir, runtime: { ...runtime, randomBytes }, log: silentLog });
    await relay.warmUp();
    expect(readdirSync(dir)).toEqual([]);
    await relay.close();
  });

  test.each([
    { bufferedBytesMax: 1_000 },
    { frameBytesMax: 4_096 },
    { messageBytesMax: 65_536 },
    { partChangesMax: 100 },
    { linksBytesMax: 10_000 },
    { linksMax: 1 },
    { sitesMax: 1 },
    { valueBytesMax: 5 },
  ])('ends whatever the limits are: %o', async (tight) => {
    const relay = createRelay({ dir, limits: tight, log: silentLog });
    await relay.warmUp();
    expect(readdirSync(dir)).toEqual([]);
    await relay.close();
  });

  test('serves a caller meanwhile, and stops for it', async () => {
    const relay = createRelay({ dir, log: silentLog });
    const warm = relay.warmUp();
    const put = new Request('http://localhost/todo', { method: 'PUT', body: TODO_SCHEMA });
    expect((await relay.fetch(put, LOOPBACK)).status).toBe(201);
    await warm;
    expect(readdirSync(dir).filter((name) => name.includes('scratch'))).toEqual([]);
    await relay.close();
  });

  test('says it in the log when it cannot, and serves all the same', async () => {
    const lines: string[] = [];
    const log: Log = { ...silentLog, warn: (fields) => lines.push(String(fields['code'])) };
    const storage = await memoryStorage();
    const openScratch = (): Promise<never> => Promise.reject(new ReplicationError('STORAGE_FULL', 'no room'));
    const relay = createRelay({ storage: { ...storage, openScratch }, log });
    await relay.warmUp();
    expect(lines).toEqual(['STORAGE_FULL']);
    expect((await relay.fetch(new Request('http://localhost/health'))).status).toBe(200);
    await relay.close();
  });
});
