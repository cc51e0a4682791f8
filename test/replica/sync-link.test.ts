/** Links that are kept up, between real replicas over memory ports. */
import { afterEach, describe, expect, test } from 'vitest';
import { ReplicationError } from '../../src/core/errors.ts';
import type { SyncState } from '../../src/replica/sync-events.ts';
import type { SyncLink } from '../../src/replica/sync-link.ts';
import type { Wired, WiredOptions } from './wired.ts';
import { ALL, TestRelay, until, wire } from './wired.ts';

const opened: Wired[] = [];

async function open(options?: WiredOptions): Promise<Wired> {
  const wired = await wire(options);
  opened.push(wired);
  return wired;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ db }) => db.close()));
});

async function star(): Promise<{ a: Wired['db']; b: Wired['db']; relay: TestRelay }> {
  const relay = new TestRelay(await open());
  return { a: (await open()).db, b: (await open()).db, relay };
}

const sync = (db: Wired['db'], relay: TestRelay): SyncLink => db.sync('memory', { dial: relay.dial });
const add = (db: Wired['db'], id: string): Promise<unknown> =>
  db.exec("INSERT INTO todo VALUES (?, 'x', 0, 0.5)", [id]);
const ids = async (db: Wired['db']): Promise<unknown[]> =>
  (await db.query('SELECT id FROM todo ORDER BY id')).map((row) => row['id']);

function statesOf(link: SyncLink): SyncState[] {
  const states: SyncState[] = [link.status.state];
  link.on('status', ({ state }) => {
    if (states.at(-1) !== state) states.push(state);
  });
  return states;
}

