/** Bounds and sizes of frames: what a hostile sender can cost, and what an honest one pays. */
import { describe, expect, test } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Limits } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { ByteWriter } from '../../src/wire/byte-writer.ts';
import type { Codec } from '../../src/wire/codec-port.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Message } from '../../src/wire/message.ts';

const site = 'ab'.repeat(16) as SiteId;
const era = 'cd'.repeat(16) as EraNonce;
const compression = nodeCompression();

function codecOf(limits: Partial<Limits> = {}): Codec {
  return createCodec({ limits: { ...DEFAULT_LIMITS, ...limits }, compression });
}
const codec = codecOf();

const change = (fields: Partial<Change>): Change => {
  return { table: 'todo', pk: encodePackedKey([1]), cid: 'title', val: 'x', colVersion: 1, cl: 1, seq: 0, ...fields };
};

/** Encodes without checks, as a hostile sender would. */
function partOf(rows: readonly Change[], by: Codec = codec): Uint8Array {
  return by.encode({ type: 'part', blob: by.blobOf({ site, span: [0, 9], rows }), claims: [] });
}

/** A part frame made by hand: the bytes behind the site. */
function rawPart(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  for (const byte of [1, 9, 1, 3]) writer.u8(byte);
  writer.raw(new Uint8Array(16).fill(0xab));
  write(writer);
  return writer.take();
}

const coded = (code: string): unknown => expect.objectContaining({ code });

describe('a frame is refused', () => {
  test.each([
    ['that is empty', []],
    ['of one byte', [1]],
    ['with a tag that does not exist', [1, 99]],
    ['with ids of a link, outside of one', [1, 0x84, 1]],
    ['with bytes behind its end', [1, 14, 5, 5]],
    ['with a number beyond 2^53', [1, 14, 255, 255, 255, 255, 255, 255, 255, 127]],
    ['that wants nothing', [1, 13, 3, ...new Array<number>(16).fill(1), 0]],
    ['with ranges that touch', [1, 13, 3, ...new Array<number>(16).fill(1), 2, 0, 5, 0, 5]],
    ['whose control fields nest without end', [1, 20, ...new Array<number>(5_000).fill(0x91)]],
    ['whose control fields claim 2^32 items', [1, 20, 0xdd, 255, 255, 255, 255]],
    ['whose control fields hold an extension', [1, 20, 0xd4, 0x73, 0]],
    ['whose control fields are no map', [1, 20, 0xc0]],
    ['whose control fields hold a text that is not UTF-8', [1, 20, 0x81, 0xa1, 0x61, 0xa1, 0x80]],
  ])('%s: FRAME_MALFORMED', (_what, bytes) => {
    expect(() => codec.decode(Uint8Array.from(bytes))).toThrow(coded('FRAME_MALFORMED'));
  });

  test('of another wire version: WIRE_VERSION with what each side speaks', () => {
    const wire = { code: 'WIRE_VERSION', details: { needed: 2, supported: 1 } };
    expect(() => codec.decode(Uint8Array.of(2, 14, 5))).toThrow(expect.objectContaining(wire));
    expect(() => codec.decodeBody(Uint8Array.of(0))).toThrow(coded('WIRE_VERSION'));
  });

  test.each([
    ['a table name with a quote', change({ table: 'a"b' })],
    ['a table of our own', change({ table: 'crmesh_have' })],
    ['a column name with a space', change({ cid: 'a b' })],
    ['a key that is no packed key', change({ pk: Uint8Array.of(1, 0x11, 0, 1) })],
    ['an empty key', change({ pk: new Uint8Array(0) })],
    ['a column version beyond its bound', change({ colVersion: 2 ** 53 - 1 })],
    ['a causal length of 0', change({ cl: 0 })],
    ['a cell of a deleted row', change({ cl: 2 })],
    ['a seq beyond its bound', change({ seq: 2 ** 40 })],
    ['a sentinel with a value', change({ cid: '-1' })],
    ['a sentinel with another column version', change({ cid: '-1', val: null, colVersion: 3 })],
    ['NaN', change({ val: Number.NaN })],
    ['a version outside of its span', change({ version: 10 })],
  ])('with %s: CHANGE_INVALID', (_what, row) => {
    expect(() => codec.decode(partOf([row]))).toThrow(coded('CHANGE_INVALID'));
    expect(() => codec.decode(partOf(Array.from({ length: 40 }, () => row)))).toThrow(coded('CHANGE_INVALID'));
  });

  test('with more changes than a message may have, in one part or in many: TOO_LARGE', () => {
    const small = codecOf({ partChangesMax: 10 });
    const rows = (count: number): Change[] =>
      Array.from({ length: count }, (_, i) => change({ pk: encodePackedKey([i]) }));
    expect(() => small.decode(partOf(rows(10)))).not.toThrow();
    expect(() => small.decode(partOf(rows(11)))).toThrow(/TOO_LARGE|10/);
    const at = { era, from: 0 as StoreVersion, to: 1 as StoreVersion, n: 0 };
    const parts = [1, 2, 3].map(() => codec.blobOf({ site, span: [0, 9], rows: rows(4) }));
    const window = codec.encode({ type: 'window', ...at, parts, claims: new Map() });
    expect(() => small.decode(window)).toThrow(coded('TOO_LARGE'));
  });

  test('that unfolds to more bytes than a message may have: TOO_LARGE', () => {
    const small = codecOf({ messageBytesMax: 100_000 });
    const bomb = partOf([change({ val: 'x'.repeat(200_000) })]);
    expect(bomb.length).toBeLessThan(2_000);
    expect(() => small.decode(bomb)).toThrow(coded('TOO_LARGE'));
    const many = [1, 2, 3, 4].map(() =>
      codec.blobOf({ site, span: [0, 9], rows: [change({ val: 'x'.repeat(40_000) })] }),
    );
    const at = { era, from: 0 as StoreVersion, to: 1 as StoreVersion, n: 0 };
    expect(() => small.decode(codec.encode({ type: 'window', ...at, parts: many, claims: new Map() }))).toThrow(
      coded('TOO_LARGE'),
    );
    const repeated = Array.from({ length: 1_000 }, (_, i) =>
      change({ pk: encodePackedKey([i]), val: 'y'.repeat(1_000) }),
    );
    expect(() => small.decode(partOf(repeated, createCodec({ limits: DEFAULT_LIMITS })))).toThrow(coded('TOO_LARGE'));
  });

  test('that repeats one long key for nothing: TOO_LARGE', () => {
    const key = encodePackedKey(['k'.repeat(60_000)]);
    const bytes = rawPart((writer) => {
      for (const byte of [0, 0, 9]) writer.u8(byte);
      writer.varint(50_000);
      writer.varint(1);
      writer.text('todo');
      writer.varint(1);
      writer.text('title');
      for (const byte of [1, 1, 0, 0]) writer.u8(byte);
      writer.u8(2);
      writer.bytes(key);
      for (const byte of [0, 0, 1]) writer.u8(byte);
    });
    expect(() => codec.decode(bytes)).toThrow(coded('TOO_LARGE'));
  });

  test('with an id that the link never gave, or gives anew: FRAME_MALFORMED', () => {
    const there = codec.forLink();
    expect(() => there.decode(Uint8Array.of(1, 0x8a, 8, 0, 0, 0))).toThrow(coded('FRAME_MALFORMED'));
    const named = (byte: number): Uint8Array => Uint8Array.of(1, 0x8a, 3, ...new Array<number>(16).fill(byte), 0, 0, 0);
    expect(there.decode(named(1))).toMatchObject({ site: '01'.repeat(16) });
    expect(there.decode(Uint8Array.of(1, 0x8a, 2, 0, 0, 0))).toMatchObject({ site: '01'.repeat(16) });
    expect(() => there.decode(named(2))).toThrow(coded('FRAME_MALFORMED'));
  });
});

