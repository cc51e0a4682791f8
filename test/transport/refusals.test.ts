/** What a client hears when a connection is refused, and the small parts of the transports. */
import { createServer } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { ReplicationError } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS as limits } from '../../src/core/limits.ts';
import { dialBrowserWebSocket } from '../../src/transport/browser-websocket.ts';
import { sendableCloseCode, shortReason } from '../../src/transport/close-code.ts';
import { batchFromFrames, framesFromBatch } from '../../src/transport/frame-batch.ts';
import type { Dial } from '../../src/transport/frame-port.ts';
import { HttpSessionPort } from '../../src/transport/http-session.ts';
import { dialHttpSession } from '../../src/transport/http-session-dial.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';
import { subprotocolsOfHeader, subprotocolsWithToken, tokenOfSubprotocols } from '../../src/transport/subprotocol.ts';
import { dialWebSocket } from '../../src/transport/websocket-dial.ts';
import { WebSocketPort } from '../../src/transport/websocket-port.ts';
import { hear } from '../contract/frame-port.contract.ts';
import type { Listening } from './pairs.ts';
import { listen, nodeWebSocketPair } from './pairs.ts';
import { VirtualClock } from '../simulation/clock.ts';

const constructor = WebSocket as unknown as typeof globalThis.WebSocket;
const dials: readonly [string, (address: string) => Dial][] = [
  ['websocket of Node', (address) => dialWebSocket({ url: `ws://${address}`, limits })],
  [
    'websocket of browsers',
    (address) => dialBrowserWebSocket({ url: `ws://${address}`, limits, WebSocket: constructor }),
  ],
  ['http session', (address) => dialHttpSession({ url: `http://${address}`, limits })],
];

let listening: Listening | undefined;
afterEach(async () => {
  await listening?.stop();
  listening = undefined;
});

async function refusing(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  server.on('upgrade', (_request, socket) => {
    socket.end(`HTTP/1.1 ${status} No\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  listening = await listen(server);
  return `127.0.0.1:${listening.port}/todo?token=secret`;
}

const failure = (dial: Dial): Promise<ReplicationError> =>
  dial().then(
    () => Promise.reject(new Error('the connection opened')),
    (error: ReplicationError) => error,
  );

describe.each(dials)('a refused %s', (_name, dialOf) => {
  test.each([
    [400, 'BAD_REQUEST'],
    [401, 'UNAUTHORIZED'],
    [403, 'FORBIDDEN'],
    [404, 'NO_DATABASE'],
    [426, 'WIRE_VERSION'],
    [429, 'RATE_LIMITED'],
    [502, 'UNAVAILABLE'],
  ])('status %i becomes %s', async (status, code) => {
    const error = await failure(dialOf(await refusing(status, '<p>a proxy</p>')));
    expect(error).toMatchObject({ code, details: { status } });
  });

  test("takes the server's own code, message and details", async () => {
    const body = JSON.stringify({
      code: 'SITE_TAKEN',
      message: 'another key',
      fault: 'peer',
      retry: 'never',
      site: 'ab',
    });
    const error = await failure(dialOf(await refusing(403, body)));
    expect(error).toMatchObject({ code: 'SITE_TAKEN', message: 'another key', retry: 'after-fix' });
    expect(error.details).toEqual({ site: 'ab', status: 403 });
  });

  test('is UNAVAILABLE when nobody listens, and the token is not told', async () => {
    const address = await refusing(200, '');
    await listening!.stop();
    listening = undefined;
    const error = await failure(dialOf(address));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retry: 'back-off' });
    expect(error.message).not.toContain('secret');
  });

  test('is UNAVAILABLE when the server is something else', async () => {
    const error = await failure(dialOf(await refusing(200, '<html>')));
    expect(error.code).toBe('UNAVAILABLE');
  });
});

describe('websocket', () => {
  test('sends the token as a header from Node and as a subprotocol from a browser', async () => {
    const seen: (string | undefined)[][] = [];
    const server = createServer();
    new WebSocketServer({ server }).on('connection', (_socket, request) => {
      seen.push([request.headers.authorization, request.headers['sec-websocket-protocol']]);
    });
    listening = await listen(server);
    const url = `ws://127.0.0.1:${listening.port}/todo`;
    const token = 's3same/+?>';
    const ports = [
      await dialWebSocket({ url, token, limits })(),
      await dialBrowserWebSocket({ url, token, limits, WebSocket: constructor })(),
    ];
    for (const port of ports) port.close(1000, '');
    const encoded = Buffer.from(token).toString('base64url');
    expect(seen[0]).toEqual([`Bearer ${token}`, 'crmesh.v1']);
    expect(seen[1]).toEqual([undefined, `crmesh.v1,token.${encoded}`]);
  });

  test('ends the connection at a text message and at a frame that is too large', async () => {
    const small = { ...limits, frameBytesMax: 1000 };
    const server = createServer();
    const codes: Promise<number>[] = [];
    new WebSocketServer({ server, maxPayload: small.frameBytesMax }).on('connection', (socket) => {
      const heard = hear(new WebSocketPort(socket, 'websocket test', small));
      codes.push(heard.closed.then(() => heard.closes[0]!.code));
    });
    listening = await listen(server);
    const url = `ws://127.0.0.1:${listening.port}/`;
    const text = new WebSocket(url, 'crmesh.v1');
    text.on('open', () => text.send('hello'));
    const large = new WebSocket(url, 'crmesh.v1');
    large.on('open', () => large.send(new Uint8Array(1001)));
    const closed = await Promise.all(
      [text, large].map((socket) => new Promise<number>((resolve) => socket.on('close', resolve))),
    );
    expect(closed).toEqual([1003, 1009]);
    expect(await Promise.all(codes)).toHaveLength(2);
  });

  test('close reasons are cut at a character and codes are ones that may be sent', async () => {
    expect(new TextEncoder().encode(shortReason('é'.repeat(100)))).toHaveLength(122);
    expect([1000, 1001, 1005, 1006, 2999, 4409].map((code) => sendableCloseCode(code, 'node'))).toEqual([
      1000, 1001, 1000, 1000, 1000, 4409,
    ]);
    expect(sendableCloseCode(1001, 'browser')).toBe(1000);
    const { client, server, dispose } = await nodeWebSocketPair(limits);
    const heard = hear(server);
    client.close(1005, 'x'.repeat(500));
    await heard.closed;
    expect(heard.closes[0]!.reason).toBe('x'.repeat(123));
    await dispose();
  });
});

