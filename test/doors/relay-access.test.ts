/** Who may do what: tokens, grants, site keys, Host and Origin, over real HTTP and real sockets. */
import { request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { AccessRequest, Grant } from '../../src/relay.ts';
import type { Answer, TestRelay } from './served-relay.ts';
import { packedInteger, pushBody, startRelay, TODO_SCHEMA } from './served-relay.ts';

let relay: TestRelay;
afterEach(() => relay.close());

const SITE = 'a'.repeat(32);
const sql = { 'content-type': 'application/sql' };
const put = (token?: string, path = '/todo'): Promise<Answer> =>
  relay.call('PUT', path, { body: TODO_SCHEMA, headers: sql, ...(token === undefined ? {} : { token }) });
const refused = (answer: { status: number; body: Record<string, unknown> }): unknown[] => [
  answer.status,
  answer.body['code'],
];

/** A call with headers that fetch does not let through. */
function rawCall(path: string, headers: Record<string, string>, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(`${relay.url}${path}`, { method, headers }, (response) => {
      let text = '';
      response.on('data', (data: Buffer) => (text += data.toString()));
      response.on('end', () => {
        const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
        const seen = new Headers(response.headers as Record<string, string>);
        resolve({ status: response.statusCode ?? 0, headers: seen, body, text });
      });
    });
    call.on('error', reject);
    call.end();
  });
}