describe('sizes', () => {
  /** A seeded generator, so that a size is the same in every run. */
  function randomKeys(count: number): Uint8Array[] {
    let state = 12345;
    const byte = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    };
    return Array.from({ length: count }, () => encodePackedKey([Uint8Array.from({ length: 16 }, byte)]));
  }

  test('a bulk of rows with a random 16-byte id takes at most 19.5 bytes a row', () => {
    const rows = randomKeys(5_000).flatMap((pk, i) => [
      change({ pk, cid: 'title', val: `todo ${String(i).padStart(7, '0')}`, seq: 3 * i }),
      change({ pk, cid: 'done', val: i % 3 === 0 ? 1 : 0, seq: 3 * i + 1 }),
      change({ pk, cid: 'owner', val: `owner-${(i * 7) % 11}`, seq: 3 * i + 2 }),
    ]);
    expect(partOf(rows).length / 5_000).toBeLessThan(19.5);
  });

  test('a live change takes at most 30 bytes beside its table, key, column and value', () => {
    const [here, there] = [codec.forLink(), codec.forLink()];
    const windowOf = (version: number): Message => {
      const [pk] = randomKeys(1);
      const rows = [change({ pk: pk!, val: 'x'.repeat(12), version, seq: 0 })];
      const blob = here.blobOf({ site, span: [version - 1, version], rows });
      const at = { era, from: (version + 400) as StoreVersion, to: (version + 401) as StoreVersion, n: version };
      return { type: 'window', ...at, parts: [blob], claims: new Map([[site, [[version - 1, version]]]]) };
    };
    for (const version of [500, 501]) {
      const frame = here.encode(windowOf(version));
      expect(there.decode(frame)).toEqual(windowOf(version));
      const payload = 'todo'.length + 19 + 'title'.length + 12;
      if (version === 501) expect(frame.length - payload).toBeLessThanOrEqual(30);
    }
  });

  test('decimal fractions and counted keys take a fraction of their size', () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => [
      change({ pk: encodePackedKey([i + 1]), cid: 'lat', val: (((i * 7919) % 180000) - 90000.5) / 1000, seq: 2 * i }),
      change({ pk: encodePackedKey([i + 1]), cid: 'name', val: i % 2 === 0 ? null : 'a', seq: 2 * i + 1 }),
    ]).flat();
    const frame = partOf(rows, createCodec({ limits: DEFAULT_LIMITS }));
    expect(codec.decode(frame)).toMatchObject({ blob: { body: { rows } } });
    expect(frame.length / 1_000).toBeLessThan(6);
  });
});
