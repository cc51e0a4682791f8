/**
 * The frame port over the global WebSocket, where there is one: browsers, workers, newer Node.
 *
 * The token travels as a second subprotocol. A refusal before the opening is invisible to a page, so it asks the same
 * address once over HTTP and takes that answer's code.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { CLOSE_LOST, sendableCloseCode, shortReason } from './close-code.ts';
import { FrameInbox, pressedBytes } from './frame-inbox.ts';
import type { Dial, FramePort, FramePortListener } from './frame-port.ts';
import { refusalFromAnswer, shownUrl, unreachable } from './refusal.ts';
import { subprotocolsWithToken, tokenHeaders } from './subprotocol.ts';

/** Asks again for bufferedAmount while a pressed socket empties: the browser tells nobody. */
const DRAIN_CHECK_MS = 20;
const OPEN = 1;

export interface BrowserDialOptions {
  /** The database's address, ws: or wss:. */
  readonly url: string;
  readonly token?: string;
  readonly limits: Limits;
  /** The constructor; the default is the global one. */
  readonly WebSocket?: typeof globalThis.WebSocket;
}

/** Errors  of the Dial: the refusal's code; UNAVAILABLE when nobody answers. */
export function dialBrowserWebSocket(options: BrowserDialOptions): Dial {
  return () => openSocket(options);
}

async function openSocket(options: BrowserDialOptions): Promise<FramePort> {
  const { url, token, limits } = options;
  const Constructor = options.WebSocket ?? globalThis.WebSocket;
  if (typeof Constructor !== 'function') {
    throw new ReplicationError('UNAVAILABLE', 'this platform has no WebSocket: sync over http(s):// instead');
  }
  const socket = new Constructor(url, subprotocolsWithToken(token));
  return new Promise<FramePort>((resolve, reject) => {
    const timer = setTimeout(() => socket.close(), limits.handshakeMs);
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(new BrowserWebSocketPort(socket, `websocket ${shownUrl(new URL(url))}`, limits));
    };
    // An error is always followed by the close.
    socket.onerror = () => undefined;
    socket.onclose = () => {
      clearTimeout(timer);
      void askWhy(url, token).then(reject);
    };
  });
}

async function askWhy(url: string, token: string | undefined): Promise<ReplicationError> {
  const address = new URL(url);
  address.protocol = address.protocol === 'wss:' ? 'https:' : 'http:';
  try {
    const answer = await fetch(address, { headers: tokenHeaders(token) });
    const body = await answer.text();
    if (!answer.ok) return refusalFromAnswer(answer.status, body);
    return unreachable(shownUrl(new URL(url)), 'the server is there, but it opened no WebSocket');
  } catch (error) {
    return unreachable(shownUrl(new URL(url)), error);
  }
}

class BrowserWebSocketPort implements FramePort {
  readonly description: string;
  readonly lossless = true;
  readonly #socket: WebSocket;
  readonly #inbox: FrameInbox;
  readonly #limits: Limits;
  #watching = false;
  #closed = false;

  constructor(socket: WebSocket, description: string, limits: Limits) {
    this.description = description;
    this.#socket = socket;
    this.#inbox = new FrameInbox(limits);
    this.#limits = limits;
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#inbox.end(event.code, event.reason);
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  listen(listener: FramePortListener): void {
    this.#inbox.listen(listener);
  }

  send(frame: Uint8Array): void {
    if (this.#closed || this.#socket.readyState !== OPEN) return;
    this.#socket.send(frame as Uint8Array<ArrayBuffer>);
    if (!this.#watching && this.#socket.bufferedAmount > pressedBytes(this.#limits)) this.#watch();
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.mute();
    this.#socket.close(sendableCloseCode(code, 'browser'), shortReason(reason));
    // The closing handshake of a dead connection takes the browser a minute or more; nobody waits for it.
    if (code === CLOSE_LOST) queueMicrotask(() => this.#inbox.end(CLOSE_LOST, reason));
  }

  #received(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.close(4400, 'binary frames only');
    const tooLarge = data.byteLength > this.#limits.frameBytesMax;
    if (tooLarge) return this.close(4413, 'TOO_LARGE');
    if (!this.#inbox.push(new Uint8Array(data))) this.close(4429, 'LIMIT_EXCEEDED');
  }

  #watch(): void {
    this.#watching = true;
    setTimeout(() => {
      this.#watching = false;
      if (this.#socket.readyState !== OPEN) return;
      if (this.#socket.bufferedAmount > 0) this.#watch();
      else this.#inbox.drained();
    }, DRAIN_CHECK_MS);
  }
}
