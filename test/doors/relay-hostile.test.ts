/** A caller with a valid token that means harm: others are served, and each try has a code and a line in the log. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Log } from '../../src/core/runtime.ts';
import { Stranger } from '../faults/live-relay.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { SUBPROTOCOL } from '../../src/transport/subprotocol.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { TestRelay } from './served-relay.ts';
import { pushBody, startRelay, TODO_SCHEMA } from './served-relay.ts';

let relay: TestRelay;
afterEach(() => relay.close());

/** [level, code] of each line. */
function logInto(lines: [string, unknown][]): Log {
  const at =
    (level: string) =>
    (fields: Record<string, unknown>): void =>
      void lines.push([level, fields['code']]);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** What comes back for bytes that are sent as they are, until the relay closes. */
function rawAnswer(text: string): Promise<string> {
  const socket = connect(Number(new URL(relay.url).port), '127.0.0.1');
  return new Promise((resolve) => {
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });
}

describe('what is no request', () => {
  test.each([
    ['no HTTP', 'GARBAGE\r\n\r\n', 400, 'BAD_REQUEST'],
    ['a head without end', `GET / HTTP/1.1\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`, 413, 'TOO_LARGE'],
    [
      'two lengths of one body',
      'POST /todo/changes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n',
      400,
      'BAD_REQUEST',
    ],
  ])('(%s) is answered with a code, and logged', async (_what, text, status, code) => {
    const lines: [string, unknown][] = [];
    relay = await startRelay({ log: logInto(lines) });
    const answer = await rawAnswer(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({ code });
    expect(lines).toContainEqual(['info', code]);
    expect((await relay.call('GET', '/health')).status).toBe(200);
  });

  test('behind an answer on the same connection ends it, and does not stand in the middle of the answer', async () => {
    relay = await startRelay();
    const answer = await rawAnswer('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGARBAGE\r\n\r\n');
    expect(answer.match(/HTTP\/1\.1/g) ?? []).toHaveLength(answer === '' ? 0 : 1);
    expect((await relay.call('GET', '/health')).status).toBe(200);
  });
});

describe('a database of one token', () => {
  test('that has as many sites as it may keeps no site out of another one', async () => {
    relay = await startRelay({ limits: { sitesMax: 3 }, token: 'secret', schema: TODO_SCHEMA });
    const asLeaf = (dbid: string, n: number) =>
      relay.call('POST', `/${dbid}/changes`, {
        json: pushBody({ site: `${n}`.repeat(32), start: 0, end: 1, ids: [n] }),
        token: 'secret',
      });
    const statuses = [];
    for (const n of [1, 2, 3, 4]) statuses.push((await asLeaf('mine', n)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await asLeaf('theirs', 5)).status).toBe(200);
  });
});

describe('a database that is full', () => {
  test('takes no more, with a code, and leaves room to the others', async () => {
    const lines: [string, unknown][] = [];
    relay = await startRelay({ schema: TODO_SCHEMA, limits: { databaseBytesMax: 500_000 }, log: logInto(lines) });
    const push = async (dbid: string, n: number): Promise<unknown> => {
      const write = { site: 'a'.repeat(32), start: n - 1, end: n, ids: [n], title: 'x'.repeat(50_000) };
      const { status, body } = await relay.call('POST', `/${dbid}/changes`, { json: pushBody(write) });
      return status === 200 ? status : body['code'];
    };
    const outcomes: unknown[] = [];
    for (let n = 1; n <= 20; n++) outcomes.push(await push('mine', n));
    expect([outcomes[0], outcomes.at(-1)]).toEqual([200, 'STORAGE_FULL']);
    expect(await push('theirs', 1)).toBe(200);
    expect((await relay.call('GET', '/mine/changes')).status).toBe(200);
    expect(lines).toContainEqual(['error', 'STORAGE_FULL']);
  });
});

describe('keys of many sites at once', () => {
  test('are bound one after the other or together, and all stay bound when the relay starts again', async () => {
    const options = { schema: TODO_SCHEMA, token: 'secret' };
    const folder = mkdtempSync(join(tmpdir(), 'crmesh-keys-'));
    relay = await startRelay(options, folder);
    const push = async (n: number, key: string): Promise<number> => {
      const json = pushBody({ site: n.toString(16).padStart(32, 'a'), start: 0, end: 1, ids: [n] });
      const headers = { 'crmesh-site-key': key.repeat(64) };
      return (await relay.call('POST', '/todo/changes', { json, headers, token: 'secret' })).status;
    };
    const sites = Array.from({ length: 30 }, (_, i) => i + 1);
    expect(await Promise.all(sites.map((n) => push(n, '1')))).toEqual(sites.map(() => 200));
    await relay.close();
    relay = await startRelay(options, folder);
    expect(await Promise.all(sites.map((n) => push(n, '2')))).toEqual(sites.map(() => 403));
    await relay.close();
    rmSync(folder, { recursive: true });
  });
});

describe('a key', () => {
  const keyFiles = (): string[] => readdirSync(relay.dir).filter((name) => name.includes('pins'));

  async function closeOfLeafWithPast(): Promise<string> {
    const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
    const headers = { authorization: 'Bearer secret' };
    const stranger = await Stranger.dial(`${relay.url.replace('http', 'ws')}/todo`, headers, codec);
    stranger.say({ ...stranger.hello('leaf'), formerSites: ['c'.repeat(32) as SiteId] });
    return (await stranger.closed).reason;
  }

  test('is bound for no database that is not there', async () => {
    relay = await startRelay({ token: 'secret' });
    const json = pushBody({ site: 'b'.repeat(32), start: 0, end: 1, ids: [1] });
    expect((await relay.call('POST', '/nothing/changes', { json, token: 'secret' })).body['code']).toBe('NO_DATABASE');
    expect(await closeOfLeafWithPast()).toBe('NO_DATABASE');
    expect(keyFiles()).toEqual([]);
  });

  test('is not taken for bound where there is no room for it', async () => {
    relay = await startRelay({ token: 'secret', schema: TODO_SCHEMA, limits: { siteKeysMax: 1 } });
    expect(await closeOfLeafWithPast()).toBe('LIMIT_EXCEEDED');
    expect(keyFiles()).toHaveLength(1);
  });
});

describe('messages without an end', () => {
  const CHUNK = new Uint8Array(200_000);
  const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });

  async function greeted(): Promise<Stranger> {
    const stranger = await Stranger.dial(`${relay.url.replace('http', 'ws')}/todo`, {}, codec);
    await stranger.greet('leaf');
    return stranger;
  }

  test('are bounded over all links: the one that holds most ends, and who holds little goes on', async () => {
    const lines: [string, unknown][] = [];
    relay = await startRelay({ schema: TODO_SCHEMA, limits: { linksBytesMax: 3_000_000 }, log: logInto(lines) });
    const modest = await greeted();
    modest.say({ type: 'chunk', transfer: 1, i: 0, n: 9, bytes: CHUNK });
    const greedy = await Promise.all([greeted(), greeted(), greeted()]);
    for (let i = 0; i < 12; i++) {
      for (const stranger of greedy) stranger.say({ type: 'chunk', transfer: 1, i, n: 99, bytes: CHUNK });
    }
    const ends = await Promise.race(greedy.map((stranger) => stranger.closed));
    expect(ends).toMatchObject({ code: 4429, reason: 'LIMIT_EXCEEDED' });
    expect(modest.isOpen).toBe(true);
    expect(lines).toContainEqual(['warn', 'LIMIT_EXCEEDED']);
    for (const stranger of [modest, ...greedy]) stranger.drop();
  });
});

