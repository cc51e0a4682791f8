/**
 * The second wall: files that were set back or cloned so that nothing beside them tells. The conversation finds it
 * out, and the replica mends itself while the app does nothing.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { Log } from '../../src/core/runtime.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { SyncLink } from '../../src/replica/sync-link.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Wired } from './wired.ts';
import { TestRelay, until, wire } from './wired.ts';

const opened: Wired[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ db }) => db.close()));
});

/** A computer: its disk outlives what runs on it, and can be set back as a whole. */
class Computer {
  readonly disk = new MemoryFileSystem();
  readonly said: { readonly code: unknown; readonly message: string }[] = [];
  running!: Wired;

  async start(): Promise<Wired> {
    const note = (fields: Record<string, unknown>, message: string): void =>
      void this.said.push({ code: fields['code'], message });
    const log: Log = { debug: () => {}, info: () => {}, warn: note, error: note };
    const driver = await createWasmDriver({ fileSystem: this.disk });
    this.running = await wire({ path: '/data.db', driver, log });
    opened.push(this.running);
    return this.running;
  }

  async stop(): Promise<DiskSnapshot> {
    await this.running.db.close();
    opened.splice(opened.indexOf(this.running), 1);
    return this.disk.snapshot();
  }

  async setBack(disk: DiskSnapshot): Promise<Wired> {
    await this.stop();
    this.disk.restore(disk);
    return this.start();
  }
}

async function memory(): Promise<Wired> {
  const wired = await wire();
  opened.push(wired);
  return wired;
}

async function write({ db }: Wired, prefix: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await db.exec("INSERT INTO todo VALUES (?, 'x', 0, 0.5)", [`${prefix}${i}`]);
}

const sync = ({ db }: Wired, relay: TestRelay, mode: 'leaf' | 'peer' = 'leaf'): SyncLink =>
  db.sync('memory', { dial: relay.dial, mode });
const ids = async ({ db }: Wired): Promise<unknown[]> =>
  (await db.query('SELECT id FROM todo ORDER BY id')).map((row) => row['id']);

describe('a replica that was set back', () => {
  test.each([
    ['leaf', 2],
    ['leaf', 9],
    ['peer', 2],
    ['peer', 9],
  ] as const)(
    'as a %s takes a new site id by itself after %i more writes, and nobody loses anything',
    async (mode, more) => {
      const relay = new TestRelay(await memory());
      const computer = new Computer();
      let a = await computer.start();
      await write(a, 'kept', 3);
      await sync(a, relay, mode).synced();
      const snapshot = await computer.stop();
      a = await computer.start();
      await write(a, 'lost', 5);
      await sync(a, relay, mode).synced();
      const { siteId } = a.db;
      a = await computer.setBack(snapshot);
      expect(a.db.siteId).toBe(siteId);
      await write(a, 'new', more);
      await a.db.flushed();
      const link = sync(a, relay, mode);
      const errors: string[] = [];
      link.on('error', ({ code }) => errors.push(code));
      await a.db.flushed({ tier: 'relay' });
      await link.synced();
      expect(a.db.siteId > siteId).toBe(true);
      expect(errors).toEqual(['UNAVAILABLE']);
      expect(computer.said).toMatchObject([{ code: 'SITE_CONFLICT', message: expect.stringContaining(siteId) }]);
      expect(await ids(a)).toHaveLength(3 + 5 + more);
      const b = await memory();
      await sync(b, relay).synced();
      expect(await ids(b)).toEqual(await ids(a));
      await write(a, 'later', 1);
      await link.synced();
      expect(await ids(relay.wired)).toHaveLength(3 + 5 + more + 1);
    },
  );

  test('as a relay with writes of its own: its clients tell, and come back by themselves', async () => {
    const computer = new Computer();
    const relay = new TestRelay(await computer.start());
    const [a, b] = [await memory(), await memory()];
    const links = [sync(a, relay), sync(b, relay)];
    await write(relay.wired, 'kept', 3);
    await write(a, 'of a', 2);
    await Promise.all(links.map((link) => link.synced()));
    await Promise.all(links.map((link) => link.synced()));
    const snapshot = await computer.stop();
    relay.wired = await computer.start();
    await write(relay.wired, 'lost', 4);
    await Promise.all(links.map((link) => link.synced()));
    const { siteId } = relay.wired.db;
    for (const link of links) link.pause();
    relay.wired = await computer.setBack(snapshot);
    await write(relay.wired, 'new', 6);
    await relay.wired.db.flushed();
    for (const link of links) link.resume();
    await until(async () => (await ids(a)).length === 15 && (await ids(b)).length === 15);
    expect(relay.wired.db.siteId).not.toBe(siteId);
    expect(computer.said.filter(({ code }) => code === 'SITE_CONFLICT' || code === 'OWN_HISTORY_LOST')).toHaveLength(1);
    await Promise.all(links.map((link) => link.synced()));
    expect(await ids(relay.wired)).toEqual(await ids(a));
    expect(await ids(b)).toEqual(await ids(a));
  });

  test('flushed for a relay does not count what only the lost future had', async () => {
    const relay = new TestRelay(await memory());
    const computer = new Computer();
    let a = await computer.start();
    const snapshot = await computer.stop();
    a = await computer.start();
    await write(a, 'lost', 5);
    await sync(a, relay).synced();
    a = await computer.setBack(snapshot);
    await write(a, 'new', 3);
    sync(a, relay);
    await a.db.flushed({ tier: 'relay' });
    expect(await ids(relay.wired)).toHaveLength(8);
  });
});

