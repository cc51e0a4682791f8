/**
 * A column of texts: lengths in UTF-8 bytes and all bytes behind each other, or a dictionary where few differ.
 *
 * Why     One call encodes or decodes a whole column; texts of ASCII alone are then cut out of one string.
 */
import type { ByteReader } from './byte-reader.ts';
import { malformed, textFromBytes } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { DecodeBudget } from './decode-budget.ts';

const encoder = new TextEncoder();
const DICTIONARY_MAX = 256;
/** A dictionary pays where each of its texts comes this often on average. */
const REPEATS_MIN = 4;
const PROBE = 64;

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

export function readDictionary(reader: ByteReader, count: number, budget: DecodeBudget): string[] {
  const texts = readTexts(reader, reader.count(DICTIONARY_MAX, 'texts in a dictionary'), budget);
  const values: string[] = [];
  let units = 0;
  for (const place of reader.raw(count)) {
    const text = texts[place];
    if (text === undefined) throw malformed('a text that is not in the dictionary');
    units += text.length;
    values.push(text);
  }
  budget.takeBytes(units);
  return values;
}

export function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  const all = texts.length === 1 ? texts[0]! : texts.join('');
  const bytes = encoder.encode(all);
  const isAscii = bytes.length === all.length;
  for (const text of texts) writer.varint(isAscii ? text.length : utf8Length(text));
  writer.raw(bytes);
}

/** Errors  FRAME_MALFORMED for anything but UTF-8; CHANGE_INVALID is not its business. */
export function readTexts(reader: ByteReader, count: number, { limits }: DecodeBudget): string[] {
  if (count > reader.left) throw malformed('it ends too early');
  const lengths: number[] = [];
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const length = reader.count(limits.valueBytesMax, 'bytes in a text');
    lengths.push(length);
    sum += length;
  }
  const bytes = reader.raw(sum);
  const all = textFromBytes(bytes);
  return all.length === sum ? slicesOf(all, lengths) : textsOf(bytes, lengths);
}

function slicesOf(all: string, lengths: readonly number[]): string[] {
  let at = 0;
  return lengths.map((length) => all.slice(at, (at += length)));
}

function textsOf(bytes: Uint8Array, lengths: readonly number[]): string[] {
  let at = 0;
  return lengths.map((length) => textFromBytes(bytes.subarray(at, (at += length))));
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
