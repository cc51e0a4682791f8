/** crmesh/fastify inside a real fastify 5 server that has other routes, bodies and upgrade listeners. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { fastify } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { FastifyRelayOptions } from '../../src/fastify.ts';
import crmesh from '../../src/fastify.ts';
import { open } from '../../src/node.ts';
import type { Answer } from './served-relay.ts';
import { callUrl, pushBody, TODO_SCHEMA } from './served-relay.ts';

let app: FastifyInstance;
let dir: string;
let url: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'crmesh-fastify-'));
  app = fastify();
});
afterEach(async () => {
  await app.close();
  rmSync(dir, { recursive: true, force: true });
});

const SITE = 'a'.repeat(32);
const sql = { 'content-type': 'application/sql' };
const call = (method: string, path: string, options: Parameters<typeof callUrl>[2] = {}): Promise<Answer> =>
  callUrl(method, `${url}${path}`, options);

async function serve(options: FastifyRelayOptions = {}): Promise<void> {
  await app.register(crmesh, { dir, ...options });
  await app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

describe('the plugin', () => {
  test('serves every endpoint beside the routes of the app', async () => {
    app.get('/about', () => ({ about: 'this app' }));
    await serve();
    expect((await call('GET', '/health')).body).toEqual({ status: 'ok' });
    expect((await call('PUT', '/todo', { body: TODO_SCHEMA, headers: sql })).status).toBe(201);
    const push = { json: pushBody({ site: SITE, start: 0, end: 1, ids: [1] }) };
    expect((await call('POST', '/todo/changes', push)).body).toMatchObject({ outcome: 'applied' });
    expect((await call('GET', '/todo/changes')).body).toMatchObject({ seqEnd: 1, more: false });
    expect((await call('GET', '/todo/schema')).text).toContain('CREATE TABLE');
    expect((await call('GET', '/absent')).body).toMatchObject({ code: 'NO_DATABASE' });
    expect(JSON.parse((await call('GET', '/about')).text)).toEqual({ about: 'this app' });
    expect((await call('GET', '/not/a/route')).text).toContain('Route GET:/not/a/route not found');
  });

  test('leaves the bodies, errors and types of other routes as they are', async () => {
    app.addContentTypeParser('application/sql', { parseAs: 'string' }, (_request, body, done) =>
      done(null, `own ${String(body)}`),
    );
    app.post('/echo', (message) => ({ body: message.body }));
    await serve({ prefix: '/sync' });
    app.server.unref();
    expect((await call('PUT', '/sync/todo', { body: TODO_SCHEMA, headers: sql })).status).toBe(201);
    expect(JSON.parse((await call('POST', '/echo', { json: { a: 1 } })).text)).toEqual({ body: { a: 1 } });
    expect(JSON.parse((await call('POST', '/echo', { body: 'x', headers: sql })).text)).toEqual({ body: 'own x' });
    expect((await call('POST', '/echo', { body: '{', headers: { 'content-type': 'application/json' } })).status).toBe(
      400,
    );
    expect((await call('POST', '/echo', { body: 'x', headers: { 'content-type': 'image/png' } })).status).toBe(415);
  });

  test('stands under a prefix, in a scope with a prefix, and with routes of its own', async () => {
    await app.register(
      async (scope) => {
        await scope.register(crmesh, { dir, prefix: '/sync', routes: { changes: '/:dbid/cells', metrics: false } });
      },
      { prefix: '/api' },
    );
    await app.listen({ port: 0, host: '127.0.0.1' });
    url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    expect((await call('PUT', '/api/sync/todo', { body: TODO_SCHEMA, headers: sql })).status).toBe(201);
    expect((await call('GET', '/api/sync/todo/cells')).body).toMatchObject({ changes: [] });
    expect((await call('GET', '/api/sync/todo/changes')).status).toBe(404);
    expect((await call('GET', '/api/sync/metrics')).body).toMatchObject({ code: 'BAD_REQUEST' });
    expect((await call('DELETE', '/api/sync/todo')).body).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
    const db = await open(':memory:', { schema: TODO_SCHEMA });
    await db.sync(`${url.replace('http', 'ws')}/api/sync/todo`).synced();
    await db.close();
  });

  test('syncs over sockets and over http, and closes with the app', async () => {
    await serve({
      authorize: ({ token }) =>
        token === 't' ? { read: 'all', write: 'all', schema: true } : { refuse: 'UNAUTHORIZED' },
    });
    const [a, b] = [await open(':memory:', { schema: TODO_SCHEMA }), await open(':memory:', { schema: TODO_SCHEMA })];
    await a.exec("INSERT INTO todo VALUES (1, 'one', 0)");
    await a.sync(`${url.replace('http', 'ws')}/todo`, { token: 't' }).synced();
    await b.sync(`${url}/todo`, { token: 't' }).synced();
    expect(await b.query('SELECT title FROM todo')).toEqual([{ title: 'one' }]);
    await expect(b.sync(`${url}/todo`, { token: 'u' }).synced()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await app.close();
    await Promise.all([a.close(), b.close()]);
  });

  test('is left by callers over http without a connection that it would wait for when it closes', async () => {
    await serve();
    const unused = new Set<Socket>();
    app.server.on('connection', (socket: Socket) => unused.add(socket));
    app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket));
    for (let i = 0; i < 5; i++) {
      const db = await open(':memory:', { schema: TODO_SCHEMA });
      await db.sync(`${url}/todo`).synced();
      await db.close();
    }
    await app.close();
    expect(unused.size).toBe(0);
  });

  test('is one of two instances in one app, each with its folder', async () => {
    await app.register(crmesh, { dir: join(dir, 'one'), prefix: '/one' });
    await app.register(async (scope) => {
      await scope.register(crmesh, { dir: join(dir, 'two'), prefix: '/two' });
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    await call('PUT', '/one/todo', { body: TODO_SCHEMA, headers: sql });
    expect((await call('GET', '/one/todo')).status).toBe(200);
    expect((await call('GET', '/two/todo')).status).toBe(404);
    const db = await open(':memory:', { schema: TODO_SCHEMA });
    await db.sync(`${url.replace('http', 'ws')}/two/todo`).synced();
    await db.close();
  });
});

describe('upgrades', () => {
  test("of other paths are left to the app's own listeners, added before or after", async () => {
    const foreign = new WebSocketServer({ noServer: true });
    app.server.on('upgrade', (message, socket, head) => {
      if (message.url === '/chat/room/1') foreign.handleUpgrade(message, socket, head, (chat) => chat.send('hello'));
    });
    await serve();
    const chat = new WebSocket(`${url.replace('http', 'ws')}/chat/room/1`);
    expect(await new Promise((resolve) => chat.on('message', (data) => resolve(String(data))))).toBe('hello');
    chat.terminate();
    const own = new WebSocket(`${url.replace('http', 'ws')}/todo`, 'crmesh.v1');
    await new Promise((resolve) => own.on('open', resolve));
    own.terminate();
    for (const client of foreign.clients) client.terminate();
  });

  test('that nobody takes are answered, not left hanging', async () => {
    await serve();
    const headers = { connection: 'Upgrade', upgrade: 'h2c' };
    const status = await new Promise((resolve, reject) => {
      const upgrade = request(`${url}/some/other/path`, { headers }, (response) => resolve(response.statusCode));
      upgrade.on('error', reject);
      upgrade.end();
    });
    expect(status).toBe(404);
  });
});

describe('options', () => {
  test('without a folder or a storage are refused', async () => {
    await expect(fastify().register(crmesh, {})).rejects.toMatchObject({ code: 'USAGE' });
    await expect(fastify().register(crmesh, { dir, routes: { changes: 'changes' } })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});
