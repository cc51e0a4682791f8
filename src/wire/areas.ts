/**
 * The two areas of an encoded body: `packed` is deflated as one, `raw` holds what deflate cannot shorten (random
 * keys), so that neither side spends time on it.
 */
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

export interface WriteAreas {
  readonly packed: ByteWriter;
  /** Absent where nothing is deflated. */
  readonly raw?: ByteWriter;
}

export interface ReadAreas {
  readonly packed: ByteReader;
  readonly raw: ByteReader;
}

const SAMPLE_BYTES = 512;
/** Of 256 byte values a random sample of 512 shows 221; text and numbers show far fewer. */
const DISTINCT_MIN = 180;

/** Whether bytes look random, by a sample of them. */
export function looksRandom(bytes: Uint8Array): boolean {
  if (bytes.length < SAMPLE_BYTES) return false;
  const seen = new Uint8Array(256);
  const step = Math.floor(bytes.length / SAMPLE_BYTES);
  let distinct = 0;
  for (let i = 0; i < SAMPLE_BYTES; i++) {
    // A second step of the sample shifts it, so that it does not always meet the same place of equal-sized keys.
    const byte = bytes[i * step + (i % step)]!;
    distinct += 1 - seen[byte]!;
    seen[byte] = 1;
  }
  return distinct >= DISTINCT_MIN;
}
