/**
 * REALs that are short decimal fractions (52.37, 4.9) as whole numbers and a power of ten: exact, since a division of
 * two exact numbers gives the nearest REAL, and checked value by value when they are written.
 */
import { Real, sqlValueFromReal } from '../core/sql-value.ts';
import { malformed } from './byte-reader.ts';
import type { Column } from './column.ts';

export interface Decimals {
  /** value = number / 10^places. */
  readonly places: number;
  readonly numbers: readonly number[];
}

const POWERS: readonly number[] = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const NUMBER_MAX = 2 ** 52;

/** Undefined where a value is no such fraction. */
export function decimalsOf(reals: readonly (number | Real)[]): Decimals | undefined {
  let places = 0;
  for (const real of reals) {
    const value = real instanceof Real ? real.value : real;
    while (places < POWERS.length && !isExact(value, places)) places += 1;
    if (places === POWERS.length) return undefined;
  }
  const numbers: number[] = [];
  for (const real of reals) {
    const value = real instanceof Real ? real.value : real;
    if (!isExact(value, places)) return undefined;
    numbers.push(Math.round(value * POWERS[places]!));
  }
  return { places, numbers };
}

/** Errors  FRAME_MALFORMED for a power that is never written. */
export function realsFromDecimals(places: number, numbers: Float64Array): Column<number | Real> {
  const power = POWERS[places];
  if (power === undefined) throw malformed('a power of ten that is not in use');
  const { byteLength } = numbers;
  return { at: (place) => sqlValueFromReal(numbers[place]! / power), byteLength };
}

function isExact(value: number, places: number): boolean {
  const power = POWERS[places]!;
  const number = Math.round(value * power);
  return Math.abs(number) <= NUMBER_MAX && number / power === value && !Object.is(value, -0);
}