describe('a link', () => {
  test('carries writes of one database through the relay to another, both ways', async () => {
    const { a, b, relay } = await star();
    await add(a, 'a');
    const [toA, toB] = [sync(a, relay), sync(b, relay)];
    await toA.synced();
    await toB.synced();
    expect(await ids(b)).toEqual(['a']);
    await add(b, 'b');
    await until(async () => (await ids(a)).length === 2);
    expect(toA.status).toMatchObject({ state: 'live', peer: relay.wired.db.siteId, lastError: undefined });
    expect(toA.status.traffic).toMatchObject({ changesEchoed: 0 });
    expect(toB.status.traffic.changesSent).toBeGreaterThan(0);
  });

  test('tells its states, being live and what moved', async () => {
    const { a, relay } = await star();
    const link = sync(a, relay);
    const states = statesOf(link);
    let lives = 0;
    let bytes = 0;
    link.on('live', () => lives++);
    link.on('progress', ({ bytesSent }) => (bytes = bytesSent));
    await add(a, 'a');
    await link.synced();
    await until(() => lives === 1 && bytes > 0);
    link.close();
    expect(states).toEqual(['connecting', 'open', 'live', 'closed']);
  });

  test('dials again when the connection is lost, and nothing is lost', async () => {
    const { a, b, relay } = await star();
    const [toA, toB] = [sync(a, relay), sync(b, relay)];
    await Promise.all([toA.synced(), toB.synced()]);
    const states = statesOf(toA);
    for (let i = 0; i < 5; i++) {
      await add(a, `a${i}`);
      relay.cut();
      await add(b, `b${i}`);
    }
    await toA.synced();
    await toB.synced();
    await toA.synced();
    expect(await ids(a)).toHaveLength(10);
    expect(await ids(b)).toEqual(await ids(a));
    expect(states).toContain('waiting');
    expect(relay.dials).toBeGreaterThan(2);
  });

  test('synced waits over connections that fail', async () => {
    const { a, relay } = await star();
    relay.refusal = new ReplicationError('UNAVAILABLE', 'not yet');
    const errors: string[] = [];
    const link = sync(a, relay);
    link.on('error', ({ code }) => errors.push(code));
    const synced = link.synced();
    await until(() => relay.dials >= 3);
    expect(link.status.state).toMatch(/waiting|connecting/);
    expect(link.status.lastError).toMatchObject({ code: 'UNAVAILABLE' });
    relay.refusal = undefined;
    await synced;
    expect(errors.length).toBeGreaterThan(1);
    expect(link.status.lastError).toBeUndefined();
  });

  test('a refusal for good stops it and rejects synced; resume tries again', async () => {
    const { a, relay } = await star();
    relay.refusal = new ReplicationError('UNAUTHORIZED', 'no token');
    const link = sync(a, relay);
    await expect(link.synced()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(link.status).toMatchObject({ state: 'refused', lastError: { code: 'UNAUTHORIZED' } });
    await expect(link.synced()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(relay.dials).toBe(1);
    relay.refusal = undefined;
    link.resume();
    await link.synced();
    expect(link.status.state).toBe('live');
  });

  test('asking for more than the grant is a refusal for good', async () => {
    const { a, relay } = await star();
    relay.grant = { ...ALL, mode: 'leaf' };
    const link = a.sync('memory', { dial: relay.dial, mode: 'peer' });
    await expect(link.synced()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(link.status.state).toBe('refused');
  });

  test('pause is the offline switch: writes stay here until resume', async () => {
    const { a, relay } = await star();
    const link = sync(a, relay);
    await link.synced();
    link.pause();
    expect(link.status.state).toBe('paused');
    await add(a, 'offline');
    expect(await a.pending()).toMatchObject([{ table: 'todo', pk: { id: 'offline' } }]);
    const synced = link.synced();
    link.resume();
    await synced;
    expect(await ids(relay.wired.db)).toEqual(['offline']);
    expect(await a.pending()).toEqual([]);
  });

  test('close rejects what waits with CLOSED, and stays closed', async () => {
    const { a, relay } = await star();
    relay.refusal = new ReplicationError('UNAVAILABLE', 'never');
    const link = sync(a, relay);
    const synced = link.synced();
    link.close();
    await expect(synced).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(link.synced()).rejects.toMatchObject({ code: 'CLOSED' });
    link.resume();
    link.close();
    expect(link.status.state).toBe('closed');
    expect(a.status.links).toEqual([]);
  });

  test('a peer that closes is tried again, a database that closes is not', async () => {
    const { a, relay } = await star();
    const link = sync(a, relay);
    await link.synced();
    const states = statesOf(link);
    for (const one of relay.wired.replica.links) one.close('CLOSED');
    await until(() => states.includes('waiting'));
    await link.synced();
    await a.close();
    expect(link.status.state).toBe('closed');
  });

  test('a dial that fails with something unknown is tried again', async () => {
    const { a, relay } = await star();
    relay.refusal = new Error('odd');
    const link = sync(a, relay);
    await until(() => relay.dials >= 2);
    expect(link.status.lastError).toMatchObject({ code: 'LINK_LOST' });
  });

  test('a dial that never answers is given up with HANDSHAKE_TIMEOUT and tried again; its late port is closed', async () => {
    const relay = new TestRelay(await open());
    const { db } = await open({ limits: { handshakeMs: 5 } });
    const late: (() => void)[] = [];
    const closes: number[] = [];
    const link = db.sync('memory', {
      dial: () =>
        new Promise((resolve) => {
          late.push(() => {
            void relay.dial().then((port) => {
              const close = port.close.bind(port);
              port.close = (code, reason) => {
                closes.push(code);
                close(code, reason);
              };
              resolve(port);
            });
          });
        }),
    });
    await until(() => late.length === 2);
    expect(link.status.lastError).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' });
    late[0]!();
    await until(() => closes.length === 1);
    expect(closes).toEqual([1000]);
    link.close();
  });

  test('a connection that comes after close or pause is closed again', async () => {
    const { a, relay } = await star();
    const link = sync(a, relay);
    link.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(link.status.state).toBe('paused');
    expect(relay.wired.replica.links).toEqual([]);
  });

  test('versions that the peer rejects are told, and flushed says so', async () => {
    const { a, relay } = await star();
    relay.grant = { ...ALL, mode: 'leaf', write: (change) => (change.table === 'tag' ? 'reject' : 'allow') };
    const link = sync(a, relay);
    const rejected: unknown[] = [];
    link.on('rejected', (rejection) => rejected.push(rejection));
    await a.exec("INSERT INTO tag VALUES ('a', 'x')");
    await link.synced();
    expect(rejected).toMatchObject([{ site: a.siteId, ranges: [[0, 1]] }]);
    await expect(a.flushed({ tier: 'relay' })).rejects.toMatchObject({ code: 'CHANGE_REJECTED' });
    expect(await a.query('SELECT * FROM tag')).toHaveLength(1);
  });

  test('a listener that throws is reported and hurts nobody', async () => {
    const relay = new TestRelay(await open());
    const { db, unheard } = await open();
    const link = sync(db, relay);
    link.on('status', () => {
      throw new Error('listener');
    });
    await link.synced();
    expect(link.status.state).toBe('live');
    expect(unheard.length).toBeGreaterThan(1);
    expect(unheard.every((error) => error instanceof Error && error.message === 'listener')).toBe(true);
  });

  test('ephemeral bytes arrive at the other end and are not stored', async () => {
    const { a, b, relay } = await star();
    const [toA, toB] = [sync(a, relay), sync(b, relay)];
    await Promise.all([toA.synced(), toB.synced()]);
    const heard: unknown[] = [];
    toA.on('ephemeral', (bytes) => heard.push(bytes));
    for (const one of relay.wired.replica.links) one.sendEphemeral(new Uint8Array([7]));
    await until(() => heard.length === 1);
    expect(heard).toEqual([new Uint8Array([7])]);
  });
});

describe('durability', () => {
  test('tier relay resolves when one peer holds the writes, {peers: 2} when two do', async () => {
    const { a, relay } = await star();
    const second = new TestRelay(await open());
    const link = sync(a, relay);
    await add(a, 'a');
    await a.flushed({ tier: 'relay' });
    let twice = false;
    const both = a.flushed({ tier: { peers: 2 } }).then(() => (twice = true));
    await link.synced();
    expect(twice).toBe(false);
    sync(a, second);
    await both;
    expect(await ids(second.wired.db)).toEqual(['a']);
  });

  test('a transaction that is open holds back nothing that was sent before, and is sent whole after it', async () => {
    const { a, relay } = await star();
    const link = sync(a, relay);
    await link.synced();
    await a.transaction(async (tx) => {
      await tx.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await ids(relay.wired.db)).toEqual([]);
      await tx.exec("INSERT INTO todo VALUES ('b', 'x', 0, 0.5)");
    });
    await link.synced();
    expect(await ids(relay.wired.db)).toEqual(['a', 'b']);
  });
});
