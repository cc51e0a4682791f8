/** Cursors, site ids, values, text forms and names: what is exact stays exact, what is none is refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64FromBytes, bytesFromBase64 } from '../../src/core/base64.ts';
import { cursorFromText, cursorToText } from '../../src/core/cursor.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { assertNever, ERROR_TABLE, invariant, isErrorCode, ReplicationError } from '../../src/core/errors.ts';
import { isReplicatedName, isReservedName } from '../../src/core/names.ts';
import {
  bytesFromHex,
  hexFromBytes,
  isSiteId,
  siteIdBytes,
  siteIdFromBytes,
  siteIdFromHex,
} from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real, sqlValueFromInteger, sqlValueFromReal, sqlValuesEqual } from '../../src/core/sql-value.ts';
import { isUtf8, isWellFormedText } from '../../src/core/utf8.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { anySqlValue } from './sql-values.arbitrary.ts';

const coded = (code: string): unknown => expect.objectContaining({ code });

describe('cursor', () => {
  const nonce = 'cd'.repeat(16) as EraNonce;
  test('every cursor comes back from its text', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (at) => {
        const cursor = { nonce, at: at as StoreVersion };
        expect(cursorFromText(cursorToText(cursor))).toEqual(cursor);
      }),
    );
  });

  test.each([
    '',
    '0',
    nonce,
    `${nonce}.`,
    `${nonce}.-1`,
    `${nonce}.01`,
    `${nonce}.1.2`,
    `${nonce}.9007199254740992`,
    `${nonce.toUpperCase()}.1`,
    'x.1',
  ])('"%s" is no cursor', (text) => {
    expect(() => cursorFromText(text)).toThrow(coded('BAD_REQUEST'));
  });
});

describe('site id', () => {
  test('16 bytes and 32 hex digits are the same id, and text order is byte order', () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const [siteA, siteB] = [siteIdFromBytes(a), siteIdFromBytes(b)];
        expect(siteIdBytes(siteA)).toEqual(a);
        expect(siteIdFromHex(siteA)).toBe(siteA);
        expect(siteA < siteB).toBe(Buffer.compare(a, b) < 0);
      }),
    );
  });

  test('anything else is refused', () => {
    for (const value of ['', 'AB'.repeat(16), 'ab'.repeat(15), 'zz'.repeat(16), 5, null, undefined, {}]) {
      expect(isSiteId(value)).toBe(false);
      expect(() => siteIdFromHex(value)).toThrow(coded('BAD_REQUEST'));
    }
    expect(() => siteIdFromBytes(new Uint8Array(15))).toThrow(coded('BAD_REQUEST'));
  });
});

describe('values', () => {
  test('an integer is a number within 2^53 and a bigint beyond; an integral real is marked', () => {
    expect(sqlValueFromInteger(9007199254740991n)).toBe(9007199254740991);
    expect(sqlValueFromInteger(9007199254740992n)).toBe(9007199254740992n);
    expect(sqlValueFromInteger(-9007199254740992n)).toBe(-9007199254740992n);
    expect(sqlValueFromReal(5)).toEqual(real(5));
    expect(sqlValueFromReal(-0)).toEqual(real(-0));
    expect(sqlValueFromReal(0.5)).toBe(0.5);
    expect(sqlValueFromReal(Infinity)).toBe(Infinity);
  });

  test('two values are equal when type and bytes are', () => {
    fc.assert(
      fc.property(anySqlValue, anySqlValue, (a, b) => {
        expect(sqlValuesEqual(a, structured(a))).toBe(true);
        expect(sqlValuesEqual(a, b)).toBe(JSON.stringify(keyOf(a)) === JSON.stringify(keyOf(b)));
      }),
      { numRuns: 500 },
    );
    expect(sqlValuesEqual(5, real(5))).toBe(false);
    expect(sqlValuesEqual(real(0), real(-0))).toBe(false);
    expect(sqlValuesEqual('a', Uint8Array.of(97))).toBe(false);
  });

  function structured(value: SqlValue): SqlValue {
    if (value instanceof Uint8Array) return value.slice();
    return typeof value === 'object' && value !== null ? real(value.value) : value;
  }

  function keyOf(value: SqlValue): unknown {
    if (value instanceof Uint8Array) return ['blob', ...value];
    if (typeof value === 'object' && value !== null)
      return ['real', Object.is(value.value, -0) ? '-0' : String(value.value)];
    return [typeof value, String(value)];
  }
});

describe('text forms', () => {
  const bytes = fc.uint8Array({ maxLength: 50 });
  test('hex and base64 are those of Node, and come back', () => {
    fc.assert(
      fc.property(bytes, (one) => {
        expect(base64FromBytes(one)).toBe(Buffer.from(one).toString('base64'));
        expect(bytesFromBase64(base64FromBytes(one))).toEqual(one);
        expect(hexFromBytes(one)).toBe(Buffer.from(one).toString('hex'));
        expect(bytesFromHex(hexFromBytes(one))).toEqual(one);
      }),
    );
  });

  test.each([
    'A',
    'AA',
    'AAA',
    'AA=',
    'A===',
    '====',
    'AB==',
    'AAB=',
    'AA-_',
    'A A=',
    'AAAA\n',
    'AA==AAAA',
    '\u00e9AAA',
  ])('"%s" is no base64', (text) => {
    expect(bytesFromBase64(text)).toBeUndefined();
  });

  test('UTF-8 is judged as a strict decoder judges it', () => {
    const decodes = (one: Uint8Array): boolean => {
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(one);
        return true;
      } catch {
        return false;
      }
    };
    const nearly = fc.array(
      fc.constantFrom(
        0x41,
        0x80,
        0xbf,
        0xc1,
        0xc2,
        0xdf,
        0xe0,
        0xa0,
        0x9f,
        0xed,
        0xef,
        0xf0,
        0x90,
        0x8f,
        0xf4,
        0xf5,
        0xff,
      ),
      { maxLength: 6 },
    );
    const texts = fc.string({ unit: 'binary' }).map((text) => [...new TextEncoder().encode(text)]);
    fc.assert(
      fc.property(fc.oneof(nearly, texts), (list) => {
        const one = Uint8Array.from([0xff, ...list, 0xff]);
        expect(isUtf8(one, 1, one.length - 1)).toBe(decodes(Uint8Array.from(list)));
      }),
      { numRuns: 3_000 },
    );
  });

  test('a lone surrogate is no text', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '\ud83d', '\ude00', '\u00e9'), { maxLength: 6 }), (units) => {
        const text = units.join('');
        const throughBytes = new TextDecoder().decode(new TextEncoder().encode(text));
        expect(isWellFormedText(text)).toBe(throughBytes === text);
      }),
    );
  });
});

describe('names', () => {
  test.each(['todo', '_a', 'A1_b', 'key', 'x'.repeat(128)])('%s may travel', (name) => {
    expect(isReplicatedName(name)).toBe(true);
  });

  test.each([
    '',
    '1a',
    'a b',
    'a-b',
    'a"b',
    '\u00e9',
    'x'.repeat(129),
    'sqlite_master',
    'CRSQL_changes',
    'crmesh_have',
    'todo__crsql_clock',
    'my_autoincrement_id',
  ])('%s may not', (name) => {
    expect(isReplicatedName(name)).toBe(false);
  });

  test('what merely resembles a kept name is free', () => {
    expect(isReservedName('my_sqlite_table')).toBe(false);
    expect(isReservedName('crmesh')).toBe(false);
  });
});

describe('errors', () => {
  test('every code of the table makes an error that says how it is shown', () => {
    for (const [code, row] of Object.entries(ERROR_TABLE)) {
      expect(isErrorCode(code)).toBe(true);
      const error = new ReplicationError(code as keyof typeof ERROR_TABLE, 'what to do', { more: 1 });
      expect(error).toMatchObject(row);
      const { fault, retry } = row;
      expect(JSON.stringify(error)).toBe(JSON.stringify({ code, message: 'what to do', fault, retry, more: 1 }));
    }
    expect(isErrorCode('toString')).toBe(false);
  });

  test('a broken promise of our own code is INVARIANT', () => {
    expect(() => invariant(false, 'broken')).toThrow(coded('INVARIANT'));
    expect(() => assertNever('x' as never)).toThrow(coded('INVARIANT'));
  });
});
