/** Reads the first frame of a new connection and hands on a port that begins with the second. */
import { ReplicationError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { InboxLimits } from './frame-inbox.ts';
import { FrameInbox } from './frame-inbox.ts';
import type { FramePort, FramePortListener } from './frame-port.ts';

export interface FirstFrameOptions {
  readonly runtime: Pick<Runtime, 'setTimer'>;
  readonly limits: InboxLimits;
  readonly timeoutMs: number;
}

export interface FirstFrame {
  readonly frame: Uint8Array;
  /** The same connection; frames behind the first are kept until somebody listens. */
  readonly rest: FramePort;
}

/**
 * Errors  HANDSHAKE_TIMEOUT when nothing came in time, LINK_LOST when the connection ended first. The caller closes
 *         the port.
 */
export function takeFirstFrame(port: FramePort, options: FirstFrameOptions): Promise<FirstFrame> {
  const rest = new RestPort(port, options.limits);
  return new Promise((resolve, reject) => {
    const stopTimer = options.runtime.setTimer(options.timeoutMs, () => {
      reject(new ReplicationError('HANDSHAKE_TIMEOUT', 'no hello came in time: send it as the first frame'));
    });
    port.listen({
      onFrame(frame) {
        if (rest.begun) return rest.received(frame);
        rest.begun = true;
        stopTimer();
        resolve({ frame, rest });
      },
      onDrain: () => rest.inbox.drained(),
      onClose(code, reason) {
        stopTimer();
        rest.inbox.end(code, reason);
        reject(new ReplicationError('LINK_LOST', 'the connection ended before its hello'));
      },
    });
  });
}

class RestPort implements FramePort {
  readonly inbox: FrameInbox;
  readonly #port: FramePort;
  begun = false;

  constructor(port: FramePort, limits: InboxLimits) {
    this.#port = port;
    this.inbox = new FrameInbox(limits);
  }

  get description(): string {
    return this.#port.description;
  }

  get lossless(): boolean {
    return this.#port.lossless === true;
  }

  get bufferedBytes(): number {
    return this.#port.bufferedBytes;
  }

  listen(listener: FramePortListener): void {
    this.inbox.listen(listener);
  }

  received(frame: Uint8Array): void {
    if (!this.inbox.push(frame)) this.close(4429, 'LIMIT_EXCEEDED');
  }

  send(frame: Uint8Array): void {
    this.#port.send(frame);
  }

  close(code: number, reason: string): void {
    this.inbox.mute();
    this.#port.close(code, reason);
  }
}
