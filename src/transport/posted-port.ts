/**
 * The frame port over whatever posts cloned messages in order: a MessagePort, or one pair of a BroadcastChannel.
 *
 * Each frame is answered with its size once it is here, so that the sender knows what is under way. Assumes that the
 * carrier neither drops nor reorders; what it brings is checked like anything from outside.
 */
import type { Limits } from '../core/limits.ts';
import { CLOSE_LOST } from './close-code.ts';
import { FrameInbox, pressedBytes } from './frame-inbox.ts';
import type { FramePort, FramePortListener } from './frame-port.ts';

/** A frame, its receipt in bytes, or the end of the connection. */
export type Posted =
  | { readonly frame: Uint8Array }
  | { readonly taken: number }
  | { readonly code: number; readonly reason: string };

export interface PostCarrier {
  readonly description: string;
  /** `own` may be transferred: nobody else uses it. */
  post(message: Posted, own?: ArrayBuffer): void;
  /** Lets the carrier go, after what was posted has left. */
  release(): void;
}

export type PostedLimits = Pick<Limits, 'frameBytesMax' | 'bufferedBytesMax' | 'inboxMessagesMax'>;

export class PostedPort implements FramePort {
  readonly description: string;
  readonly lossless = true;
  readonly #carrier: PostCarrier;
  readonly #limits: PostedLimits;
  readonly #inbox: FrameInbox;
  #bufferedBytes = 0;
  #pressed = false;
  #closed = false;

  constructor(carrier: PostCarrier, limits: PostedLimits) {
    this.description = carrier.description;
    this.#carrier = carrier;
    this.#limits = limits;
    this.#inbox = new FrameInbox(limits);
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  listen(listener: FramePortListener): void {
    this.#inbox.listen(listener);
  }

  send(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#bufferedBytes += frame.length;
    if (this.#bufferedBytes > pressedBytes(this.#limits)) this.#pressed = true;
    // A copy: cloning a view would clone all of the buffer under it.
    const copy = new Uint8Array(frame);
    this.#carrier.post({ frame: copy }, copy.buffer);
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#inbox.mute();
    if (code !== CLOSE_LOST) this.#carrier.post({ code, reason });
    this.#end(code, reason);
  }

  /** Lets the other end hear that this one lives. */
  beat(): void {
    if (!this.#closed) this.#carrier.post({ taken: 0 });
  }

  /** The carrier brought something. */
  receive(message: unknown): void {
    if (this.#closed) return;
    const { frame, taken, code, reason } = Object(message) as Partial<Record<string, unknown>>;
    if (frame instanceof Uint8Array) this.#received(frame);
    else if (typeof taken === 'number' && taken >= 0) this.#taken(taken);
    else if (typeof code === 'number' && typeof reason === 'string') this.#end(code, reason);
    else this.close(4400, 'FRAME_MALFORMED');
  }

  /** The carrier is gone, without a word of the other end. */
  lost(reason: string): void {
    if (!this.#closed) this.#end(CLOSE_LOST, reason);
  }

  #received(frame: Uint8Array): void {
    if (frame.length > this.#limits.frameBytesMax) return this.close(4413, 'TOO_LARGE');
    if (!this.#inbox.push(frame)) return this.close(4429, 'LIMIT_EXCEEDED');
    if (!this.#closed) this.#carrier.post({ taken: frame.length });
  }

  #taken(bytes: number): void {
    this.#bufferedBytes = Math.max(0, this.#bufferedBytes - bytes);
    if (this.#bufferedBytes > 0 || !this.#pressed) return;
    this.#pressed = false;
    this.#inbox.drained();
  }

  #end(code: number, reason: string): void {
    this.#closed = true;
    this.#bufferedBytes = 0;
    this.#carrier.release();
    queueMicrotask(() => this.#inbox.end(code, reason));
  }
}
