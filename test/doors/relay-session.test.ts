/** Sessions over plain HTTP as a stranger would use them, and requests that are none. */
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { SseParser } from '../../src/transport/sse.ts';
import { batchFromFrames } from '../../src/transport/frame-batch.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Answer, TestRelay } from './served-relay.ts';
import { startRelay, TODO_SCHEMA } from './served-relay.ts';

let relay: TestRelay;
afterEach(() => relay.close());

const ID = '0123456789abcdef0123456789abcdef';
const binary = { 'content-type': 'application/vnd.crmesh' };
const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
const refused = (answer: Answer): unknown[] => [answer.status, answer.body['code']];
const post = (body: Uint8Array | string, headers: Record<string, string> = binary, path = ''): Promise<Answer> =>
  relay.call('POST', `/todo/session/${ID}${path}`, { body, headers });

interface Down {
  /** Reads until the end of the stream. */
  readonly rest: () => Promise<{ messages: Message[]; close: unknown }>;
}

async function openDown(id = ID): Promise<Down> {
  const response = await fetch(`${relay.url}/todo/session/${id}`);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const rest: Down['rest'] = async () => {
    const events = new SseParser(1 << 20).push(await response.text()) ?? [];
    const frames = events.filter(({ event }) => event === undefined);
    const close = events.find(({ event }) => event === 'close');
    return {
      messages: frames.map(({ data }) => codec.decode(new Uint8Array(Buffer.from(data, 'base64')))),
      close: close === undefined ? undefined : JSON.parse(close.data),
    };
  };
  return { rest };
}

describe('a session over http', () => {
  test('that begins with garbage gets a coded error frame and a close', async () => {
    relay = await startRelay();
    const down = await openDown();
    expect((await post(batchFromFrames([new Uint8Array([1, 255, 255])]))).status).toBe(204);
    const { messages, close } = await down.rest();
    expect(messages).toMatchObject([{ type: 'error', code: 'FRAME_MALFORMED' }]);
    expect(close).toEqual({ code: 4400, reason: 'FRAME_MALFORMED' });
  });

  test('that says nothing ends with HANDSHAKE_TIMEOUT', async () => {
    relay = await startRelay({ limits: { handshakeMs: 50 } });
    const { messages } = await (await openDown()).rest();
    expect(messages).toMatchObject([{ type: 'error', code: 'HANDSHAKE_TIMEOUT' }]);
  });

  test('is fed only while it is open, by frames in their form', async () => {
    relay = await startRelay();
    expect(refused(await post(new Uint8Array(0)))).toEqual([400, 'SESSION_PROTOCOL']);
    expect((await relay.call('GET', '/todo/session/short')).body['code']).toBe('BAD_REQUEST');
    const down = await openDown();
    expect((await relay.call('GET', `/todo/session/${ID}`)).body['code']).toBe('BAD_REQUEST');
    expect(refused(await post('{}', { 'content-type': 'application/json' }))).toEqual([415, 'MEDIA_TYPE']);
    expect(refused(await post(new Uint8Array(0), { ...binary, 'crmesh-batch': 'x' }))).toEqual([400, 'BAD_REQUEST']);
    expect(refused(await post(new Uint8Array([0, 0, 0, 9, 1])))).toEqual([400, 'FRAME_MALFORMED']);
    expect((await down.rest()).close).toEqual({ code: 4400, reason: 'FRAME_MALFORMED' });
    expect(refused(await post(new Uint8Array(0)))).toEqual([400, 'SESSION_PROTOCOL']);
  });

  test('is closed by its client with code and reason', async () => {
    relay = await startRelay();
    const down = await openDown();
    expect((await post(new Uint8Array(0), binary, '?close=1000&reason=done')).status).toBe(204);
    expect(await down.rest()).toEqual({ messages: [], close: undefined });
  });

  test('of another token is FORBIDDEN', async () => {
    relay = await startRelay({ authorize: () => ({ read: 'all', write: 'all' }) });
    const down = await openDown();
    const stranger = await relay.call('POST', `/todo/session/${ID}`, { headers: binary, body: '', token: 'other' });
    expect(refused(stranger)).toEqual([403, 'FORBIDDEN']);
    await relay.relay.close();
    await down.rest();
  });

  test('counts as a connection until it ends', async () => {
    relay = await startRelay({ limits: { connectionsMax: 1 } });
    const down = await openDown();
    const other = await relay.call('GET', `/todo/session/${'1'.repeat(32)}`);
    expect(refused(other)).toEqual([429, 'LIMIT_EXCEEDED']);
    await post(new Uint8Array(0), binary, '?close=1000');
    await down.rest();
    const { rest } = await openDown('2'.repeat(32));
    await relay.relay.close();
    await rest();
  });
});

describe('a relay with a schema of its own', () => {
  test('makes databases from it for callers that may, and for nobody else', async () => {
    relay = await startRelay({
      schema: TODO_SCHEMA,
      authorize: ({ token }) => ({ read: 'all', schema: token === 'owner' }),
    });
    expect(refused(await relay.call('GET', '/todo'))).toEqual([404, 'NO_DATABASE']);
    expect((await relay.call('GET', '/todo', { token: 'owner' })).status).toBe(200);
    expect((await relay.call('GET', '/todo/schema')).text).toContain('CREATE TABLE todo');
  });
});

describe('requests that are none', () => {
  const raw = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = connect(Number(new URL(relay.url).port), '127.0.0.1', () => socket.end(text));
      socket.on('data', (data: Buffer) => (answer += data.toString()));
      socket.on('close', () => resolve(answer));
      socket.on('error', () => undefined);
    });

  test('are answered, and the relay goes on', async () => {
    relay = await startRelay();
    const tail = 'connection: close\r\n\r\n';
    expect(await raw(`GET http://evil.example/health HTTP/1.1\r\nhost: localhost\r\n${tail}`)).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(await raw(`GET /health HTTP/1.1\r\nhost: a b\r\n${tail}`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(`GET //evil.example/x HTTP/1.1\r\nhost: localhost\r\n${tail}`)).toMatch(/^HTTP\/1\.1 404 /);
    expect(await raw(`TRACE /health HTTP/1.1\r\nhost: localhost\r\n${tail}`)).toMatch(/^HTTP\/1\.1 40[05] /);
    expect(await raw('rubbish\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect((await relay.call('GET', '/health')).status).toBe(200);
  });

  test('upgrades among them too', async () => {
    relay = await startRelay();
    const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-protocol: crmesh.v1\r\n';
    expect(await raw(`GET /todo HTTP/1.1\r\nhost: a b\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(`GET /todo HTTP/1.1\r\nhost: localhost\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await relay.call('GET', '/health')).status).toBe(200);
  });
});
