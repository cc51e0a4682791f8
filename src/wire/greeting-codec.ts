/** Hello, welcome, nack, error and bye: control messages as msgpack maps, checked field by field. */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import type { CoverageDigest } from '../core/coverage-digest.ts';
import type { Cursor } from '../core/cursor.ts';
import { cursorToText, cursorFromText } from '../core/cursor.ts';
import type { Limits } from '../core/limits.ts';
import type { SiteId } from '../core/site-id.ts';
import { isVersionNumber } from '../core/version.ts';
import { ByteReader, malformed } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { readRanges, writeRanges } from './coverage-codec.ts';
import type { Fields } from './fields.ts';
import {
  bytesField,
  eraFrom,
  fieldsFrom,
  listField,
  numberField,
  oneOf,
  optionalText,
  siteFrom,
  textField,
} from './fields.ts';
import type { Bye, ErrorMessage, Hello, Nack, ShapeSummary, Welcome } from './message.ts';

const NAME_MAX = 200;
const MESSAGE_MAX = 4_000;
const FORMER_SITES_MAX = 1_000;
const BUCKETS = 256;

type GreetingFields = Omit<Welcome, 'type' | 'acks'>;

export function helloFields(hello: Hello): Fields {
  const { schemaText, siteKey } = hello;
  return {
    ...greetingFields(hello),
    ...(schemaText === undefined ? {} : { schemaText }),
    ...(siteKey === undefined ? {} : { siteKey }),
  };
}

export function welcomeFields(welcome: Welcome): Fields {
  return { ...greetingFields(welcome), acks: [...welcome.acks].map(([site, ack]) => [site, ackBytes(ack)]) };
}

export function helloFrom(value: unknown, limits: Limits): Hello {
  const fields = fieldsFrom(value);
  const schemaText = optionalText(fields, 'schemaText', limits.schemaBytesMax);
  const siteKey = optionalText(fields, 'siteKey', NAME_MAX);
  return {
    type: 'hello',
    ...greetingFrom(fields, limits),
    ...(schemaText === undefined ? {} : { schemaText }),
    ...(siteKey === undefined ? {} : { siteKey }),
  };
}

export function welcomeFrom(value: unknown, limits: Limits): Welcome {
  const fields = fieldsFrom(value);
  const acks = new Map<SiteId, Acknowledgement>();
  for (const entry of listField(fields, 'acks', FORMER_SITES_MAX + 1)) {
    if (!Array.isArray(entry) || !(entry[1] instanceof Uint8Array)) throw malformed('acks are no pairs');
    acks.set(siteFrom(entry[0]), ackFrom(new ByteReader(entry[1]), limits));
  }
  return { type: 'welcome', ...greetingFrom(fields, limits), acks };
}

export function nackFields({ site, ranges, kind, code, message }: Nack): Fields {
  const writer = new ByteWriter();
  writeRanges(writer, ranges);
  return { site, ranges: writer.take(), kind, code, message: message.slice(0, MESSAGE_MAX) };
}

export function nackFrom(value: unknown, limits: Limits): Nack {
  const fields = fieldsFrom(value);
  const reader = new ByteReader(bytesField(fields, 'ranges'));
  const ranges = readRanges(reader, limits);
  reader.end();
  return {
    type: 'nack',
    site: siteFrom(fields['site']),
    ranges,
    kind: oneOf(fields['kind'], ['reject', 'drop']),
    code: textField(fields, 'code', NAME_MAX),
    message: textField(fields, 'message', MESSAGE_MAX),
  };
}

/** Details travel as JSON text: they are for people and logs, and bounded. */
export function errorFields({ code, message, details }: ErrorMessage): Fields {
  const text = JSON.stringify(details);
  return { code, message: message.slice(0, MESSAGE_MAX), details: text.length > 4 * MESSAGE_MAX ? '{}' : text };
}

export function errorFrom(value: unknown): ErrorMessage {
  const fields = fieldsFrom(value);
  const code = textField(fields, 'code', NAME_MAX);
  const message = textField(fields, 'message', MESSAGE_MAX);
  return { type: 'error', code, message, details: detailsFrom(textField(fields, 'details', 4 * MESSAGE_MAX)) };
}

