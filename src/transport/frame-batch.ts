/** Several frames in one HTTP body: each with its length before it, four bytes, big end first. */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';

/** Media type of bodies in our own binary form. */
export const CRMESH_MEDIA_TYPE = 'application/vnd.crmesh';

export function batchFromFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = frames.reduce((sum, frame) => sum + 4 + frame.length, 0);
  const batch = new Uint8Array(length);
  const view = new DataView(batch.buffer);
  let at = 0;
  for (const frame of frames) {
    view.setUint32(at, frame.length);
    batch.set(frame, at + 4);
    at += 4 + frame.length;
  }
  return batch;
}

/** Errors  FRAME_MALFORMED for a body that is cut short, TOO_LARGE for a frame above limits.frameBytesMax. */
export function framesFromBatch(batch: Uint8Array, limits: Pick<Limits, 'frameBytesMax'>): Uint8Array[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < batch.length;) {
    if (at + 4 > batch.length) throw cutShort();
    const length = view.getUint32(at);
    if (length > limits.frameBytesMax) {
      throw new ReplicationError('TOO_LARGE', `a frame has ${limits.frameBytesMax} bytes at most: cut the message`);
    }
    const end = at + 4 + length;
    if (end > batch.length) throw cutShort();
    frames.push(batch.subarray(at + 4, end));
    at = end;
  }
  return frames;
}

function cutShort(): ReplicationError {
  return new ReplicationError(
    'FRAME_MALFORMED',
    'the body ends inside a frame: send 4 bytes of length, then the frame',
  );
}