describe('two files with one site id', () => {
  test('that meet directly: the one that calls gives way', async () => {
    const [first, second] = [new Computer(), new Computer()];
    await write(await first.start(), 'both', 2);
    const snapshot = await first.stop();
    second.disk.restore(snapshot);
    const relay = new TestRelay(await first.start());
    const b = await second.start();
    const { siteId } = b.db;
    await write(relay.wired, 'of a', 2);
    await write(b, 'of b', 3);
    const link = sync(b, relay);
    await link.synced();
    expect([relay.wired.db.siteId, b.db.siteId === siteId]).toEqual([siteId, false]);
    expect(first.said).toMatchObject([{ code: 'SITE_CONFLICT' }]);
    expect(await ids(b)).toHaveLength(7);
    expect(await ids(relay.wired)).toEqual(await ids(b));
  });

  test('a link to itself is refused, and changes nothing', async () => {
    const computer = new Computer();
    const a = await computer.start();
    const { siteId } = a.db;
    const link = sync(a, new TestRelay(a));
    await expect(link.synced()).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(a.db.siteId).toBe(siteId);
  });
});

describe('a peer that lies', () => {
  /** A relay whose welcome says that it holds more of the caller than there is. */
  function lying(relay: TestRelay): TestRelay['dial'] {
    const codec = createCodec({ limits: relay.wired.limits });
    return async () => {
      const port = await relay.dial();
      return {
        description: port.description,
        get bufferedBytes() {
          return port.bufferedBytes;
        },
        send: (frame) => port.send(frame),
        close: (code, reason) => port.close(code, reason),
        listen: (listener) =>
          port.listen({ ...listener, onFrame: (frame) => listener.onFrame(codec.encode(lied(codec.decode(frame)))) }),
      };
    };
  }

  function lied(message: Message): Message {
    if (message.type !== 'welcome') return message;
    const acks = [...message.acks].map(([site]) => [site, { held: [[0, 1e9]], parked: [], refused: [] }] as const);
    return { ...message, acks: new Map(acks) };
  }

  test('makes a replica change its site id a few times only, then it is refused', async () => {
    const relay = new TestRelay(await memory());
    const computer = new Computer();
    const a = await computer.start();
    await write(a, 'a', 2);
    const link = a.db.sync('memory', { dial: lying(relay) });
    await expect(link.synced()).rejects.toMatchObject({ code: 'SITE_CONFLICT' });
    expect(a.store.identity.formerSites).toHaveLength(a.limits.siteChangesMax);
    expect(await ids(relay.wired)).toEqual([]);
    const honest = sync(a, relay);
    await honest.synced();
    expect(await ids(relay.wired)).toHaveLength(2);
  });

  test('is refused at once by a database in memory, which nobody can have copied', async () => {
    const relay = new TestRelay(await memory());
    const a = await memory();
    await write(a, 'a', 2);
    const link = a.db.sync('memory', { dial: lying(relay) });
    await expect(link.synced()).rejects.toMatchObject({ code: 'SITE_CONFLICT' });
    expect(link.status.state).toBe('refused');
  });
});
