/** The compression port (wire/compression.ts) filled with Node's zlib; it is met by shape, since rooms of one floor do not import each other. */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { ReplicationError } from '../core/errors.ts';

export interface NodeCompression {
  deflateRaw(bytes: Uint8Array): Uint8Array;
  /** Errors  TOO_LARGE beyond `bytesMax`, FRAME_MALFORMED for bytes that are no deflate stream. */
  inflateRaw(bytes: Uint8Array, bytesMax: number): Uint8Array;
}

export interface NodeCompressionOptions {
  /** 1 (fast) to 9 (small). */
  readonly level?: number;
}

export function nodeCompression({ level = 4 }: NodeCompressionOptions = {}): NodeCompression {
  return {
    deflateRaw: (bytes) => plain(deflateRawSync(bytes, { level })),
    inflateRaw(bytes, bytesMax) {
      try {
        return plain(
          inflateRawSync(bytes, { maxOutputLength: Math.max(1, bytesMax), finishFlush: constants.Z_FINISH }),
        );
      } catch (error) {
        throw inflateError(error, bytesMax);
      }
    },
  };
}

function inflateError(error: unknown, bytesMax: number): ReplicationError {
  const code = (error as { code?: unknown }).code;
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return new ReplicationError('TOO_LARGE', `more than ${bytesMax} bytes when inflated: cut the message`);
  }
  return new ReplicationError('FRAME_MALFORMED', 'compressed bytes cannot be inflated', {}, { cause: error });
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
