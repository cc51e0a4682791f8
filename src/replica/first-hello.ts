/** The server's end of a new connection: the first frame must be a hello; what is refused is told as a coded frame. */
import { ReplicationError } from '../core/errors.ts';
import type { FramePort } from '../transport/frame-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { Hello } from '../wire/message.ts';
import { WIRE_VERSION } from '../wire/wire-version.ts';

/** Errors  SESSION_PROTOCOL, WIRE_VERSION; the codec's. */
export function helloFromFrame(codec: Codec, frame: Uint8Array): Hello {
  const message = codec.decode(frame);
  if (message.type !== 'hello') {
    throw new ReplicationError(
      'SESSION_PROTOCOL',
      `a session begins with hello in one frame, not with ${message.type}`,
    );
  }
  if (message.wire === WIRE_VERSION) return message;
  throw new ReplicationError('WIRE_VERSION', `this side speaks wire version ${WIRE_VERSION}: update the older side`, {
    wire: WIRE_VERSION,
  });
}

/** Says why, then closes: never a silent connection. */
export function refuseSession(codec: Codec, port: FramePort, error: ReplicationError): void {
  const { code, message, details } = error;
  port.send(codec.encode({ type: 'error', code, message, details }));
  port.close(error.close, code);
}
