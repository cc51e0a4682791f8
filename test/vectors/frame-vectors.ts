/**
 * Frames as hex, with what they mean as JSON: every message, every form of a body, ids numbered through a link, chunks,
 * frames that are refused; and the small texts and hashes that stand in messages.
 *
 * Deflated bytes come from the pinned JavaScript deflate, so that they are the same on every machine. Another
 * implementation reads them; what it writes itself may be deflated otherwise.
 */
import { digestOfCoverage } from '../../src/core/coverage-digest.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { cursorToText } from '../../src/core/cursor.ts';
import { codedError } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey, packedKeyFault } from '../../src/core/packed-key.ts';
import { bytesFromHex, hexFromBytes } from '../../src/core/site-id.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { browserCompression } from '../../src/transport/browser-compression.ts';
import { cutIntoChunks } from '../../src/wire/chunks.ts';
import type { Codec, LinkCodec } from '../../src/wire/codec-port.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { sqlValueToJson } from '../../src/wire/json-value.ts';
import type { Message } from '../../src/wire/message.ts';
import { goldenBodies, goldenMessages, meaningOf } from '../wire/golden-frames.ts';
import type { ByteFrame } from './byte-pieces.ts';
import { hexOf } from './byte-pieces.ts';
import { deflatedBodies, plainBodies } from './column-bodies.ts';
import { refusedBodies, refusedFrames } from './refused-frames.ts';
import { toleratedFrames } from './tolerated-frames.ts';

export interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly meaning: unknown;
}

export interface RefusedVector {
  readonly name: string;
  readonly hex: string;
  readonly code: string;
}

export interface FrameVectors {
  /** Each frame alone. */
  readonly messages: readonly FrameVector[];
  /** Bodies of HTTP calls. */
  readonly bodies: readonly FrameVector[];
  /** Frames of one direction of a link, in their order. */
  readonly links: readonly { readonly name: string; readonly frames: readonly Omit<FrameVector, 'name'>[] }[];
  /** Frames that make up one of the messages. */
  readonly chunked: readonly { readonly message: string; readonly frames: readonly string[] }[];
  /** Frames that are read, although our writer writes them otherwise. */
  readonly tolerated: readonly FrameVector[];
  readonly refused: readonly RefusedVector[];
  readonly refusedBodies: readonly RefusedVector[];
  readonly keys: readonly { readonly hex: string; readonly values?: readonly unknown[]; readonly valid: boolean }[];
  readonly digests: readonly { readonly coverage: unknown; readonly digest: unknown }[];
  readonly cursors: readonly { readonly text: string; readonly nonce: string; readonly at: number }[];
}

const LIMITS = DEFAULT_LIMITS;
const plain: Codec = createCodec({ limits: LIMITS });
const deflating: Codec = createCodec({ limits: LIMITS, compression: browserCompression() });

/** Name -> message, and the codec that writes it. */
export function vectorMessages(): Readonly<Record<string, { readonly message: Message; readonly codec: Codec }>> {
  const all: Record<string, { message: Message; codec: Codec }> = {};
  for (const [name, message] of Object.entries(goldenMessages(plain))) all[name] = { message, codec: plain };
  const parts = (bodies: typeof plainBodies, codec: Codec): void => {
    for (const [name, body] of Object.entries(bodies)) {
      all[`column: ${name}`] = { message: { type: 'part', blob: codec.blobOf(body), claims: [body.span] }, codec };
    }
  };
  parts(plainBodies, plain);
  parts(deflatedBodies, deflating);
  return all;
}

