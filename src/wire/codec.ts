/**
 * The codec: messages and bodies to bytes and back.
 *
 * A frame is the wire version it needs (1 byte), its tag (1 byte), and its fields: greetings and refusals as msgpack
 * maps (greeting-codec.ts), everything else in fixed order (message-codec.ts). Part bodies are encoded once and copied
 * into frames as they are. Whatever the bytes, decode answers with a value or a coded error.
 */
import { Packr } from 'msgpackr/index-no-eval';
import { assertNever, isReplicationError } from '../core/errors.ts';
import type { BlobContext, CodecOptions } from './blob-codec.ts';
import { blobOfBody } from './blob-codec.ts';
import type { ChangesBody } from './bodies.ts';
import { readChangesBody, writeChangesBody } from './body-messages.ts';
import { ByteReader, malformed } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { Codec } from './codec-port.ts';
import { DecodeBudget } from './decode-budget.ts';
import type { Fields } from './fields.ts';
import {
  byeFields,
  byeFrom,
  errorFields,
  errorFrom,
  helloFields,
  helloFrom,
  nackFields,
  nackFrom,
  welcomeFields,
  welcomeFrom,
} from './greeting-codec.ts';
import { IdMemory } from './id-memory.ts';
import type { Message, MessageType } from './message.ts';
import type { ControlMessage, PlainMessage } from './message-codec.ts';
import { readMessage, writeMessage } from './message-codec.ts';
import { scanMsgpack } from './msgpack-scan.ts';
import { WindowMemo } from './window-memo.ts';
import { checkWireVersion, WIRE_VERSION } from './wire-version.ts';

/** Tags are for ever: a message that goes keeps its number. 18 is kept for subsets. */
const TAGS: Readonly<Record<MessageType, number>> = {
  hello: 1,
  welcome: 2,
  base: 3,
  window: 4,
  mark: 5,
  beat: 6,
  pull: 7,
  pullall: 8,
  part: 9,
  ack: 10,
  nack: 11,
  coverage: 12,
  want: 13,
  credit: 14,
  chunk: 15,
  ephemeral: 16,
  image: 17,
  error: 19,
  bye: 20,
};

const BODY_TAGS: Readonly<Record<ChangesBody['form'], number>> = { push: 32, 'store-order': 33, want: 34 };

/** Added to the tag: ids are numbered through the whole link, not through this message alone. */
const LINK_IDS = 0x80;

const TYPES: ReadonlyMap<number, MessageType> = new Map(
  Object.entries(TAGS).map(([type, tag]) => [tag, type as MessageType]),
);
const BODY_FORMS: ReadonlyMap<number, ChangesBody['form']> = new Map(
  Object.entries(BODY_TAGS).map(([form, tag]) => [tag, form as ChangesBody['form']]),
);

export function createCodec(options: CodecOptions): Codec {
  const { limits, compression } = options;
  // One of each for all links: encoding is one uninterrupted step.
  const writer = new ByteWriter(WRITER_BYTES_KEPT);
  const memo = new WindowMemo();
  return {
    ...messagesOf(options, undefined, { writer, memo }),
    blobOf: (body) => blobOfBody(body, compression),
    forLink: () => ({
      ...messagesOf(options, { sent: new IdMemory(), received: new IdMemory() }, { writer, memo }),
      blobOf: (body) => blobOfBody(body, compression),
    }),
    encodeBody(body) {
      writer.restart(WRITER_BYTES_KEPT);
      beginFrame(writer, BODY_TAGS[body.form]);
      writeChangesBody(writer, body, { ids: new IdMemory(), compression });
      return writer.take();
    },
    decodeBody: (bytes) =>
      guarded(() => {
        const reader = new ByteReader(bytes);
        checkWireVersion(reader.u8());
        const form = BODY_FORMS.get(reader.u8());
        if (form === undefined) throw malformed('an unknown tag');
        const context = { ids: new IdMemory(), budget: new DecodeBudget(limits), compression };
        const body = readChangesBody(reader, form, context);
        reader.end();
        return body;
      }),
  };
}

interface LinkIds {
  readonly sent: IdMemory;
  readonly received: IdMemory;
}

function messagesOf(
  { limits, compression }: CodecOptions,
  link: LinkIds | undefined,
  { writer, memo }: { readonly writer: ByteWriter; readonly memo: WindowMemo },
): Pick<Codec, 'encode' | 'decode'> {
  const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true, moreTypes: false });
  const encode = (message: Message): Uint8Array => {
    const fields = controlFields(message);
    const withLinkIds = link !== undefined && fields === undefined;
    writer.restart(WRITER_BYTES_KEPT);
    beginFrame(writer, TAGS[message.type] | (withLinkIds ? LINK_IDS : 0));
    if (fields !== undefined) writer.raw(packr.pack(fields));
    else writeMessage(writer, message as PlainMessage, link?.sent ?? new IdMemory());
    return writer.take();
  };
  return {
    encode(message) {
      if (link === undefined || message.type !== 'window') return encode(message);
      return memo.find(message, link.sent) ?? memo.encode(message, link.sent, () => encode(message));
    },
    decode: (bytes) =>
      guarded(() => {
        const reader = new ByteReader(bytes);
        checkWireVersion(reader.u8());
        const tag = reader.u8();
        const type = TYPES.get(tag & ~LINK_IDS);
        if (type === undefined) throw malformed('an unknown tag');
        if ((tag & LINK_IDS) !== 0 && link === undefined) throw malformed('ids of a link, and this is none');
        const ids = (tag & LINK_IDS) === 0 || link === undefined ? new IdMemory() : link.received;
        const message = readAny(type, reader, { packr, ids, budget: new DecodeBudget(limits), compression });
        reader.end();
        return message;
      }),
  };
}

/** A buffer for frames is kept up to here. */
const WRITER_BYTES_KEPT = 4096;

function beginFrame(writer: ByteWriter, tag: number): void {
  writer.u8(WIRE_VERSION);
  writer.u8(tag);
}

const DECODE_CODES: ReadonlySet<string> = new Set(['FRAME_MALFORMED', 'WIRE_VERSION', 'TOO_LARGE', 'CHANGE_INVALID']);

function guarded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (isReplicationError(error) && DECODE_CODES.has(error.code)) throw error;
    throw malformed(error instanceof Error ? error.message : 'it cannot be read');
  }
}

function controlFields(message: Message): Fields | undefined {
  switch (message.type) {
    case 'hello':
      return helloFields(message);
    case 'welcome':
      return welcomeFields(message);
    case 'nack':
      return nackFields(message);
    case 'error':
      return errorFields(message);
    case 'bye':
      return byeFields(message);
    default:
      return undefined;
  }
}

function readAny(type: MessageType, reader: ByteReader, context: BlobContext & { readonly packr: Packr }): Message {
  switch (type) {
    case 'hello':
    case 'welcome':
    case 'nack':
    case 'error':
    case 'bye':
      return readControl(type, reader, context);
    default:
      return readMessage(type, reader, context);
  }
}

function readControl(
  type: ControlMessage['type'],
  reader: ByteReader,
  { packr, budget: { limits } }: BlobContext & { readonly packr: Packr },
): ControlMessage {
  const packed = reader.raw(reader.left);
  scanMsgpack(new ByteReader(packed), limits);
  const value = packr.unpack(packed);
  switch (type) {
    case 'hello':
      return helloFrom(value, limits);
    case 'welcome':
      return welcomeFrom(value, limits);
    case 'nack':
      return nackFrom(value, limits);
    case 'error':
      return errorFrom(value);
    case 'bye':
      return byeFrom(value);
    default:
      return assertNever(type);
  }
}
