/**
 * Wire versions: the first byte of every frame is the lowest version that can read it.
 *
 * A reader refuses a frame of a version it does not know with WIRE_VERSION. A change that an older reader would
 * misread gets the next number and a line here; golden frames of every version stay in test/fixtures/wire.
 */
import { ReplicationError } from '../core/errors.ts';

/** Number -> what came with it. Numbers are never reused. */
export const WIRE_HISTORY: Readonly<Record<number, string>> = {
  1: 'Control messages in MessagePack, windows and parts with column-wise rows, chunks, HTTP bodies.',
};

/** What this code writes and the highest it reads. */
export const WIRE_VERSION = 1;

/** Errors  WIRE_VERSION for a frame that needs another version than we read. */
export function checkWireVersion(needed: number): void {
  if (Object.hasOwn(WIRE_HISTORY, needed)) return;
  throw new ReplicationError(
    'WIRE_VERSION',
    `the frame needs wire version ${needed}, this side reads up to ${WIRE_VERSION}: update the older side`,
    { needed, supported: WIRE_VERSION },
  );
}
