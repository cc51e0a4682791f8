/** The order in which the engine decides between two values of one cell, written a second time for the judges. */
import type { SqlValue } from '../../src/core/sql-value.ts';
import { bytesEqual, Real } from '../../src/core/sql-value.ts';

const RANKS = ['null', 'blob', 'text', 'real', 'integer'] as const;

/** Below 0, 0, or above: INTEGER > REAL > TEXT > BLOB > NULL, then by value. */
export function compareValues(a: SqlValue, b: SqlValue): number {
  const [rankA, rankB] = [RANKS.indexOf(typeOf(a)), RANKS.indexOf(typeOf(b))];
  if (rankA !== rankB) return rankA - rankB;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (typeof a === 'string' && typeof b === 'string')
    return compareBytes(new TextEncoder().encode(a), new TextEncoder().encode(b));
  const [x, y] = [a, b].map((value) => (value instanceof Real ? value.value : Number(value)));
  return x! - y!;
}

function typeOf(value: SqlValue): (typeof RANKS)[number] {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'blob';
  if (typeof value === 'string') return 'text';
  return value instanceof Real || (typeof value === 'number' && !Number.isInteger(value)) ? 'real' : 'integer';
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  if (bytesEqual(a, b)) return 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