/** How an upgrade ends: 'open', or the status and code of the refusal. */
function upgrade(path: string, protocols: string[], headers: Record<string, string> = {}): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${relay.url.replace('http', 'ws')}${path}`, protocols, { headers });
    socket.on('open', () => {
      resolve('open');
      socket.terminate();
    });
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (data: Buffer) => (text += data.toString()));
      response.on('end', () => resolve([response.statusCode, (JSON.parse(text) as { code: string }).code]));
    });
  });
}

describe('tokens', () => {
  test('without one this machine may do everything, in mode peer', async () => {
    relay = await startRelay();
    expect((await put()).status).toBe(201);
    const answer = (await relay.call('GET', '/todo/changes')).body;
    expect((await relay.call('POST', '/todo/changes', { json: answer })).status).toBe(200);
  });

  test('of the relay are asked for everywhere but at health', async () => {
    relay = await startRelay({ token: 'secret', peerToken: 'deep-secret' });
    const calls: [string, string][] = [
      ['PUT', '/todo'],
      ['POST', '/todo/schema'],
      ['GET', '/todo/schema'],
      ['GET', '/todo'],
      ['GET', '/todo/changes'],
      ['POST', '/todo/changes'],
      ['GET', '/todo/stream'],
      ['GET', `/todo/session/${SITE}`],
      ['POST', `/todo/session/${SITE}`],
      ['GET', '/todo/socket'],
      ['GET', '/metrics'],
    ];
    for (const [method, path] of calls) {
      for (const token of [undefined, 'wrong', 'secre', 'secret2']) {
        const answer = await relay.call(method, path, token === undefined ? {} : { token });
        expect([method, path, ...refused(answer)]).toEqual([method, path, 401, 'UNAUTHORIZED']);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
    expect((await relay.call('GET', '/health')).status).toBe(200);
    expect((await relay.call('GET', '/metrics', { token: 'secret' })).status).toBe(200);
  });

  test('are taken from the header, a subprotocol or the query, in this order', async () => {
    relay = await startRelay({ token: 'secret' });
    await put('secret');
    expect((await relay.call('GET', '/todo?token=secret')).status).toBe(200);
    expect((await relay.call('GET', '/todo?token=secret', { token: 'wrong' })).status).toBe(401);
    const encoded = `token.${Buffer.from('secret').toString('base64url')}`;
    expect(await upgrade('/todo', ['crmesh.v1', encoded])).toBe('open');
    expect(await upgrade('/todo/socket', ['crmesh.v1'], { authorization: 'Bearer secret' })).toBe('open');
    expect(await upgrade('/todo?token=secret', ['crmesh.v1'])).toBe('open');
    expect(await upgrade('/todo', ['crmesh.v1'])).toEqual([401, 'UNAUTHORIZED']);
    expect(await upgrade('/todo', ['crmesh.v1', 'token.AAAA'])).toEqual([401, 'UNAUTHORIZED']);
  });

  test('of mode leaf do not hand on what others wrote; the peer token does', async () => {
    relay = await startRelay({ token: 'leaf', peerToken: 'peer' });
    await put('leaf');
    const { body } = await relay.call('GET', '/todo/changes', { token: 'leaf' });
    const leaf = await relay.call('POST', '/todo/changes', { json: body, token: 'leaf' });
    expect(refused(leaf)).toEqual([403, 'FORBIDDEN']);
    expect(leaf.body['mode']).toBe('leaf');
    expect((await relay.call('POST', '/todo/changes', { json: body, token: 'peer' })).status).toBe(200);
  });
});

describe('upgrades', () => {
  test('are refused with a whole answer: no database there, no route, no subprotocol', async () => {
    relay = await startRelay();
    expect(await upgrade('/todo', ['crmesh.v1'])).toBe('open');
    expect(await upgrade('/todo', ['other'])).toEqual([426, 'WIRE_VERSION']);
    expect(await upgrade('/todo/changes', ['crmesh.v1'])).toEqual([404, 'NO_ROUTE']);
    expect(await upgrade('/.bad', ['crmesh.v1'])).toEqual([400, 'BAD_REQUEST']);
    expect(await upgrade('/todo', ['crmesh.v1'], { origin: 'http://evil.example' })).toEqual([403, 'FORBIDDEN']);
  });

  test('are bounded, in all and from one address', async () => {
    relay = await startRelay({ limits: { connectionsPerAddressMax: 1 } });
    const first = new WebSocket(`${relay.url.replace('http', 'ws')}/todo`, 'crmesh.v1');
    await new Promise((resolve) => first.on('open', resolve));
    expect(await upgrade('/todo', ['crmesh.v1'])).toEqual([429, 'RATE_LIMITED']);
    first.terminate();
    await new Promise((resolve) => first.on('close', resolve));
    for (;;) if ((await upgrade('/todo', ['crmesh.v1'])) === 'open') break;
  });
});

describe('Host and Origin', () => {
  const host = (name: string): Promise<Answer> => rawCall('/health', { host: name });
  const origin = (name: string): Promise<Answer> => rawCall('/health', { origin: name });

  test('loopback names and pages are served, others are FORBIDDEN', async () => {
    relay = await startRelay();
    const { port } = new URL(relay.url);
    for (const name of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'app.localhost']) {
      expect((await host(name)).status, name).toBe(200);
    }
    for (const name of ['evil.example', '192.168.1.5', 'localhost.evil.example', '127.0.0.1.evil.example']) {
      expect(refused(await host(name)), name).toEqual([403, 'FORBIDDEN']);
    }
    for (const name of ['http://localhost:3000', 'https://127.0.0.1']) expect((await origin(name)).status).toBe(200);
    for (const name of ['http://evil.example', 'null', 'http://localhost.evil.example']) {
      const answer = await origin(name);
      expect(refused(answer), name).toEqual([403, 'FORBIDDEN']);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('the list widens both, and CORS follows it', async () => {
    relay = await startRelay({ origins: ['https://app.example'] });
    expect((await host('app.example')).status).toBe(200);
    const answer = await origin('https://app.example');
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(answer.headers.get('vary')).toBe('origin');
    expect((await origin('https://other.example')).status).toBe(403);
    const asked = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    const preflight = await rawCall('/todo/changes', asked, 'OPTIONS');
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('crmesh-site-key');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('if-range');
    expect(preflight.headers.get('access-control-expose-headers')).toContain('etag');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
    const failed = await rawCall('/absent', { origin: 'https://app.example' });
    expect(failed.status).toBe(404);
    expect(failed.headers.get('access-control-allow-origin')).toBe('https://app.example');
  });

  test('a page of the same origin is served under any name that the relay is', async () => {
    relay = await startRelay({ hosts: 'any' });
    expect((await rawCall('/health', { host: 'app.example', origin: 'http://app.example' })).status).toBe(200);
    expect((await rawCall('/health', { host: 'app.example', origin: 'http://b.example' })).status).toBe(403);
  });
});

describe('the authorize function', () => {
  test('hears operation, database, token, headers, address, and the site once it is known', async () => {
    const heard: AccessRequest[] = [];
    relay = await startRelay({
      authorize: (access) => {
        heard.push(access);
        return { read: 'all', write: 'all', schema: true };
      },
    });
    await put('t');
    await relay.call('GET', `/todo/changes`, { headers: { 'x-extra': '1' } });
    await relay.call('POST', '/todo/changes', { json: pushBody({ site: SITE, start: 0, end: 1, ids: [1] }) });
    expect(heard.map(({ operation, dbid, token, site }) => [operation, dbid, token, site])).toEqual([
      ['createDatabaseIfNotExists', 'todo', 't', undefined],
      ['getChanges', 'todo', undefined, undefined],
      ['applyChanges', 'todo', undefined, undefined],
      ['applyChanges', 'todo', undefined, SITE],
    ]);
    expect(heard[1]!.headers.get('x-extra')).toBe('1');
    expect(heard[1]!.address).toMatch(/127\.0\.0\.1$/);
  });

  test('is obeyed: what a grant leaves out is FORBIDDEN', async () => {
    let grant: Partial<Grant> = { schema: true };
    relay = await startRelay({ authorize: () => grant });
    expect((await put()).status).toBe(201);
    const push = { json: pushBody({ site: SITE, start: 0, end: 1, ids: [1] }) };
    expect(refused(await relay.call('GET', '/todo'))).toEqual([403, 'FORBIDDEN']);
    expect(refused(await relay.call('GET', '/todo/changes'))).toEqual([403, 'FORBIDDEN']);
    expect(refused(await relay.call('GET', '/todo/stream'))).toEqual([403, 'FORBIDDEN']);
    expect(refused(await relay.call('POST', '/todo/changes', push))).toEqual([403, 'FORBIDDEN']);
    grant = { read: 'all' };
    expect((await relay.call('GET', '/todo/changes')).status).toBe(200);
    expect(refused(await put())).toEqual([403, 'FORBIDDEN']);
    expect(refused(await relay.call('POST', '/todo/schema', { json: { schema: TODO_SCHEMA } }))).toEqual([
      403,
      'FORBIDDEN',
    ]);
  });

  test('that decides change by change has a push refused whole', async () => {
    relay = await startRelay({
      authorize: () => ({
        read: 'all',
        write: (change) => (change.val === 'title 2' ? 'reject' : 'allow'),
        schema: true,
      }),
    });
    await put();
    const push = (ids: number[]): Promise<Answer> =>
      relay.call('POST', '/todo/changes', { json: pushBody({ site: SITE, start: 0, end: 1, ids }) });
    const answer = await push([1, 2]);
    expect(refused(answer)).toEqual([403, 'CHANGE_REJECTED']);
    expect(answer.body['rejected']).toEqual([{ index: 2 }]);
    expect((await relay.call('GET', '/todo')).body).toMatchObject({ changes: 0 });
    expect((await push([1])).status).toBe(200);
  });

  test('that refuses, throws or answers nonsense lets nobody in', async () => {
    const answers: [() => unknown, unknown[]][] = [
      [() => ({ refuse: 'UNAUTHORIZED' }), [401, 'UNAUTHORIZED']],
      [() => ({ refuse: 'FORBIDDEN', message: 'not you' }), [403, 'FORBIDDEN']],
      [() => undefined, [500, 'INVARIANT']],
      [() => ({ read: 'some' }), [500, 'INVARIANT']],
      [() => ({ write: 1 }), [500, 'INVARIANT']],
      [() => ({ mode: 'root' }), [500, 'INVARIANT']],
      [() => ({ schema: 'yes' }), [500, 'INVARIANT']],
      [() => ({ vouch: 1 }), [500, 'INVARIANT']],
      [() => ({ expiresAt: Number.NaN }), [500, 'INVARIANT']],
      [() => Promise.reject(new Error('down')), [500, 'INVARIANT']],
    ];
    const logged: string[] = [];
    const log = (_fields: unknown, message: string): void => void logged.push(message);
    let next = answers[0]![0];
    relay = await startRelay({
      authorize: () => next() as Grant,
      log: { debug: log, info: log, warn: log, error: log },
    });
    for (const [answer, expected] of answers) {
      next = answer;
      expect(refused(await relay.call('GET', '/todo'))).toEqual(expected);
    }
    expect(logged).toContain('authorize failed');
  });
});

describe('site keys of leaves', () => {
  const push = (end: number, token: string, key?: string): Promise<Answer> =>
    relay.call('POST', '/todo/changes', {
      json: pushBody({ site: SITE, start: end - 1, end, ids: [end] }),
      token,
      ...(key === undefined ? {} : { headers: { 'crmesh-site-key': key } }),
    });
  const [keyA, keyB] = ['11'.repeat(32), '22'.repeat(32)];
  const authorize = ({ token }: AccessRequest): Partial<Grant> => ({
    read: 'all',
    write: 'all',
    schema: true,
    mode: token === 'peer' ? 'peer' : 'leaf',
  });

  test('the first key owns the site, also after a restart; another or none is SITE_TAKEN', async () => {
    relay = await startRelay({ authorize });
    await put();
    expect((await push(1, 'x', keyA)).status).toBe(200);
    expect(refused(await push(2, 'x', keyB))).toEqual([403, 'SITE_TAKEN']);
    expect(refused(await push(2, 'x'))).toEqual([403, 'SITE_TAKEN']);
    expect((await push(2, 'y', keyA.toUpperCase())).status).toBe(200);
    expect((await push(3, 'peer')).status).toBe(200);
    expect(refused(await push(4, 'x', 'zz'))).toEqual([400, 'BAD_REQUEST']);
    await relay.relay.close();
    const again = await startRelay({ authorize }, relay.dir);
    const first = relay;
    relay = again;
    expect(refused(await push(4, 'x', keyB))).toEqual([403, 'SITE_TAKEN']);
    expect((await push(4, 'x', keyA)).status).toBe(200);
    await again.close();
    relay = first;
  });

  test('a site first seen without a key belongs to its token', async () => {
    relay = await startRelay({ authorize });
    await put();
    expect((await push(1, 'mine')).status).toBe(200);
    expect(refused(await push(2, 'yours'))).toEqual([403, 'SITE_TAKEN']);
    expect(refused(await push(2, 'yours', keyA))).toEqual([403, 'SITE_TAKEN']);
    expect((await push(2, 'mine', keyA)).status).toBe(200);
  });

  test('of two first sights at once one wins', async () => {
    relay = await startRelay({ authorize });
    await put();
    const statuses = await Promise.all([push(1, 'x', keyA), push(1, 'x', keyB)]);
    expect(statuses.map((answer) => answer.status).sort()).toEqual([200, 403]);
  });

  test('a change of another site inside the body never passes', async () => {
    relay = await startRelay({ authorize });
    await put();
    const change = { table: 'todo', pk: packedInteger(1), cid: 'title', val: '', colVersion: 1, cl: 1, seq: 0 };
    const json = { siteId: SITE, seqStart: 0, seqEnd: 1, vClock: {}, changes: [{ ...change, siteId: 'b'.repeat(32) }] };
    expect(refused(await relay.call('POST', '/todo/changes', { json, token: 'x' }))).toEqual([403, 'FORBIDDEN']);
  });
});
