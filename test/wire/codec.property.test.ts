/** Whatever is encoded comes back, and whatever bytes arrive end in a message or a coded error. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isReplicationError } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Message } from '../../src/wire/message.ts';
import { anyBody, anyChangesBody, anyMessage } from './messages.arbitrary.ts';

const limits = DEFAULT_LIMITS;
const codec = createCodec({ limits, compression: nodeCompression() });
const plain = createCodec({ limits });
const CODES = ['FRAME_MALFORMED', 'WIRE_VERSION', 'TOO_LARGE', 'CHANGE_INVALID'];

function survives(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(isReplicationError(error) ? CODES : []).toContain(isReplicationError(error) ? error.code : error);
  }
}

describe('codec', () => {
  test('every message comes back as it was, types of values included', () => {
    fc.assert(
      fc.property(anyMessage(codec), (message) => {
        expect(codec.decode(codec.encode(message))).toEqual(message);
      }),
      { numRuns: 600 },
    );
  });

  test('a codec without compression is read by one with it', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const blob = plain.blobOf(body);
        expect(codec.decode(plain.encode({ type: 'part', blob, claims: [] }))).toMatchObject({ blob: { body } });
      }),
    );
  });

  test('a link that numbers its ids carries every message in order', () => {
    fc.assert(
      fc.property(fc.array(anyMessage(codec), { maxLength: 12 }), (messages) => {
        const [here, there] = [codec.forLink(), codec.forLink()];
        for (const message of messages) expect(there.decode(here.encode(message))).toEqual(message);
      }),
      { numRuns: 60 },
    );
  });

  test('a relay passes received bodies on byte for byte', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const blob = codec.blobOf(body);
        const frame = codec.encode({ type: 'part', blob, claims: [] });
        const received = codec.decode(frame);
        expect(received.type === 'part' ? received.blob.bytes : undefined).toEqual(blob.bytes);
        expect(codec.encode(received)).toEqual(frame);
      }),
    );
  });

  test('every HTTP body comes back as it was', () => {
    fc.assert(
      fc.property(anyChangesBody, (body) => {
        expect(codec.decodeBody(codec.encodeBody(body))).toEqual(body);
      }),
      { numRuns: 300 },
    );
  });

  test('frames with changed, missing or added bytes end in a message or a coded error', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'cut', 'insert')), {
      minLength: 1,
      maxLength: 3,
    });
    const encoded = fc.oneof(
      anyMessage(plain).map((message: Message) => plain.encode(message)),
      anyMessage(codec).map((message: Message) => codec.encode(message)),
      anyChangesBody.map((body) => plain.encodeBody(body)),
    );
    fc.assert(
      fc.property(encoded, damage, (frame, faults) => {
        let bytes = [...frame];
        for (const [place, byte, kind] of faults) {
          const at = place % Math.max(1, bytes.length);
          if (kind === 'set') bytes[at] = byte;
          else if (kind === 'cut') bytes = bytes.slice(0, at);
          else bytes.splice(at, 0, byte);
        }
        const damaged = Uint8Array.from(bytes);
        survives(() => codec.decode(damaged));
        survives(() => codec.forLink().decode(damaged));
        survives(() => codec.decodeBody(damaged));
      }),
      { numRuns: 4_000 },
    );
  });

  test('any bytes end in a message or a coded error', () => {
    const tags = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 20, 32, 33, 34, 0x84, 0x89, 99];
    const noise = fc.tuple(fc.constantFrom(...tags), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(noise, ([tag, rest]) => {
        const bytes = Uint8Array.of(1, tag, ...rest);
        survives(() => codec.decode(bytes));
        survives(() => codec.decodeBody(bytes));
      }),
      { numRuns: 4_000 },
    );
  });
});
