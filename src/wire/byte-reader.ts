/** Reads what ByteWriter wrote; whatever the bytes, it throws FRAME_MALFORMED and nothing else. */
import { ReplicationError } from '../core/errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function malformed(what: string): ReplicationError {
  return new ReplicationError('FRAME_MALFORMED', `not a frame of this protocol: ${what}`);
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed('it ends too early');
    this.#at += 1;
    return byte;
  }

  /** 1 or 0. */
  flag(): boolean {
    const byte = this.u8();
    if (byte > 1) throw malformed('neither yes nor no');
    return byte === 1;
  }

  /** Errors  FRAME_MALFORMED beyond 2^53 - 1 too. */
  varint(): number {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at += 1;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw malformed('a number is too large');
  }

  /** A varint that is at most `max`. */
  count(max: number, what: string): number {
    const value = this.varint();
    if (value > max) throw malformed(`${value} ${what}, more than ${max}`);
    return value;
  }

  signed(): number {
    const first = this.u8();
    const rest = first >= 0x80 ? this.varint() : 0;
    const magnitude = rest * 0x40 + (first & 0x3f);
    if (!Number.isSafeInteger(magnitude)) throw malformed('a number is too large');
    return (first & 0x40) === 0 ? magnitude : 0 - magnitude;
  }

  float64(): number {
    const at = this.#skip(8);
    return this.#view.getFloat64(at, true);
  }

  int64(): bigint {
    const at = this.#skip(8);
    return this.#view.getBigInt64(at, true);
  }

  /** The next bytes, not copied. */
  raw(length: number): Uint8Array {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** All that is left, not copied and not taken. */
  peek(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  /** A length of at most `bytesMax`, and UTF-8. */
  text(bytesMax: number = Number.MAX_SAFE_INTEGER): string {
    return textFromBytes(this.raw(this.count(bytesMax, 'bytes in a text')));
  }

  /** Errors  FRAME_MALFORMED when anything is left over. */
  end(): void {
    if (this.left > 0) throw malformed(`${this.left} bytes too many`);
  }

  #skip(length: number): number {
    const at = this.#at;
    if (length > this.left) throw malformed('it ends too early');
    this.#at += length;
    return at;
  }
}

export function textFromBytes(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed('a text is not UTF-8');
  }
}
