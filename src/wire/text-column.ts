/**
 * A column of texts: lengths in UTF-8 bytes and all bytes behind each other, or a dictionary where few differ.
 *
 * Why     One call encodes or decodes a whole column; each text is cut out of one string when it is looked at.
 */
import type { ByteReader } from './byte-reader.ts';
import { malformed, textFromBytes } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { Column } from './column.ts';
import { endBefore, readEnds } from './column.ts';
import type { DecodeBudget } from './decode-budget.ts';

const encoder = new TextEncoder();
const DICTIONARY_MAX = 256;
/** A dictionary pays where each of its texts comes this often on average. */
const REPEATS_MIN = 4;
const PROBE = 64;
/** The first byte of a character beyond 16 bits. */
const FOUR_BYTES = 0xf0;

/** The places of each text in a dictionary, or undefined where it does not pay. */
export interface TextDictionary {
  readonly texts: readonly string[];
  readonly places: readonly number[];
}

export function dictionaryOf(texts: readonly string[]): TextDictionary | undefined {
  if (texts.length < REPEATS_MIN * 4) return undefined;
  const placeOfText = new Map<string, number>();
  const places: number[] = [];
  for (const text of texts) {
    let place = placeOfText.get(text);
    if (place === undefined) {
      place = placeOfText.size;
      placeOfText.set(text, place);
      const tooMany = place >= DICTIONARY_MAX || (places.length >= PROBE && place * 2 > places.length);
      if (tooMany) return undefined;
    }
    places.push(place);
  }
  return placeOfText.size * REPEATS_MIN > texts.length ? undefined : { texts: [...placeOfText.keys()], places };
}

export function writeDictionary(writer: ByteWriter, { texts, places }: TextDictionary): void {
  writer.varint(texts.length);
  writeTexts(writer, texts);
  for (const place of places) writer.u8(place);
}

export function readDictionary(reader: ByteReader, count: number, budget: DecodeBudget): Column<string> {
  const textCount = reader.count(DICTIONARY_MAX, 'texts in a dictionary');
  const column = readTexts(reader, textCount, budget);
  const texts = Array.from({ length: textCount }, (_, i) => column.at(i)!);
  const places = reader.raw(count).slice();
  let units = 0;
  for (const place of places) {
    const text = texts[place];
    if (text === undefined) throw malformed('a text that is not in the dictionary');
    units += text.length;
  }
  budget.takeBytes(units);
  return { at: (place) => texts[places[place]!], byteLength: places.byteLength };
}

export function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  const all = texts.length === 1 ? texts[0]! : texts.join('');
  const bytes = encoder.encode(all);
  const isAscii = bytes.length === all.length;
  for (const text of texts) writer.varint(isAscii ? text.length : utf8Length(text));
  writer.raw(bytes);
}

/** Errors  FRAME_MALFORMED for anything but UTF-8; CHANGE_INVALID is not its business. */
export function readTexts(reader: ByteReader, count: number, { limits }: DecodeBudget): Column<string> {
  const ends = readEnds(reader, count, { bytesMax: limits.valueBytesMax, what: 'bytes in a text' });
  const sum = endBefore(ends, count);
  const bytes = reader.raw(sum);
  const all = textFromBytes(bytes);
  const unitEnds = all.length === sum ? ends : unitEndsOf(bytes, ends);
  const { byteLength } = unitEnds;
  return { at: (place) => all.slice(endBefore(unitEnds, place), unitEnds[place]), byteLength };
}

/** Where each text ends in the one of all, in UTF-16 code units. Errors  FRAME_MALFORMED for half a character. */
function unitEndsOf(bytes: Uint8Array, ends: Float64Array): Float64Array {
  let units = 0;
  let at = 0;
  return ends.map((end) => {
    if (at < end && isContinuation(bytes[at]!)) throw malformed('a text is not UTF-8');
    for (; at < end; at++) if (!isContinuation(bytes[at]!)) units += bytes[at]! >= FOUR_BYTES ? 2 : 1;
    return units;
  });
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7ff) length += unit >= 0xd800 && unit <= 0xdfff ? 1 : 2;
    else if (unit > 0x7f) length += 1;
  }
  return length;
}
