/**
 * Walks msgpack bytes before they are decoded: bounds depth and items, and refuses extension types and texts that are
 * not UTF-8, so that the decoder never builds more than the bytes hold (a header may claim four thousand million items).
 */
import type { Limits } from '../core/limits.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed, textFromBytes } from './byte-reader.ts';

export function scanMsgpack(reader: ByteReader, limits: Pick<Limits, 'controlDepthMax' | 'controlItemsMax'>): void {
  /** Items still expected at each open level. */
  const open: number[] = [1];
  let items = 0;
  while (open.length > 0) {
    if (open[open.length - 1] === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1]! -= 1;
    items += 1;
    if (items > limits.controlItemsMax) throw malformed('too many items');
    const children = skipItem(reader);
    if (children > reader.left) throw malformed('more items than bytes');
    if (children > 0) open.push(children);
    if (open.length > limits.controlDepthMax) throw malformed('nested too deep');
  }
  reader.end();
}

/** Skips one item's header and scalar bytes; returns how many items it holds. */
function skipItem(reader: ByteReader): number {
  const byte = reader.u8();
  if (byte <= 0x7f || byte >= 0xe0) return 0;
  if (byte <= 0x8f) return 2 * (byte & 0x0f);
  if (byte <= 0x9f) return byte & 0x0f;
  if (byte <= 0xbf) return skipText(reader, byte & 0x1f);
  switch (byte) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xc4:
      return skip(reader, unsigned(reader, 1));
    case 0xc5:
      return skip(reader, unsigned(reader, 2));
    case 0xc6:
      return skip(reader, unsigned(reader, 4));
    case 0xd9:
      return skipText(reader, unsigned(reader, 1));
    case 0xda:
      return skipText(reader, unsigned(reader, 2));
    case 0xdb:
      return skipText(reader, unsigned(reader, 4));
    case 0xcc:
    case 0xd0:
      return skip(reader, 1);
    case 0xcd:
    case 0xd1:
      return skip(reader, 2);
    case 0xca:
    case 0xce:
    case 0xd2:
      return skip(reader, 4);
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return skip(reader, 8);
    case 0xdc:
      return unsigned(reader, 2);
    case 0xdd:
      return unsigned(reader, 4);
    case 0xde:
      return 2 * unsigned(reader, 2);
    case 0xdf:
      return 2 * unsigned(reader, 4);
    default:
      throw malformed('a type that control messages do not use');
  }
}

function skip(reader: ByteReader, length: number): 0 {
  reader.raw(length);
  return 0;
}

/** The decoder itself would put a mark where a byte is wrong. */
function skipText(reader: ByteReader, length: number): 0 {
  textFromBytes(reader.raw(length));
  return 0;
}

function unsigned(reader: ByteReader, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + reader.u8();
  return value;
}
