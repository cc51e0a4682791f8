/**
 * The bytes of the frame that a WebSocket connection is just receiving: the package holds them until the frame is whole.
 *
 * Why     A frame is bounded by limits.frameBytesMax, but thousands of connections may each begin one and never end it.
 * Assumes that the package reads the socket's chunks before this does: what it had whole by then is no part of the frame.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** Somebody counts the bytes of many holders, and ends one when they are too many: LinkBudget of a relay. */
export interface ByteBudget {
  note(holder: { readonly heldBytes: number; overrun(): void }): void;
}

/** Less is not worth counting: frames of live writes come whole in one chunk, with the begin of the next. */
const COUNTED_BYTES_MIN = 16_384;

export interface ArrivingFrameOptions {
  readonly budget: ByteBudget;
  /** Ends the connection, whose frame is the largest of all. */
  onOverrun(): void;
}

/** Counts what arrives on `socket`, the connection of `webSocket`, until it closes. */
export function countArrivingFrame(
  socket: Duplex,
  webSocket: WebSocket,
  { budget, onOverrun }: ArrivingFrameOptions,
): void {
  let bytes = 0;
  let counted = 0;
  let hasEnded = false;
  const holder = {
    get heldBytes() {
      return counted;
    },
    overrun() {
      counted = 0;
      onOverrun();
    },
  };
  const count = (): void => {
    const now = bytes < COUNTED_BYTES_MIN ? 0 : bytes;
    if (now === counted) return;
    counted = now;
    budget.note(holder);
  };
  // No ping ends a frame: it may stand between the fragments of one.
  webSocket.on('message', () => {
    hasEnded = true;
  });
  socket.on('data', (chunk: Buffer) => {
    bytes = hasEnded ? 0 : bytes + chunk.length;
    hasEnded = false;
    count();
  });
  socket.once('close', () => {
    bytes = 0;
    count();
  });
}
