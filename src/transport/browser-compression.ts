/**
 * The compression port filled for browsers with fflate: their own CompressionStream is asynchronous, and a message is
 * encoded and decoded in one step.
 */
import { deflateSync, Inflate, inflateSync } from 'fflate';
import { isReplicationError, ReplicationError } from '../core/errors.ts';

/** Deflate expands a byte to at most so many. */
const EXPANSION_MAX = 1032;
const PIECE_BYTES = 4096;

export interface BrowserCompression {
  deflateRaw(bytes: Uint8Array): Uint8Array;
  /** Errors  TOO_LARGE beyond `bytesMax`, FRAME_MALFORMED for bytes that are no deflate stream. */
  inflateRaw(bytes: Uint8Array, bytesMax: number): Uint8Array;
}

export function browserCompression(): BrowserCompression {
  return {
    deflateRaw: (bytes) => deflateSync(bytes, { level: 4 }),
    inflateRaw(bytes, bytesMax) {
      try {
        return bytes.length * EXPANSION_MAX <= bytesMax ? inflateSync(bytes) : inflateBounded(bytes, bytesMax);
      } catch (error) {
        if (isReplicationError(error)) throw error;
        throw new ReplicationError('FRAME_MALFORMED', 'compressed bytes cannot be inflated', {}, { cause: error });
      }
    },
  };
}

/** Piece by piece, so that what comes out is counted before much of it is there. */
function inflateBounded(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  let total = 0;
  const inflate = new Inflate((piece) => {
    total += piece.length;
    if (total > bytesMax) throw tooLarge(bytesMax);
    pieces.push(piece);
  });
  for (let at = 0; at < bytes.length || at === 0; at += PIECE_BYTES) {
    inflate.push(bytes.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= bytes.length);
  }
  const whole = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function tooLarge(bytesMax: number): ReplicationError {
  return new ReplicationError('TOO_LARGE', `more than ${bytesMax} bytes when inflated: cut the message`);
}