describe('tokens', () => {
  test('a token that no header can carry is USAGE', async () => {
    const error = await failure(dialWebSocket({ url: 'ws://127.0.0.1:1/', token: 'a\nb', limits }));
    expect(error.code).toBe('USAGE');
  });

  test('are found among subprotocols, whatever else stands there', () => {
    const asked = subprotocolsWithToken('é/?>');
    expect(tokenOfSubprotocols(subprotocolsOfHeader(asked.join(' , ')))).toBe('é/?>');
    expect(tokenOfSubprotocols(['crmesh.v1', 'token.'])).toBeUndefined();
    expect(tokenOfSubprotocols(['crmesh.v1', 'token.***'])).toBeUndefined();
    expect(tokenOfSubprotocols(['crmesh.v1', 'token._w'])).toBeUndefined();
    expect(tokenOfSubprotocols([])).toBeUndefined();
  });
});

describe('a session over HTTP that ends', () => {
  async function unread(bytes: number, clock = new VirtualClock()) {
    const ended: string[] = [];
    const runtime = { setTimer: (ms: number, callback: () => void) => clock.after(ms, callback) };
    const port = new HttpSessionPort('http test', { limits, runtime, onEnded: () => void ended.push('ended') });
    const reader = port.body.getReader();
    await reader.read();
    for (let sent = 0; sent < bytes; sent += 50_000) port.send(new Uint8Array(50_000));
    return { port, reader, ended };
  }

  test('keeps nothing for a reader that has not read for long', async () => {
    const { port, reader, ended } = await unread(limits.bufferedBytesMax);
    port.close(4400, 'FRAME_MALFORMED');
    await expect(reader.read()).rejects.toMatchObject({ code: 'LINK_LOST' });
    expect([port.bufferedBytes, ended]).toEqual([0, ['ended']]);
  });

  test('tells one that reads slowly why, and counts until it has read', async () => {
    const { port, reader, ended } = await unread(500_000);
    port.close(4403, 'FORBIDDEN');
    await Promise.resolve();
    expect(ended).toEqual([]);
    expect(port.bufferedBytes).toBeGreaterThan(500_000);
    port.send(new Uint8Array(50_000));
    let text = '';
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      text = new TextDecoder().decode(piece.value);
    }
    expect(text).toContain('FORBIDDEN');
    expect([port.bufferedBytes, ended]).toEqual([0, ['ended']]);
  });

  test.each<[string, (port: HttpSessionPort, clock: VirtualClock) => void]>([
    ['reads no more', (_port, clock) => clock.runFor(limits.silenceMs + 1)],
    ['is cut', (port) => port.close(1006, 'LIMIT_EXCEEDED')],
  ])('does not wait for ever for one that %s', async (_how, happens) => {
    const clock = new VirtualClock();
    const { port, reader, ended } = await unread(500_000, clock);
    port.close(4403, 'FORBIDDEN');
    happens(port, clock);
    await expect(reader.read()).rejects.toMatchObject({ code: 'LINK_LOST' });
    expect([port.bufferedBytes, ended]).toEqual([0, ['ended']]);
  });

  test('tells one that has why', async () => {
    const port = new HttpSessionPort('http test', { limits, runtime: nodeRuntime() });
    port.close(4400, 'FRAME_MALFORMED');
    expect(await new Response(port.body).text()).toContain('FRAME_MALFORMED');
  });
});

describe('frames in one body', () => {
  test('come back as they went', () => {
    const frames = [new Uint8Array(0), new Uint8Array([1]), new Uint8Array(70_000).fill(3)];
    expect(framesFromBatch(batchFromFrames(frames), limits).map((frame) => frame.length)).toEqual([0, 1, 70_000]);
  });

  test('cut short are FRAME_MALFORMED, too large are TOO_LARGE', () => {
    const batch = batchFromFrames([new Uint8Array(10)]);
    for (let length = 1; length < batch.length; length++) {
      expect(() => framesFromBatch(batch.subarray(0, length), limits)).toThrow(
        expect.objectContaining({ code: 'FRAME_MALFORMED' }),
      );
    }
    expect(() => framesFromBatch(new Uint8Array([255, 255, 255, 255]), limits)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
  });

  test('a repeated batch is taken once, a hole ends the session', async () => {
    const port = new HttpSessionPort('http test', { limits, runtime: nodeRuntime() });
    const heard = hear(port);
    const batch = batchFromFrames([new Uint8Array([1])]);
    await Promise.resolve();
    port.receive(batch, 0);
    port.receive(batch, 0);
    port.receive(batch, 1);
    expect(heard.frames).toHaveLength(2);
    expect(() => port.receive(batch, 3)).toThrow(expect.objectContaining({ code: 'SESSION_PROTOCOL' }));
    await heard.closed;
  });
});
