/** Replicas that sync through a real relay: over sockets, over plain HTTP, over a line of relays. */
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Database } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import { createRelay } from '../../src/relay.ts';
import type { TestRelay } from './served-relay.ts';
import { pushBody, startRelay, TODO_SCHEMA } from './served-relay.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function relay(...options: Parameters<typeof startRelay>): Promise<TestRelay> {
  const started = await startRelay(...options);
  opened.push(started);
  return started;
}

async function replica(): Promise<Database> {
  const db = await open(':memory:', { schema: TODO_SCHEMA });
  opened.push(db);
  return db;
}

const titles = async (db: Database): Promise<unknown[]> =>
  (await db.query<{ title: string }>('SELECT title FROM todo ORDER BY id')).map((row) => row.title);

describe.each(['ws', 'http'])('replicas over %s', (protocol) => {
  test('flow together, both ways, and hear what comes later', async () => {
    const { url } = await relay();
    const address = `${url.replace('http', protocol)}/todo`;
    const [a, b] = [await replica(), await replica()];
    await a.exec("INSERT INTO todo VALUES (1, 'one', 0), (2, 'two', 0)");
    const [linkA, linkB] = [a.sync(address), b.sync(address)];
    await linkA.synced();
    await linkB.synced();
    expect(await titles(b)).toEqual(['one', 'two']);
    await b.exec("INSERT INTO todo VALUES (3, 'three', 0)");
    await vi.waitFor(async () => expect(await titles(a)).toEqual(['one', 'two', 'three']));
    expect(linkA.status.traffic.changesEchoed).toBe(0);
    await a.flushed({ tier: 'relay' });
  });

  test('a token opens the way, another is told UNAUTHORIZED and tries no more', async () => {
    const { url } = await relay({ token: 'secret' });
    const address = `${url.replace('http', protocol)}/todo`;
    const db = await replica();
    await db.sync(address, { token: 'secret' }).synced();
    const stranger = await replica();
    const link = stranger.sync(address, { token: 'guess' });
    await expect(link.synced()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(link.status.state).toBe('refused');
    await expect(stranger.sync(address, { token: 'secret', mode: 'peer' }).synced()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { mode: 'leaf' },
    });
  });

  test('comes back as the same leaf; a site that somebody else has is SITE_TAKEN', async () => {
    const { url, call } = await relay({ token: 'secret' });
    const address = `${url.replace('http', protocol)}/todo`;
    const db = await replica();
    const link = db.sync(address, { token: 'secret' });
    await link.synced();
    link.close();
    await db.sync(address, { token: 'secret' }).synced();
    const robbed = await replica();
    const json = pushBody({ site: robbed.siteId, start: 0, end: 1, ids: [1] });
    const headers = { 'crmesh-site-key': '77'.repeat(32) };
    expect((await call('POST', '/todo/changes', { json, headers, token: 'secret' })).status).toBe(200);
    await expect(robbed.sync(address, { token: 'secret' }).synced()).rejects.toMatchObject({ code: 'SITE_TAKEN' });
  });

  test('a database that is not there is NO_DATABASE without the right to make it', async () => {
    const { url } = await relay({ authorize: () => ({ read: 'all', write: 'all' }) });
    const db = await replica();
    await expect(db.sync(`${url.replace('http', protocol)}/absent`).synced()).rejects.toMatchObject({
      code: 'NO_DATABASE',
    });
  });

  test('a relay that closes says so, and its files hold what was acknowledged', async () => {
    const first = await relay();
    const db = await replica();
    await db.exec("INSERT INTO todo VALUES (1, 'kept', 0)");
    const link = db.sync(`${first.url.replace('http', protocol)}/todo`);
    await link.synced();
    await first.relay.close();
    expect((await first.call('GET', '/todo')).status).toBe(503);
    const again = await startRelay({}, first.dir);
    opened.push(again);
    expect((await again.call('GET', '/todo')).body).toMatchObject({ changes: 2 });
  });
});

describe('a line of relays', () => {
  test('carries writes of both ends to the other end', async () => {
    const first = await relay({ peerToken: 'peer' });
    const middle = await relay({ upstreams: [{ url: first.url.replace('http', 'ws'), token: 'peer' }] });
    const last = await relay({ upstreams: [{ url: middle.url }] });
    const [a, b] = [await replica(), await replica()];
    await a.exec("INSERT INTO todo VALUES (1, 'from the first', 0)");
    await b.exec("INSERT INTO todo VALUES (2, 'from the last', 0)");
    a.sync(`${first.url}/todo`, { token: 'peer' });
    b.sync(`${last.url.replace('http', 'ws')}/todo`);
    await vi.waitFor(
      async () => {
        expect(await titles(a)).toEqual(['from the first', 'from the last']);
        expect(await titles(b)).toEqual(['from the first', 'from the last']);
      },
      { timeout: 10_000 },
    );
  });
});

describe('a relay between two others that only calls, and is never called', () => {
  test('carries on after its restart, without a caller', async () => {
    const first = await relay();
    const last = await relay();
    const upstreams = [{ url: first.url }, { url: last.url }];
    const middle = await relay({ upstreams });
    const put = { body: TODO_SCHEMA, headers: { 'content-type': 'application/sql' } };
    expect((await middle.call('PUT', '/todo', put)).status).toBe(201);
    const [a, b] = [await replica(), await replica()];
    a.sync(`${first.url}/todo`);
    b.sync(`${last.url}/todo`);
    await a.exec("INSERT INTO todo VALUES (1, 'before', 0)");
    await vi.waitFor(async () => expect(await titles(b)).toEqual(['before']), { timeout: 10_000 });
    await middle.relay.close();
    await a.exec("INSERT INTO todo VALUES (2, 'meanwhile', 0)");
    opened.push(await startRelay({ upstreams }, middle.dir));
    await vi.waitFor(async () => expect(await titles(b)).toEqual(['before', 'meanwhile']), { timeout: 10_000 });
  });
});

test('a folder that cannot be made is STORAGE_FAILED at once, not at the first call', () => {
  const dir = fileURLToPath(new URL('served-relay.ts', import.meta.url));
  expect(() => createRelay({ dir })).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
});

describe('a socket that says something else', () => {
  const firstClose = (url: string, send?: string | Uint8Array): Promise<{ code: number; frames: number }> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, 'crmesh.v1');
      let frames = 0;
      socket.on('message', () => frames++);
      socket.on('open', () => send !== undefined && socket.send(send));
      socket.on('error', reject);
      socket.on('close', (code) => resolve({ code, frames }));
    });

  test('gets a coded error frame before the close: garbage, another version, silence', async () => {
    const { url } = await relay({ limits: { handshakeMs: 100 } });
    const address = `${url.replace('http', 'ws')}/todo`;
    expect(await firstClose(address, new Uint8Array([1, 2, 3]))).toEqual({ code: 4400, frames: 1 });
    expect(await firstClose(address, new Uint8Array([99, 2, 3]))).toEqual({ code: 4426, frames: 1 });
    expect(await firstClose(address)).toEqual({ code: 4503, frames: 1 });
    expect(await firstClose(address, 'text')).toEqual({ code: 1003, frames: 0 });
  });
});
