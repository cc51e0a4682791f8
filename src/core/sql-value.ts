/**
 * SQL values as JavaScript values, without losing their SQLite type.
 *
 * A CRDT cell is decided by comparing values, and INTEGER 5 beats REAL 5.0, so a value that changes its
 * type on the way wins at every redelivery. The mapping is therefore exact in both directions:
 *   null <-> NULL, string <-> TEXT, Uint8Array <-> BLOB
 *   number that is a safe integer (not -0) <-> INTEGER, bigint <-> INTEGER beyond 2^53
 *   number that is not integral (fractions, +-Infinity) <-> REAL, Real <-> an integral REAL (5.0, -0, 1e300)
 * NaN, lone surrogates and integers beyond 64 bits are refused at the edge.
 */

/** A REAL whose value is integral (or -0) and would otherwise be taken for an INTEGER. */
export class Real {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export type SqlValue = null | number | bigint | string | Uint8Array | Real;

export const INT64_MIN: bigint = -(2n ** 63n);
export const INT64_MAX: bigint = 2n ** 63n - 1n;

/** Marks a number as REAL: `real(5)` is stored as 5.0 even in a column without affinity. */
export function real(value: number): Real {
  return new Real(value);
}

/** The exact SqlValue of a REAL read from SQLite. */
export function sqlValueFromReal(value: number): number | Real {
  return Number.isInteger(value) ? new Real(value) : value;
}

/** The exact SqlValue of an INTEGER read from SQLite. */
export function sqlValueFromInteger(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}

/** Whether a number would be stored as INTEGER (see the mapping above). */
export function isIntegerNumber(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

/** Type and bytes equal: what cr-sqlite calls the same value. */
export function sqlValuesEqual(a: SqlValue, b: SqlValue): boolean {
  if (a instanceof Real || b instanceof Real) {
    return a instanceof Real && b instanceof Real && Object.is(a.value, b.value);
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && bytesEqual(a, b);
  }
  return Object.is(a, b);
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
