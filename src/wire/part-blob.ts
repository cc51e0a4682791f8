/**
 * A part body together with its encoding: encoded and compressed once, then shared by all links; a relay that
 * received it passes the received bytes on.
 */
import type { ReceivedBody } from '../core/part.ts';

export interface PartBlob {
  readonly body: ReceivedBody;
  /** The encoded (and, where it pays, compressed) body. */
  readonly bytes: Uint8Array;
}