describe('frames without an end', () => {
  /** A binary frame of 1,000,000 bytes is announced, masked with zeros, and not sent whole. */
  const BEGIN = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x00, 0x0f, 0x42, 0x40, 0, 0, 0, 0]);

  async function begun(bytes: number): Promise<Socket> {
    const headers = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': SUBPROTOCOL,
    };
    const asked = request(`${relay.url}/todo`, { headers }).end();
    const [, socket] = (await once(asked, 'upgrade')) as [unknown, Socket];
    socket.on('error', () => {}).resume();
    socket.write(Buffer.concat([BEGIN, Buffer.alloc(bytes)]));
    return socket;
  }

  test('are bounded over all connections, before any greeting too: the largest ends', async () => {
    const lines: [string, unknown][] = [];
    relay = await startRelay({ schema: TODO_SCHEMA, limits: { linksBytesMax: 1_000_000 }, log: logInto(lines) });
    const modest = await begun(20_000);
    const greedy = [await begun(600_000), await begun(700_000)];
    await Promise.race(greedy.map((socket) => once(socket, 'close')));
    expect(modest.closed).toBe(false);
    expect(lines).toContainEqual(['warn', 'LIMIT_EXCEEDED']);
    const { status } = await relay.call('GET', '/health');
    expect(status).toBe(200);
    for (const socket of [modest, ...greedy]) socket.destroy();
  });
});
