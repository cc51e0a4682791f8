/**
 * The 16-byte ids (sites and eras) of one direction: written in full once, with a number, then by their number.
 *
 * Assumes that every message that is encoded is decoded, in that order: true for the frames of a lossless port, and
 * within one message. Where it is broken, a number is unknown: the message is refused, never read as another id.
 * Bounded: when it is full, further ids are written in full.
 */
import { bytesFromHex, hexFromBytes } from '../core/site-id.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

const ID_BYTES = 16;
const IDS_MAX = 4_000;

export class IdMemory {
  readonly #ids = new Map<number, string>();
  readonly #numbers = new Map<string, number>();
  /** The two that were asked for last: on a live link mostly its era and who writes, in turn. */
  #recent: string | undefined;
  #recentNumber = 0;
  #older: string | undefined;
  #olderNumber = 0;

  /** Of an id that was written before. */
  numberOf(id: string): number | undefined {
    if (id === this.#recent) return this.#recentNumber;
    if (id === this.#older) return this.#olderNumber;
    const number = this.#numbers.get(id);
    if (number === undefined) return undefined;
    this.#older = this.#recent;
    this.#olderNumber = this.#recentNumber;
    this.#recent = id;
    this.#recentNumber = number;
    return number;
  }

  /** Twice the number for a known id; twice the number plus 1 and the id for a new one; 0 and the id when full. */
  write(writer: ByteWriter, id: string): void {
    const known = this.numberOf(id);
    if (known !== undefined) return writer.varint(2 * known);
    const number = this.#numbers.size + 1;
    const isFull = number > IDS_MAX;
    if (!isFull) this.#numbers.set(id, number);
    writer.varint(isFull ? 0 : 2 * number + 1);
    writer.raw(bytesFromHex(id));
  }

  /** 32 lower-case hex digits. Errors  FRAME_MALFORMED for a number that was never given, or is given twice. */
  read(reader: ByteReader): string {
    const head = reader.varint();
    const number = Math.floor(head / 2);
    if (head > 0 && head % 2 === 0) return this.#ids.get(number) ?? unknownId();
    const id = hexFromBytes(reader.raw(ID_BYTES));
    if (head === 0) return id;
    if (number === 0 || number > IDS_MAX || (this.#ids.get(number) ?? id) !== id)
      throw malformed('an id that is numbered anew');
    this.#ids.set(number, id);
    return id;
  }
}

function unknownId(): never {
  throw malformed('an id by a number that this link never gave');
}
