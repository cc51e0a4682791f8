/**
 * The relay's end of a session over HTTP: frames come by POST, frames go as base64 events of one GET.
 *
 * The GET opens it and its end is the end of the session; whoever holds this port sees to tokens and session ids.
 * A POST may carry a batch number (0, 1, 2 ...): a repeat is taken as received, a hole is refused.
 */
import { base64FromBytes } from '../core/base64.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Runtime } from '../core/runtime.ts';
import { CLOSE_LOST } from './close-code.ts';
import { framesFromBatch } from './frame-batch.ts';
import { FrameInbox, pressedBytes } from './frame-inbox.ts';
import type { FramePort, FramePortListener } from './frame-port.ts';
import { sseCommentText, sseEventText } from './sse.ts';

/** Bytes of event text that the answer takes before it asks its reader to keep up. */
const STREAM_BYTES = 64 << 10;

/** Header of a POST: its number in this session. */
export const BATCH_HEADER = 'crmesh-batch';

export interface HttpSessionOptions {
  readonly limits: Limits;
  readonly runtime: Pick<Runtime, 'setTimer'>;
  /** Called once, when the connection is closed or lost. */
  readonly onEnded?: () => void;
}

export class HttpSessionPort implements FramePort {
  readonly description: string;
  readonly lossless = true;
  /** The body of the GET's answer. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: HttpSessionOptions;
  readonly #inbox: FrameInbox;
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #nextBatch = 0;
  #pressed = false;
  /** Nothing more is sent than what waits already. */
  #closing: { readonly code: number; readonly reason: string } | undefined;
  #ended = false;
  #stopTimer: () => void = () => undefined;

  constructor(description: string, options: HttpSessionOptions) {
    this.description = description;
    this.#options = options;
    this.#inbox = new FrameInbox(options.limits);
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => queueMicrotask(() => this.#pulled()),
        cancel: () => this.#lost(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: STREAM_BYTES }),
    );
    // The head of the answer leaves at once, so the client knows that it is connected.
    this.#write(sseCommentText('crmesh.v1'));
  }

  get bufferedBytes(): number {
    return this.#ended ? 0 : STREAM_BYTES - (this.#controller?.desiredSize ?? STREAM_BYTES);
  }

  listen(listener: FramePortListener): void {
    this.#inbox.listen(listener);
  }

  send(frame: Uint8Array): void {
    if (this.#closing !== undefined || this.#ended) return;
    this.#write(sseEventText({ data: base64FromBytes(frame) }));
    if (this.bufferedBytes > pressedBytes(this.#options.limits)) this.#pressed = true;
  }

  close(code: number, reason: string): void {
    const { limits, runtime } = this.#options;
    if (this.#ended) return;
    if (code === CLOSE_LOST || (this.#closing === undefined && this.bufferedBytes > limits.bufferedBytesMax)) {
      return this.#breakOff(code, reason);
    }
    if (this.#closing !== undefined) return;
    this.#closing = { code, reason };
    this.#inbox.mute();
    const isRead = this.bufferedBytes <= STREAM_BYTES;
    this.#write(sseEventText({ event: 'close', data: JSON.stringify({ code, reason }) }));
    if (isRead) return this.#end(code, reason);
    // The last word stands behind what is read slowly: the connection counts until then, but not for ever.
    this.#stopTimer = runtime.setTimer(limits.silenceMs, () => this.#breakOff(code, reason));
  }

  /** Errors  FRAME_MALFORMED, TOO_LARGE, SESSION_PROTOCOL for a batch out of turn; the session then ends. */
  receive(batch: Uint8Array, number: number | undefined): void {
    if (number !== undefined && number < this.#nextBatch) return;
    if (number !== undefined && number > this.#nextBatch) {
      this.close(4400, 'SESSION_PROTOCOL');
      throw new ReplicationError('SESSION_PROTOCOL', `batch ${this.#nextBatch} is missing: open a new session`);
    }
    this.#nextBatch++;
    for (const frame of this.#framesOf(batch)) {
      if (this.#inbox.push(frame)) continue;
      this.close(4429, 'LIMIT_EXCEEDED');
      throw new ReplicationError(
        'LIMIT_EXCEEDED',
        'too many frames before the session was accepted: wait for an answer',
      );
    }
  }

  /** The client said that it closed. */
  closedByPeer(code: number, reason: string): void {
    this.#end(code, reason);
  }

  #framesOf(batch: Uint8Array): Uint8Array[] {
    try {
      return framesFromBatch(batch, this.#options.limits);
    } catch (error) {
      this.close(4400, 'FRAME_MALFORMED');
      throw error;
    }
  }

  #write(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text));
  }

  #pulled(): void {
    if (this.bufferedBytes > STREAM_BYTES) return;
    if (this.#closing !== undefined) return this.#end(this.#closing.code, this.#closing.reason);
    if (!this.#pressed) return;
    this.#pressed = false;
    this.#inbox.drained();
  }

  #breakOff(code: number, reason: string): void {
    this.#inbox.mute();
    this.#controller?.error(new ReplicationError('LINK_LOST', `the session has ended (${reason})`));
    this.#controller = undefined;
    this.#end(code, reason);
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimer();
    this.#controller?.close();
    queueMicrotask(() => {
      this.#inbox.end(code, reason);
      this.#options.onEnded?.();
    });
  }

  /** The reader cancelled the stream, which closes it. */
  #lost(): void {
    this.#controller = undefined;
    this.#end(CLOSE_LOST, 'the stream was closed');
  }
}
