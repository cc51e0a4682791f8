/**
 * Golden frames: bytes that every version of the code, and every other implementation, reads and writes alike.
 *
 * test/fixtures/wire/NAME.hex are the bytes, NAME.json is what they mean. With CRMESH_WRITE_GOLDEN=1 missing files are
 * written; a file that is there is never changed: other bytes are another wire version.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { bytesFromHex, hexFromBytes } from '../../src/core/site-id.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { WIRE_HISTORY, WIRE_VERSION } from '../../src/wire/wire-version.ts';
import { goldenBodies, goldenMessages, meaningOf } from './golden-frames.ts';

const folder = fileURLToPath(new URL('../fixtures/wire/', import.meta.url));
const codec = createCodec({ limits: DEFAULT_LIMITS });
const deflating = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
const messages = goldenMessages(codec);

function fixture(name: string, written: () => string): string {
  const path = `${folder}${name}`;
  if (process.env['CRMESH_WRITE_GOLDEN'] === '1' && !existsSync(path)) writeFileSync(path, written());
  return readFileSync(path, 'utf8');
}

const hexOf = (bytes: Uint8Array): string => `${hexFromBytes(bytes).replaceAll(/.{80}/g, '$&\n')}\n`;
const bytesOf = (text: string): Uint8Array => bytesFromHex(text.replaceAll(/\s/g, ''));
const jsonOf = (value: unknown): string => `${JSON.stringify(meaningOf(value), undefined, 2)}\n`;

describe('golden frames', () => {
  test.each(Object.entries(messages))('%s is written and read as ever', (name, message) => {
    const hex = fixture(`${name}.hex`, () => hexOf(codec.encode(message)));
    expect(hexOf(codec.encode(message))).toBe(hex);
    expect(codec.decode(bytesOf(hex))).toEqual(message);
    expect(JSON.parse(fixture(`${name}.json`, () => jsonOf(message)))).toEqual(JSON.parse(jsonOf(message)));
  });

  test.each(Object.entries(goldenBodies))('%s is written and read as ever', (name, body) => {
    const hex = fixture(`${name}.hex`, () => hexOf(codec.encodeBody(body)));
    expect(hexOf(codec.encodeBody(body))).toBe(hex);
    expect(codec.decodeBody(bytesOf(hex))).toEqual(body);
    expect(JSON.parse(fixture(`${name}.json`, () => jsonOf(body)))).toEqual(JSON.parse(jsonOf(body)));
  });

  test('a deflated part is read as ever', () => {
    const part = goldenMessages(deflating)['part-bulk']!;
    const hex = fixture('part-bulk-deflated.hex', () => hexOf(deflating.encode(part)));
    const meaning = JSON.parse(fixture('part-bulk-deflated.json', () => jsonOf(part))) as unknown;
    expect(JSON.parse(jsonOf(deflating.decode(bytesOf(hex))))).toEqual(meaning);
    expect(() => codec.decode(bytesOf(hex))).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
  });

  test('frames of a link with numbered ids are written and read as ever', () => {
    const [here, there] = [codec.forLink(), codec.forLink()];
    for (const [i, name] of ['window-one-change', 'window-one-change', 'mark', 'ack'].entries()) {
      const message = messages[name]!;
      const bytes = here.encode(message);
      const hex = fixture(`link-${i}-${name}.hex`, () => hexOf(bytes));
      expect(hexOf(bytes)).toBe(hex);
      expect(there.decode(bytesOf(hex))).toEqual(message);
    }
  });

  test('every fixture is read by a test', () => {
    const known = [...Object.keys(messages), ...Object.keys(goldenBodies), 'part-bulk-deflated'];
    const names = readdirSync(folder).filter((name) => !name.startsWith('link-'));
    expect(names.filter((name) => !known.includes(name.replace(/\.(hex|json)$/, '')))).toEqual([]);
    expect(names).toHaveLength(known.length * 2);
  });

  test('the wire version that is written is the last of its history', () => {
    expect(Math.max(...Object.keys(WIRE_HISTORY).map(Number))).toBe(WIRE_VERSION);
  });
});
