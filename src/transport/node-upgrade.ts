/** Upgrades of Node's HTTP server to frame ports; what is refused gets a whole HTTP answer before the close. */
import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { ErrorCode } from '../core/errors.ts';
import { ERROR_TABLE } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Log } from '../core/runtime.ts';
import type { ByteBudget } from './arriving-frame.ts';
import { countArrivingFrame } from './arriving-frame.ts';
import type { FramePort } from './frame-port.ts';
import { SUBPROTOCOL } from './subprotocol.ts';
import { WebSocketPort } from './websocket-port.ts';

export interface UpgradeRequest {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface SocketUpgrades {
  /** Completes the handshake; `onPort` is called when it is done, `onClose` once the connection is gone, done or not. */
  open(upgrade: UpgradeRequest, onPort: (port: FramePort) => void, onClose: () => void): void;
  /** Resolves when all are gone; those that do not answer the close in time are cut. */
  close(graceMs: number): Promise<void>;
}

const OVERRUN: ErrorCode = 'LIMIT_EXCEEDED';

export interface SocketUpgradeOptions {
  readonly limits: Limits;
  /** Counts what the connections are receiving. */
  readonly budget: ByteBudget;
  readonly log: Log;
}

export function socketUpgrades({ limits, budget, log }: SocketUpgradeOptions): SocketUpgrades {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.frameBytesMax,
    handleProtocols: (asked) => (asked.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  return {
    open({ message, socket, head }, onPort, onClose) {
      socket.once('close', onClose);
      server.handleUpgrade(message, socket, head, (webSocket) => {
        const { remoteAddress, remotePort } = message.socket;
        const description = `websocket ${remoteAddress}:${remotePort}`;
        const onOverrun = (): void => {
          const why = 'its unfinished frame is the largest of all links, and together they hold too much';
          const { level, close } = ERROR_TABLE[OVERRUN];
          log[level]({ code: OVERRUN, peer: description }, why);
          webSocket.close(close, OVERRUN);
          webSocket.terminate();
        };
        countArrivingFrame(socket, webSocket, { budget, onOverrun });
        onPort(new WebSocketPort(webSocket, description, limits, socket));
      });
    },
    async close(graceMs) {
      const clients = [...server.clients];
      const timer = setTimeout(() => {
        for (const client of clients) client.terminate();
      }, graceMs);
      await Promise.all(clients.map((client) => closedSocket(client)));
      clearTimeout(timer);
    },
  };
}

function closedSocket(client: WebSocket): Promise<void> {
  if (client.readyState === client.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    client.once('close', () => resolve());
  });
}

/** Answers a connection without a request; one that was answered before just ends, since it may be in the middle of it. */
export async function refuseConnection(socket: Duplex, response: Response): Promise<void> {
  socket.on('error', () => socket.destroy());
  const answer = await wholeAnswer(response);
  const { bytesWritten = 0 } = socket as Partial<Socket>;
  if (bytesWritten > 0 || !socket.writable) socket.destroy();
  else socket.end(answer);
}

/** Answers an upgrade that is refused, and closes. */
export async function refuseUpgrade(socket: Duplex, response: Response): Promise<void> {
  const answer = await wholeAnswer(response);
  if (!socket.destroyed) socket.end(answer);
}

async function wholeAnswer(response: Response): Promise<Buffer> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set('connection', 'close');
  headers.set('content-length', String(body.length));
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}\r\n${lines}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}
