/**
 * The receiving half that every frame port shares: keeps what arrives before listen(), bounded, and then delivers
 * frames in order, each callback outside of the caller's own calls.
 *
 * Assumes push() and end() are called from events of the connection, never from inside send(), close() or listen().
 */
import type { Limits } from '../core/limits.ts';
import type { FramePortListener } from './frame-port.ts';

export type InboxLimits = Pick<Limits, 'inboxMessagesMax' | 'bufferedBytesMax'>;

/** onDrain is told only after this much was buffered: an idle link that sends a frame now and then stays silent. */
export function pressedBytes(limits: InboxLimits): number {
  return limits.bufferedBytesMax / 4;
}

export class FrameInbox {
  readonly #limits: InboxLimits;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #listener: FramePortListener | undefined;
  #direct = false;
  #muted = false;
  #drained = false;
  #end: { readonly code: number; readonly reason: string } | undefined;

  constructor(limits: InboxLimits) {
    this.#limits = limits;
  }

  /** Nothing more will be delivered but onClose. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  listen(listener: FramePortListener): void {
    this.#listener = listener;
    queueMicrotask(() => this.#deliverKept());
  }

  /** Returns false when nobody listens and the frame does not fit any more: the port then closes. */
  push(frame: Uint8Array): boolean {
    if (this.#muted || this.#end !== undefined) return true;
    if (this.#direct) {
      this.#listener?.onFrame(frame);
      return true;
    }
    const { inboxMessagesMax, bufferedBytesMax } = this.#limits;
    if (this.#kept.length >= inboxMessagesMax || this.#keptBytes + frame.length > bufferedBytesMax) return false;
    this.#kept.push(frame);
    this.#keptBytes += frame.length;
    return true;
  }

  drained(): void {
    if (this.#end !== undefined || this.#muted) return;
    if (this.#direct) this.#listener?.onDrain();
    else this.#drained = true;
  }

  /** The port's owner closed it: frames that still arrive are nobody's. */
  mute(): void {
    this.#muted = true;
    this.#kept = [];
    this.#keptBytes = 0;
  }

  /** Delivers what was kept, then onClose, once. */
  end(code: number, reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = { code, reason };
    if (this.#direct) this.#listener?.onClose(code, reason);
  }

  #deliverKept(): void {
    const listener = this.#listener;
    if (this.#direct || listener === undefined) return;
    // A callback may close the port, which empties the list; frames that arrive meanwhile go behind it.
    for (let frame = this.#kept.shift(); frame !== undefined; frame = this.#kept.shift()) listener.onFrame(frame);
    this.#keptBytes = 0;
    this.#direct = true;
    if (this.#drained && !this.#muted) listener.onDrain();
    if (this.#end !== undefined) listener.onClose(this.#end.code, this.#end.reason);
  }
}
