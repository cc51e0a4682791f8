/**
 * The messages of live traffic and bookkeeping in fixed order: windows, marks, beats, parts, acks, wants and the like.
 * Greetings and refusals are msgpack maps (greeting-codec.ts).
 */
import type { Cursor, EraNonce } from '../core/cursor.ts';
import { assertNever } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { SiteId } from '../core/site-id.ts';
import { bytesFromHex, hexFromBytes } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { BlobContext } from './blob-codec.ts';
import { readBlobs, writeBlobs } from './blob-codec.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { claimIsSpan, claimsAreSpans, spansAsClaims } from './claims-codec.ts';
import { readCoverage, readRanges, writeCoverage, writeRanges } from './coverage-codec.ts';
import { readAck, writeAck } from './greeting-codec.ts';
import type { IdMemory } from './id-memory.ts';
import type { Beat, Bye, ErrorMessage, Hello, Message, Nack, PartMessage, Want, Welcome, Window } from './message.ts';

export type ControlMessage = Hello | Welcome | Nack | ErrorMessage | Bye;
export type PlainMessage = Exclude<Message, ControlMessage>;

const IMAGE_HASH_BYTES = 32;

const BEAT_AT = 1;
const BEAT_LIVE = 2;
const BEAT_ASK = 4;
const BEAT_ANSWER = 8;

export function writeMessage(writer: ByteWriter, message: PlainMessage, ids: IdMemory): void {
  switch (message.type) {
    case 'base':
      return writeCursor(writer, { nonce: message.era, at: message.at }, ids);
    case 'window':
      return writeWindow(writer, message, ids);
    case 'mark':
      return writePosition(writer, message, ids);
    case 'beat':
      return writeBeat(writer, message, ids);
    case 'pull':
    case 'pullall':
      writer.u8(message.cursor === undefined ? 0 : 1);
      return message.cursor === undefined ? undefined : writeCursor(writer, message.cursor, ids);
    case 'part':
      return writePart(writer, message, ids);
    case 'ack':
      ids.write(writer, message.site);
      return writeAck(writer, message.ack);
    case 'coverage':
      return writeCoverage(writer, message.coverage, ids);
    case 'want':
      ids.write(writer, message.site);
      return writeRanges(writer, message.ranges);
    case 'credit':
      return writer.varint(message.grantedBytes);
    case 'chunk':
      for (const number of [message.transfer, message.i, message.n]) writer.varint(number);
      return writer.raw(message.bytes);
    case 'image':
      writeCursor(writer, { nonce: message.era, at: message.at }, ids);
      writer.varint(message.bytes);
      return writer.raw(bytesFromHex(message.hash));
    case 'ephemeral':
      return writer.raw(message.bytes);
    default:
      return assertNever(message);
  }
}

/** Errors  those of the decoders it calls; the caller checks that nothing is left over. */
export function readMessage(type: PlainMessage['type'], reader: ByteReader, context: BlobContext): PlainMessage {
  const { ids, budget } = context;
  const { limits } = budget;
  switch (type) {
    case 'base': {
      const { nonce, at } = readCursor(reader, ids);
      return { type, era: nonce, at };
    }
    case 'window':
      return readWindow(reader, context);
    case 'mark':
      return { type, ...readPosition(reader, ids) };
    case 'beat':
      return readBeat(reader, ids);
    case 'pull':
    case 'pullall':
      return reader.flag() ? { type, cursor: readCursor(reader, ids) } : { type };
    case 'part':
      return readPart(reader, context);
    case 'ack':
      return { type, site: ids.read(reader) as SiteId, ack: readAck(reader, limits) };
    case 'coverage':
      return { type, coverage: readCoverage(reader, ids, limits) };
    case 'want':
      return readWant(reader, ids, limits);
    case 'credit':
      return { type, grantedBytes: reader.varint() };
    case 'chunk': {
      const [transfer, i, n] = [reader.varint(), reader.varint(), reader.varint()];
      return { type, transfer, i, n, bytes: reader.raw(reader.left).slice() };
    }
    case 'image': {
      const { nonce, at } = readCursor(reader, ids);
      return { type, era: nonce, at, bytes: reader.varint(), hash: hexFromBytes(reader.raw(IMAGE_HASH_BYTES)) };
    }
    case 'ephemeral':
      return { type, bytes: reader.raw(reader.left).slice() };
    default:
      return assertNever(type);
  }
}

