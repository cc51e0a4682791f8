import { describe, expect, test } from 'vitest';
import type { Affinity } from '../../src/core/affinity.ts';
import { affinityOfType, isKeyForm, isStoredForm } from '../../src/core/affinity.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';

describe('affinity', () => {
  test.each([
    ['INTEGER', 'integer'],
    ['bigint unsigned', 'integer'],
    ['VARCHAR(20)', 'text'],
    ['CHARINT', 'integer'],
    ['', 'blob'],
    ['BLOB', 'blob'],
    ['DOUBLE PRECISION', 'real'],
    ['FLOATING POINT', 'integer'],
    ['DECIMAL(10,5)', 'numeric'],
    ['BOOLEAN', 'numeric'],
  ])('a column declared %s has affinity %s', (type, affinity) => {
    expect(affinityOfType(type)).toBe(affinity);
  });

  /** As read back from the engine: the columns that keep the value's type, of integer, real, text, numeric, blob. */
  const kept: readonly (readonly [SqlValue, string])[] = [
    [5, 'integer numeric blob'],
    [real(5), 'real blob'],
    [real(-0), 'blob'],
    [real(1e300), 'integer real numeric blob'],
    [real(2 ** 63), 'integer real numeric blob'],
    [0.5, 'integer real numeric blob'],
    [Infinity, 'integer real numeric blob'],
    [9007199254740993n, 'integer numeric blob'],
    ['5', 'text blob'],
    [' 5.5e1\t', 'text blob'],
    ['.5', 'text blob'],
    ['99999999999999999999', 'text blob'],
    ['1e', 'integer real text numeric blob'],
    ['.', 'integer real text numeric blob'],
    ['0x10', 'integer real text numeric blob'],
    ['5\u0000', 'integer real text numeric blob'],
    ['', 'integer real text numeric blob'],
    [Uint8Array.of(0x35), 'integer real text numeric blob'],
    [null, 'integer real text numeric blob'],
  ];
  test.each(kept)('%s is kept by %s', (value, columns) => {
    const all: readonly Affinity[] = ['integer', 'real', 'text', 'numeric', 'blob'];
    expect(all.filter((affinity) => isStoredForm(value, affinity)).join(' ')).toBe(columns);
  });

  test('an INTEGER PRIMARY KEY takes integers only', () => {
    expect(isStoredForm(7, 'rowid')).toBe(true);
    for (const value of ['a', 0.5, null, Uint8Array.of(1)]) expect(isStoredForm(value, 'rowid')).toBe(false);
  });

  test('a key is never NULL, and one number is one key', () => {
    expect(isKeyForm(null, 'text')).toBe(false);
    expect(isKeyForm(real(5), 'blob')).toBe(false);
    expect(isKeyForm(5, 'blob')).toBe(true);
    expect(isKeyForm(0.5, 'blob')).toBe(true);
    expect(isKeyForm(5, 'text')).toBe(false);
  });
});