export function byeFields({ code, retryAfterMs }: Bye): Fields {
  return { code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

export function byeFrom(value: unknown): Bye {
  const fields = fieldsFrom(value);
  const code = textField(fields, 'code', NAME_MAX);
  return fields['retryAfterMs'] === undefined
    ? { type: 'bye', code }
    : { type: 'bye', code, retryAfterMs: numberField(fields, 'retryAfterMs') };
}

export function writeAck(writer: ByteWriter, { held, parked, refused }: Acknowledgement): void {
  for (const ranges of [held, parked, refused]) writeRanges(writer, ranges);
}

export function readAck(reader: ByteReader, limits: Limits): Acknowledgement {
  const held = readRanges(reader, limits);
  const parked = readRanges(reader, limits);
  return { held, parked, refused: readRanges(reader, limits) };
}

function greetingFields(greeting: Hello | Welcome): Fields {
  const { wire, session, dbid, site, formerSites, era, schemaHash, shape, mode, mesh, capabilities, credit } = greeting;
  const cursor = greeting.cursor === undefined ? {} : { cursor: cursorToText(greeting.cursor) };
  const digest = [...greeting.digest].flat();
  return {
    wire,
    session,
    dbid,
    site,
    formerSites,
    era,
    schemaHash,
    shape,
    mode,
    mesh,
    digest,
    capabilities,
    credit,
    ...cursor,
  };
}

function greetingFrom(fields: Fields, limits: Limits): GreetingFields {
  const cursor = optionalText(fields, 'cursor', NAME_MAX);
  return {
    wire: numberField(fields, 'wire'),
    session: textField(fields, 'session', NAME_MAX),
    dbid: textField(fields, 'dbid', NAME_MAX),
    site: siteFrom(fields['site']),
    formerSites: listField(fields, 'formerSites', FORMER_SITES_MAX).map(siteFrom),
    era: eraFrom(fields['era']),
    schemaHash: textField(fields, 'schemaHash', NAME_MAX),
    shape: shapeFrom(fields['shape'], limits),
    mode: oneOf(fields['mode'], ['leaf', 'peer']),
    mesh: textField(fields, 'mesh', NAME_MAX),
    digest: digestFrom(listField(fields, 'digest', 2 * BUCKETS)),
    capabilities: listField(fields, 'capabilities', NAME_MAX).filter((one) => typeof one === 'string'),
    credit: numberField(fields, 'credit'),
    ...(cursor === undefined ? {} : { cursor: cursorOf(cursor) }),
  };
}

function cursorOf(text: string): Cursor {
  try {
    return cursorFromText(text);
  } catch {
    throw malformed('not a cursor');
  }
}

function shapeFrom(value: unknown, limits: Limits): ShapeSummary {
  const shape: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  const entries = Object.entries(fieldsFrom(value));
  if (entries.length > limits.tablesMax) throw malformed('too many tables');
  for (const [table, columns] of entries) {
    const named = Array.isArray(columns) && columns.length <= limits.columnsMax;
    if (!named || !columns.every((column) => typeof column === 'string')) throw malformed('a shape names columns');
    shape[table] = columns;
  }
  return { ...shape };
}

function digestFrom(flat: readonly unknown[]): CoverageDigest {
  const digest = new Map<number, number>();
  for (let i = 0; i < flat.length; i += 2) {
    const [bucket, hash] = [flat[i], flat[i + 1]];
    if (!isVersionNumber(bucket) || bucket >= BUCKETS || !isVersionNumber(hash)) throw malformed('not a digest');
    digest.set(bucket, hash);
  }
  return digest;
}

function ackBytes(ack: Acknowledgement): Uint8Array {
  const writer = new ByteWriter();
  writeAck(writer, ack);
  return writer.take();
}

function ackFrom(reader: ByteReader, limits: Limits): Acknowledgement {
  const ack = readAck(reader, limits);
  reader.end();
  return ack;
}

function detailsFrom(text: string): Readonly<Record<string, unknown>> {
  try {
    return fieldsFrom(JSON.parse(text));
  } catch {
    throw malformed('details are no JSON object');
  }
}
