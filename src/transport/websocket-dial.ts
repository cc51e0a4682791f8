/** Opens a WebSocket from Node: the token goes in a header, a refusal comes back as the server's own coded error. */
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Dial, FramePort } from './frame-port.ts';
import { REFUSAL_BYTES_MAX, refusalFromAnswer, shownUrl, unreachable } from './refusal.ts';
import { SUBPROTOCOL, tokenHeaders } from './subprotocol.ts';
import { WebSocketPort } from './websocket-port.ts';

export interface WebSocketDialOptions {
  /** The database's address, ws: or wss:. */
  readonly url: string;
  readonly token?: string;
  readonly limits: Limits;
}

/** Errors  of the Dial: the refusal's code; UNAVAILABLE when nobody answers within limits.handshakeMs. */
export function dialWebSocket(options: WebSocketDialOptions): Dial {
  return () => openSocket(options);
}

async function openSocket({ url, token, limits }: WebSocketDialOptions): Promise<FramePort> {
  const shown = shownUrl(new URL(url));
  const socket = new WebSocket(url, SUBPROTOCOL, {
    perMessageDeflate: false,
    maxPayload: limits.frameBytesMax,
    handshakeTimeout: limits.handshakeMs,
    headers: tokenHeaders(token),
  });
  return new Promise<FramePort>((resolve, reject) => {
    const fail = (error: ReplicationError): void => {
      reject(error);
      socket.on('error', () => undefined);
      socket.terminate();
    };
    const onError = (error: Error): void => fail(unreachable(shown, error));
    socket.once('error', onError);
    socket.once('unexpected-response', (_request, answer) => {
      void readRefusal(answer).then(fail);
    });
    // Made at once when it opens, before a frame can arrive.
    socket.once('open', () => {
      socket.off('error', onError);
      resolve(new WebSocketPort(socket, `websocket ${shown}`, limits));
    });
  });
}

async function readRefusal(answer: IncomingMessage): Promise<ReplicationError> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > REFUSAL_BYTES_MAX) break;
      pieces.push(piece);
    }
  } catch {
    // The status alone says enough.
  }
  return refusalFromAnswer(answer.statusCode ?? 0, Buffer.concat(pieces).toString());
}
