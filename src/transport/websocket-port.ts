/**
 * The frame port over a socket of the `ws` package, either side, open already.
 *
 * Binary messages only, one a frame; a text message ends the connection (1003). The package itself refuses what is
 * larger than limits.frameBytesMax (1009). Nothing is compressed here: parts come compressed.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Limits } from '../core/limits.ts';
import { CLOSE_LOST, sendableCloseCode, shortReason } from './close-code.ts';
import { FrameInbox, pressedBytes } from './frame-inbox.ts';
import type { FramePort, FramePortListener } from './frame-port.ts';

/** Frames up to here are copied behind their header, so that the connection takes one buffer and not two. */
const COPIED_BYTES_MAX = 4096;

const UNSUPPORTED_DATA = 1003;
const OPEN = 1;

export class WebSocketPort implements FramePort {
  readonly description: string;
  readonly lossless = true;
  readonly #socket: WebSocket;
  readonly #connection: Duplex | undefined;
  readonly #inbox: FrameInbox;
  readonly #pressedBytes: number;
  readonly #onWritten = (): void => this.#written();
  #pendingFrames = 0;
  #pressed = false;
  #closed = false;

  /** `connection`: of a server, whose frames are not masked; what `socket` itself writes to. */
  constructor(socket: WebSocket, description: string, limits: Limits, connection?: Duplex) {
    this.description = description;
    this.#socket = socket;
    this.#connection = connection;
    this.#inbox = new FrameInbox(limits);
    this.#pressedBytes = pressedBytes(limits);
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data, isBinary) => this.#received(data as Buffer, isBinary));
    socket.on('close', (code, reason) => this.#inbox.end(code, reason.toString()));
    // 'close' follows with the code; an error event without a listener would end the process.
    socket.on('error', () => {
      this.#inbox.mute();
    });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  listen(listener: FramePortListener): void {
    this.#inbox.listen(listener);
  }

  send(frame: Uint8Array): void {
    if (this.#closed || this.#socket.readyState !== OPEN) return;
    const { bufferedAmount } = this.#socket;
    this.#pressed ||= bufferedAmount + frame.length > this.#pressedBytes;
    if (!this.#pressed) return this.#sendAtOnce(frame, bufferedAmount > 0);
    // Written means that everything before it is, so only these need to be waited for.
    this.#pendingFrames++;
    this.#socket.send(frame, this.#onWritten);
  }

  #sendAtOnce(frame: Uint8Array, mayWait: boolean): void {
    // What may wait long does so in memory of its own size.
    if (mayWait || this.#connection === undefined || frame.length > COPIED_BYTES_MAX) this.#socket.send(frame);
    else this.#connection.write(binaryMessage(frame));
  }

  close(code: number, reason: string): void {
    if (code === CLOSE_LOST) this.#socket.terminate();
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.mute();
    if (code !== CLOSE_LOST) this.#socket.close(sendableCloseCode(code, 'node'), shortReason(reason));
  }

  #received(data: Buffer, isBinary: boolean): void {
    if (!isBinary) return this.close(UNSUPPORTED_DATA, 'binary frames only');
    const frame = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (!this.#inbox.push(frame)) this.close(4429, 'LIMIT_EXCEEDED');
  }

  #written(): void {
    this.#pendingFrames--;
    if (this.#pendingFrames > 0 || !this.#pressed) return;
    this.#pressed = false;
    this.#inbox.drained();
  }
}

const LAST_BINARY_FRAME = 0x82;
const SHORT_MAX = 125;
/** The length follows in two bytes. */
const IN_TWO_BYTES = 126;

/** One unmasked WebSocket message (RFC 6455, 5.2) of less than 2^16 bytes. */
function binaryMessage(frame: Uint8Array): Buffer {
  const { length } = frame;
  const head = length > SHORT_MAX ? 4 : 2;
  const bytes = Buffer.allocUnsafe(head + length);
  bytes[0] = LAST_BINARY_FRAME;
  if (head === 2) bytes[1] = length;
  else {
    bytes[1] = IN_TWO_BYTES;
    bytes.writeUInt16BE(length, 2);
  }
  bytes.set(frame, head);
  return bytes;
}