/** Number of parts and whether the claims are their spans; the claims where they are not; the parts. */
function writeWindow(writer: ByteWriter, window: Window, ids: IdMemory): void {
  const { parts, claims } = window;
  writePosition(writer, window, ids);
  const areSpans = claimsAreSpans(claims, parts);
  writer.varint(2 * parts.length + (areSpans ? 1 : 0));
  if (!areSpans) writeCoverage(writer, claims, ids);
  writeBlobs(writer, parts, ids);
}

function readWindow(reader: ByteReader, context: BlobContext): Window {
  const { ids, budget } = context;
  const position = readPosition(reader, ids);
  const head = reader.varint();
  const explicit = head % 2 === 0 ? readCoverage(reader, ids, budget.limits) : undefined;
  const parts = readBlobs(reader, Math.floor(head / 2), context);
  const claims = explicit ?? spansAsClaims(parts);
  if (claims === undefined) throw malformed('claims by spans, and a site with several parts');
  return { type: 'window', ...position, parts, claims };
}

function writePart(writer: ByteWriter, { blob, claims }: PartMessage, ids: IdMemory): void {
  const isSpan = claimIsSpan(claims, blob.body);
  writer.u8(isSpan ? 1 : 0);
  if (!isSpan) writeRanges(writer, claims);
  writeBlobs(writer, [blob], ids);
}

function readPart(reader: ByteReader, context: BlobContext): PartMessage {
  const explicit = reader.flag() ? undefined : readRanges(reader, context.budget.limits);
  const [blob] = readBlobs(reader, 1, context);
  return { type: 'part', blob: blob!, claims: explicit ?? [blob!.body.span] };
}

function readWant(reader: ByteReader, ids: IdMemory, limits: Limits): Want {
  const site = ids.read(reader) as SiteId;
  const ranges = readRanges(reader, limits);
  if (ranges.length === 0) throw malformed('a want of nothing');
  return { type: 'want', site, ranges };
}

type Position = Pick<Window, 'era' | 'from' | 'to' | 'n'>;

function writePosition(writer: ByteWriter, { era, from, to, n }: Position, ids: IdMemory): void {
  ids.write(writer, era);
  writer.varint(from);
  writer.varint(to - from);
  writer.varint(n);
}

function readPosition(reader: ByteReader, ids: IdMemory): Position {
  const era = ids.read(reader) as EraNonce;
  const from = reader.varint();
  const to = from + reader.varint();
  if (!Number.isSafeInteger(to)) throw malformed('a version is too large');
  return { era, from: from as StoreVersion, to: to as StoreVersion, n: reader.varint() };
}

function writeBeat(writer: ByteWriter, beat: Beat, ids: IdMemory): void {
  const { at, ask, answer } = beat;
  writer.u8(
    (at === undefined ? 0 : BEAT_AT) |
      (beat.live ? BEAT_LIVE : 0) |
      (ask === undefined ? 0 : BEAT_ASK) |
      (answer === undefined ? 0 : BEAT_ANSWER),
  );
  ids.write(writer, beat.era);
  for (const number of [beat.n, beat.sentBytes, beat.grantedBytes, at, ask, answer]) {
    if (number !== undefined) writer.varint(number);
  }
}

function readBeat(reader: ByteReader, ids: IdMemory): Beat {
  const flags = reader.u8();
  const era = ids.read(reader) as EraNonce;
  const [n, sentBytes, grantedBytes] = [reader.varint(), reader.varint(), reader.varint()];
  return {
    type: 'beat',
    era,
    n,
    live: (flags & BEAT_LIVE) !== 0,
    sentBytes,
    grantedBytes,
    ...((flags & BEAT_AT) === 0 ? {} : { at: reader.varint() as StoreVersion }),
    ...((flags & BEAT_ASK) === 0 ? {} : { ask: reader.varint() }),
    ...((flags & BEAT_ANSWER) === 0 ? {} : { answer: reader.varint() }),
  };
}

export function writeCursor(writer: ByteWriter, { nonce, at }: Cursor, ids: IdMemory): void {
  ids.write(writer, nonce);
  writer.varint(at);
}

export function readCursor(reader: ByteReader, ids: IdMemory): Cursor {
  return { nonce: ids.read(reader) as EraNonce, at: reader.varint() as StoreVersion };
}
