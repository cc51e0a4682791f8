/** The codec that links and endpoints use; wire/codec.ts makes one from limits and an optional compression. */
import type { ReceivedBody } from '../core/part.ts';
import type { ChangesBody } from './bodies.ts';
import type { Message } from './message.ts';
import type { PartBlob } from './part-blob.ts';

/** What one link needs. */
export interface LinkCodec {
  /** Encodes a body once; compressed where that makes it smaller. */
  blobOf(body: ReceivedBody): PartBlob;
  /** One message as one byte string (bigger than a frame: the link cuts it into chunks). */
  encode(message: Message): Uint8Array;
  /** Errors  FRAME_MALFORMED, WIRE_VERSION, TOO_LARGE, CHANGE_INVALID; never anything else, whatever the bytes. */
  decode(bytes: Uint8Array): Message;
}

export interface Codec extends LinkCodec {
  /**
   * A codec for one session over one frame port, on both of its ends: it sends each site and era in full only once.
   *
   * Assumes that all it encodes is sent, and decoded by the other end's, in that order.
   */
  forLink(): LinkCodec;
  /** An HTTP body in binary (application/vnd.crmesh). */
  encodeBody(body: ChangesBody): Uint8Array;
  /** Errors  as decode. */
  decodeBody(bytes: Uint8Array): ChangesBody;
}
