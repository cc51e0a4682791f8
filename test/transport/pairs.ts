/** Connected pairs of every transport, over loopback where it has a network. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { Limits } from '../../src/core/limits.ts';
import { dialBrowserWebSocket } from '../../src/transport/browser-websocket.ts';
import type { Dial, FramePort } from '../../src/transport/frame-port.ts';
import { HttpSessionPort } from '../../src/transport/http-session.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';
import { dialHttpSession } from '../../src/transport/http-session-dial.ts';
import { memoryPortPair } from '../../src/transport/memory-port.ts';
import { dialWebSocket } from '../../src/transport/websocket-dial.ts';
import { WebSocketPort } from '../../src/transport/websocket-port.ts';
import type { PortPair } from '../contract/frame-port.contract.ts';

export interface Listening {
  readonly server: Server;
  readonly port: number;
  readonly cut: () => void;
  readonly stop: () => Promise<void>;
}

export async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async (): Promise<void> => {
    cut();
    await new Promise((resolve) => server.close(resolve));
  };
  return { server, port: (server.address() as AddressInfo).port, cut, stop };
}

export function memoryPair(limits: Limits): Promise<PortPair> {
  const { ports, cut } = memoryPortPair({ limits });
  return Promise.resolve({ client: ports[0], server: ports[1], cut, dispose: () => Promise.resolve() });
}

export function nodeWebSocketPair(limits: Limits): Promise<PortPair> {
  return webSocketPair(limits, (url) => dialWebSocket({ url, limits }));
}

/** The browser's port over the same interface in Node. */
export function browserWebSocketPair(limits: Limits): Promise<PortPair> {
  const constructor = WebSocket as unknown as typeof globalThis.WebSocket;
  return webSocketPair(limits, (url) => dialBrowserWebSocket({ url, limits, WebSocket: constructor }));
}

async function webSocketPair(limits: Limits, dialOf: (url: string) => Dial): Promise<PortPair> {
  const listening = await listen(createServer());
  const sockets = new WebSocketServer({ server: listening.server, maxPayload: limits.frameBytesMax });
  const accepted = new Promise<FramePort>((resolve) => {
    sockets.once('connection', (socket, { socket: connection }) => {
      resolve(new WebSocketPort(socket, 'websocket client', limits, connection));
    });
  });
  const client = await dialOf(`ws://127.0.0.1:${listening.port}/todo`)();
  return { client, server: await accepted, cut: listening.cut, dispose: listening.stop };
}

export async function httpPair(limits: Limits): Promise<PortPair> {
  let port: HttpSessionPort | undefined;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'GET') {
      port = new HttpSessionPort('http client', { limits, runtime: nodeRuntime() });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const body = Readable.fromWeb(port.body as Parameters<typeof Readable.fromWeb>[0]);
      body.on('error', () => response.destroy());
      response.on('close', () => body.destroy());
      body.pipe(response);
      return;
    }
    void receive(port!, request).then(
      () => response.writeHead(204).end(),
      () => response.writeHead(400).end('{}'),
    );
  };
  const listening = await listen(createServer(answer));
  const client = await dialHttpSession({ url: `http://127.0.0.1:${listening.port}/todo`, limits })();
  return { client, server: port!, cut: listening.cut, dispose: listening.stop };
}

async function receive(port: HttpSessionPort, request: IncomingMessage): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  port.receive(new Uint8Array(Buffer.concat(pieces)), Number(request.headers['crmesh-batch']));
  const url = new URL(request.url!, 'http://localhost');
  const code = url.searchParams.get('close');
  if (code !== null) port.closedByPeer(Number(code), url.searchParams.get('reason') ?? '');
}