export function frameVectors(): FrameVectors {
  return {
    messages: Object.entries(vectorMessages()).map(([name, { message, codec }]) => frameOf(name, message, codec)),
    bodies: Object.entries(goldenBodies).map(([name, body]) => {
      return { name, hex: hexFromBytes(plain.encodeBody(body)), meaning: meaningOf(body) };
    }),
    links: [linkOf('ids are sent in full once', linkMessages())],
    chunked: [chunkedMessage()],
    tolerated: toleratedFrames.map(toleratedFrame),
    refused: refusedFrames.map((frame) => refusedFrame(frame, deflating.decode)),
    refusedBodies: refusedBodies.map((frame) => refusedFrame(frame, deflating.decodeBody)),
    keys: [...validKeys, ...invalidKeys].map(keyVector),
    digests: coverages.map((coverage) => ({
      coverage: meaningOf(coverage),
      digest: meaningOf(digestOfCoverage(coverage)),
    })),
    cursors: [0, 7, Number.MAX_SAFE_INTEGER].map((at) => {
      const nonce = 'e0'.repeat(16) as EraNonce;
      return { text: cursorToText({ nonce, at: at as StoreVersion }), nonce, at };
    }),
  };
}

function frameOf(name: string, message: Message, codec: LinkCodec): FrameVector {
  return { name, hex: hexFromBytes(codec.encode(message)), meaning: meaningOf(message) };
}

/** Greetings name no ids by number; later messages do, with a second new id on the way. */
export function linkMessages(): readonly Message[] {
  const messages = goldenMessages(plain);
  return ['hello', 'window-one-change', 'window-one-change', 'want', 'mark', 'want', 'coverage', 'bye'].map(
    (name) => messages[name]!,
  );
}

function linkOf(name: string, messages: readonly Message[]): FrameVectors['links'][number] {
  const link = plain.forLink();
  const frames = messages.map((message) => {
    return { hex: hexFromBytes(link.encode(message)), meaning: meaningOf(message) };
  });
  return { name, frames };
}

/** So few that one message takes several frames. */
const CHUNKED_FRAME_BYTES = 300;

function chunkedMessage(): FrameVectors['chunked'][number] {
  const message = goldenMessages(plain)['part-bulk']!;
  const chunks = cutIntoChunks(plain.encode(message), 1, CHUNKED_FRAME_BYTES);
  const frames = chunks.map((chunk) => hexFromBytes(plain.encode(chunk)));
  return { message: 'part-bulk', frames };
}

function refusedFrame(frame: ByteFrame, decode: (bytes: Uint8Array) => unknown): RefusedVector {
  const { name, hex } = hexOf(frame);
  try {
    decode(bytesFromHex(hex));
  } catch (error) {
    return { name, hex, code: codedError(error).code };
  }
  throw new Error(`${name} is not refused`);
}

function toleratedFrame(frame: ByteFrame): FrameVector {
  const { name, hex } = hexOf(frame);
  return { name, hex, meaning: meaningOf(deflating.decode(bytesFromHex(hex))) };
}

const validKeys: readonly (readonly SqlValue[])[] = [
  [0],
  [1],
  [255],
  [256],
  [2 ** 48],
  [-1],
  [2n ** 63n - 1n],
  [-(2n ** 63n)],
  [0.5],
  [real(5)],
  [real(-0)],
  [''],
  ['é'],
  [new Uint8Array(0)],
  [Uint8Array.of(0, 255), 'x', 3],
];

const invalidKeys: readonly string[] = [
  '',
  '00',
  '010900',
  '0105',
  '0109',
  '01010a',
  '010b01ff',
  '01027ff8000000000000',
  '0149000000000000000001',
];

function keyVector(key: readonly SqlValue[] | string): FrameVectors['keys'][number] {
  if (typeof key !== 'string') {
    return { hex: hexFromBytes(encodePackedKey(key)), values: key.map(sqlValueToJson), valid: true };
  }
  return { hex: key, valid: packedKeyFault(bytesFromHex(key), LIMITS) === undefined };
}

const sites = ['00', '0a', 'ff'].map((digits) => digits.repeat(16) as SiteId);
const neighbour = `0a${'0'.repeat(30)}` as SiteId;

const coverages: readonly Coverage[] = [
  new Map(),
  new Map([[sites[0]!, [[0, 12]]]]),
  new Map([
    [
      sites[1]!,
      [
        [0, 12],
        [15, 2 ** 40],
      ],
    ],
    [neighbour, [[3, 4]]],
    [sites[2]!, [[0, 1]]],
  ]),
];
