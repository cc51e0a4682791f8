import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { changeBytes } from '../../src/core/change.ts';
import { changeFault } from '../../src/core/change-fault.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { INT64_MAX, INT64_MIN, Real } from '../../src/core/sql-value.ts';
import { utf8Bytes } from '../../src/core/utf8.ts';

const LIMITS = { ...DEFAULT_LIMITS, valueBytesMax: 10 };
const GOOD: Change = {
  table: 'todo',
  pk: encodePackedKey(['a']),
  cid: 'title',
  val: 'x',
  colVersion: 1,
  cl: 1,
  seq: 0,
};

function faultOf(changes: Partial<Change>): string | undefined {
  return changeFault({ ...GOOD, ...changes }, LIMITS);
}

describe('a change in itself', () => {
  it.each<SqlValue>([null, '', 'ten bytes!', '€€€', 0, -1.5, 2n ** 60n, INT64_MIN, new Real(5), new Uint8Array(10)])(
    'may have the value %s',
    (val) => expect(faultOf({ val })).toBeUndefined(),
  );

  it.each<[string, Partial<Change>]>([
    ['a table of the replica itself', { table: 'crmesh_have' }],
    ['a column that is no name', { cid: 'a"b' }],
    ['a key that is none', { pk: new Uint8Array([9]) }],
    ['a column version below zero', { colVersion: -1 }],
    ['a causal length of zero', { cl: 0 }],
    ['a cell of a deleted row', { cl: 2 }],
    ['a sentinel with another column version than its causal length', { cid: '-1', val: null, cl: 3 }],
    ['a sentinel with a value', { cid: '-1' }],
    ['a position that is no number', { seq: 0.5 }],
    ['a text that is too long', { val: 'eleven byte' }],
    ['a text that is too long in bytes only', { val: '€€€€' }],
    ['a blob that is too long', { val: new Uint8Array(11) }],
    ['a lone surrogate', { val: '\ud800' }],
    ['an integer of more than 64 bits', { val: INT64_MAX + 1n }],
    ['a number that is not exact', { val: 2 ** 60 }],
    ['minus zero as an integer', { val: -0 }],
    ['NaN', { val: Number.NaN }],
    ['NaN as a real', { val: new Real(Number.NaN) }],
  ])('is refused with %s', (_name, changes) => expect(faultOf(changes)).toEqual(expect.any(String)));

  it('has the bytes of its key and value, text counted as it travels', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
    expect(changeBytes({ ...GOOD, val: '€' }) - changeBytes({ ...GOOD, val: null })).toBe(3);
    expect(changeBytes({ ...GOOD, val: new Uint8Array(7) }) - changeBytes({ ...GOOD, val: null })).toBe(7);
  });
});
