/** Parameters of user SQL. */
import { describe, expect, test } from 'vitest';
import { Real, real } from '../../src/core/sql-value.ts';
import type { SqlParameter } from '../../src/replica/sql-parameters.ts';
import { sqlValuesFromParameters } from '../../src/replica/sql-parameters.ts';

describe('parameters', () => {
  test('values that SQLite holds pass as they are', () => {
    const bytes = new Uint8Array([1]);
    const values = [null, 1, 1.5, -Infinity, 2n ** 62n, 'ä\0', bytes, real(5)];
    expect(sqlValuesFromParameters(values)).toEqual(values);
    expect(sqlValuesFromParameters()).toEqual([]);
  });

  test('booleans are 1 and 0, minus zero stays a REAL', () => {
    expect(sqlValuesFromParameters([true, false, -0])).toEqual([1, 0, new Real(-0)]);
  });

  test.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /pass null/],
    ['NaN', NaN, /pass null/],
    ['real(NaN)', real(NaN), /pass null/],
    ['a date', new Date(0), /toISOString/],
    ['a lone surrogate', 'a\ud800', /surrogate/],
    ['a number beyond 2^53', 2 ** 60, /bigint/],
    ['a bigint beyond 64 bits', 2n ** 63n, /text/],
    ['an ArrayBuffer', new ArrayBuffer(1), /new Uint8Array/],
    ['another typed array', new Float32Array(1), /new Uint8Array/],
    ['an object', {}, /JSON\.stringify/],
    ['an array', [], /JSON\.stringify/],
    ['a function', () => 1, /function/],
    ['a symbol', Symbol('x'), /symbol/],
  ])('%s is refused with its place and what to do', (_name, value, advice) => {
    const call = (): unknown => sqlValuesFromParameters([1, value as SqlParameter]);
    expect(call).toThrow(expect.objectContaining({ code: 'VALUE_UNSUPPORTED', details: { parameter: 2 } }));
    expect(call).toThrow(advice);
  });

  test('holes of an array and objects in place of an array are refused', () => {
    const holes: SqlParameter[] = [1];
    holes[2] = 2;
    expect(() => sqlValuesFromParameters(holes)).toThrow(/parameter 2 is undefined/);
    expect(() => sqlValuesFromParameters({ id: 1 } as unknown as SqlParameter[])).toThrow(/array/);
  });
});
