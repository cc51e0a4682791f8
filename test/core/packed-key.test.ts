import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isReplicationError } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { decodePackedKey, encodePackedKey, packedKeyFault } from '../../src/core/packed-key.ts';
import { bytesFromHex, hexFromBytes } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';
import { anyKeyValue } from './sql-values.arbitrary.ts';

/** What crsql_pack_columns of the engine answered. */
const engine: readonly (readonly [SqlValue, string])[] = [
  [0, '0101'],
  [1, '010901'],
  [127, '01097f'],
  [128, '010980'],
  [255, '0109ff'],
  [256, '01110100'],
  [65535, '0111ffff'],
  [65536, '0119010000'],
  [4294967295, '0121ffffffff'],
  [4294967296, '01290100000000'],
  [-1, '0141ffffffffffffffff'],
  [-128, '0141ffffffffffffff80'],
  [9223372036854775807n, '01417fffffffffffffff'],
  [-9223372036854775808n, '01418000000000000000'],
  [0.5, '01023fe0000000000000'],
  [real(5), '01024014000000000000'],
  [real(-0), '01028000000000000000'],
  ['', '0103'],
  ['a', '010b0161'],
  ['\u00e9', '010b02c3a9'],
  [new Uint8Array(0), '0104'],
  [Uint8Array.of(0, 255), '010c0200ff'],
];

const decode = (hex: string): SqlValue[] => decodePackedKey(bytesFromHex(hex), DEFAULT_LIMITS);

describe('packed key', () => {
  test.each(engine)('%s is packed as the engine packs it: %s', (value, hex) => {
    expect(hexFromBytes(encodePackedKey([value]))).toBe(hex);
    expect(decode(hex)).toEqual([value]);
  });

  test('any key comes back with the same types and bytes', () => {
    fc.assert(
      fc.property(fc.array(anyKeyValue, { minLength: 1, maxLength: 4 }), (values) => {
        expect(decodePackedKey(encodePackedKey(values), DEFAULT_LIMITS)).toEqual(values);
      }),
    );
  });

  test('a key has one spelling: whatever decodes is what encodes', () => {
    fc.assert(
      fc.property(
        fc.array(anyKeyValue, { minLength: 1, maxLength: 3 }),
        fc.nat(),
        fc.nat(255),
        (values, position, byte) => {
          const bytes = encodePackedKey(values);
          bytes[position % bytes.length] = byte;
          if (packedKeyFault(bytes, DEFAULT_LIMITS) !== undefined) return;
          expect(encodePackedKey(decodePackedKey(bytes, DEFAULT_LIMITS))).toEqual(bytes);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('any bytes are decoded or refused with CHANGE_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodePackedKey(bytes, DEFAULT_LIMITS);
        } catch (error) {
          expect(isReplicationError(error, 'CHANGE_INVALID')).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['no bytes', ''],
    ['no values', '00'],
    ['more values than the engine takes', `80${'01'.repeat(128)}`],
    ['a value that is missing', '020901'],
    ['bytes behind the last value', '01090100'],
    ['an integer with a leading zero', '01110001'],
    ['zero spelled with a byte', '010900'],
    ['an integer of nine bytes', '0149010203040506070809'],
    ['a length of five bytes', '012b0100000000'],
    ['a text that is cut off', '010b0561'],
    ['a text that is not UTF-8', '010b01ff'],
    ['a surrogate in UTF-8', '010b03eda080'],
    ['an overlong NUL', '010b02c080'],
    ['a NULL', '0105'],
    ['a NULL with a length', '010d'],
    ['a real with a length', '010a3fe0000000000000'],
    ['a NaN', '01027ff8000000000000'],
    ['a negative NaN with a low bit', '0102fff0000000000001'],
    ['an unknown type', '0100'],
  ])('refuses %s', (_what, hex) => {
    expect(() => decode(hex)).toThrow(expect.objectContaining({ code: 'CHANGE_INVALID' }));
  });

  test('refuses a key longer than the limit', () => {
    const bytes = encodePackedKey(['x'.repeat(20)]);
    expect(packedKeyFault(bytes, { packedKeyBytesMax: 22 })).toMatch(/longer/);
    expect(packedKeyFault(bytes, { packedKeyBytesMax: 23 })).toBeUndefined();
  });

  test('does not pack what is no key', () => {
    for (const values of [[], [null], [Number.NaN], [2n ** 63n], new Array<number>(128).fill(1)]) {
      expect(() => encodePackedKey(values)).toThrow(expect.objectContaining({ code: 'CHANGE_INVALID' }));
    }
  });
});
