/** The real codec with an ear: remembers which message a frame carries, so that the traffic can be judged by kind. */
import type { Codec, LinkCodec } from '../../src/wire/codec-port.ts';
import type { Message, MessageType } from '../../src/wire/message.ts';

export interface ObservedCodec extends Codec {
  /** What the frame, exactly as it was encoded, says; undefined for other bytes. */
  messageIn(frame: Uint8Array): Message | undefined;
}

export function observedCodec(codec: Codec): ObservedCodec {
  const messages = new WeakMap<Uint8Array, Message>();
  const observed = (own: LinkCodec): LinkCodec => ({
    blobOf: (body) => own.blobOf(body),
    encode: (message) => {
      const bytes = own.encode(message);
      messages.set(bytes, message);
      return bytes;
    },
    decode: (bytes) => own.decode(bytes),
  });
  return {
    ...codec,
    ...observed(codec),
    forLink: () => observed(codec.forLink()),
    messageIn: (frame) => messages.get(frame),
  };
}

/** Kinds that an idle link may send for ever. */
export function isHeartbeat(type: MessageType): boolean {
  return type === 'beat';
}
