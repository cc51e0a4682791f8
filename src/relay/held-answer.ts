/**
 * A body of an answer that counts among the bytes the relay holds until its caller has read it, or has stopped reading.
 *
 * Why  A caller that asks for page after page on new connections and reads none would fill the memory with answers.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Runtime } from '../core/runtime.ts';
import type { BodyBudget } from './request-body.ts';

const PIECE_BYTES = 64 << 10;

export interface Holding {
  readonly bodies: BodyBudget;
  readonly runtime: Pick<Runtime, 'setTimer'>;
  readonly limits: Pick<Limits, 'silenceMs'>;
}

/** Breaks off when nothing is taken of it for silenceMs. Errors  LIMIT_EXCEEDED when there is no room for it. */
export function heldBody(bytes: Uint8Array, { bodies, runtime, limits }: Holding): ReadableStream<Uint8Array> {
  bodies.take(bytes.length);
  let at = 0;
  let stopTimer = (): void => undefined;
  let isHeld = true;
  const release = (): void => {
    stopTimer();
    if (isHeld) bodies.give(bytes.length);
    isHeld = false;
  };
  const waitForReader = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    stopTimer();
    stopTimer = runtime.setTimer(limits.silenceMs, () => {
      release();
      controller.error(new ReplicationError('LINK_LOST', 'the answer was not read'));
    });
  };
  return new ReadableStream<Uint8Array>(
    {
      start: waitForReader,
      pull(controller) {
        controller.enqueue(bytes.subarray(at, at + PIECE_BYTES));
        at += PIECE_BYTES;
        if (at < bytes.length) return waitForReader(controller);
        release();
        controller.close();
      },
      cancel: release,
    },
    { highWaterMark: 0 },
  );
}
