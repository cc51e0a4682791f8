/** Arbitrary SQL values for property tests: every SQLite type, with its corners. */
import fc from 'fast-check';
import type { Real, SqlValue } from '../../src/core/sql-value.ts';
import { INT64_MAX, INT64_MIN, sqlValueFromInteger, sqlValueFromReal } from '../../src/core/sql-value.ts';

const corners: readonly bigint[] = [
  0n,
  1n,
  -1n,
  127n,
  128n,
  255n,
  256n,
  2n ** 47n,
  2n ** 48n,
  2n ** 53n,
  INT64_MAX,
  INT64_MIN,
];

export const anyInteger: fc.Arbitrary<number | bigint> = fc
  .oneof(fc.bigInt(INT64_MIN, INT64_MAX), fc.bigInt(-300n, 300n), fc.constantFrom(...corners))
  .map(sqlValueFromInteger);

export const anyReal: fc.Arbitrary<number | Real> = fc
  .oneof(fc.double({ noNaN: true }), fc.integer().map(Number), fc.constantFrom(0, -0, 1e300, Infinity, -Infinity))
  .map(sqlValueFromReal);

/** Well-formed text, NUL and non-ASCII included. */
export const anyText: fc.Arbitrary<string> = fc.string({ unit: 'binary', maxLength: 40 });

export const anyBlob: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 40 });

export const anyKeyValue: fc.Arbitrary<Exclude<SqlValue, null>> = fc.oneof(anyInteger, anyReal, anyText, anyBlob);

export const anySqlValue: fc.Arbitrary<SqlValue> = fc.oneof(fc.constant(null), anyKeyValue);
