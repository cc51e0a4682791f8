/** The table of limits: what PROTOCOL.md says of each bound, and what the sources have. */
import { describe, expect, test } from 'vitest';
import { isErrorCode } from '../../src/core/errors.ts';
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS, limitsWith } from '../../src/core/limits.ts';
import { codeOnly, filesUnder, readText } from './house.ts';
import { tableUnder } from './tables.ts';

interface LimitRow {
  readonly name: string;
  readonly value: string;
  readonly unit: string;
  readonly meaning: string;
  readonly beyond: string;
}

const rows: readonly LimitRow[] = tableUnder(readText('src/PROTOCOL.md'), 'Limits').map(
  ([name = '', value = '', unit = '', meaning = '', beyond = '']) => {
    return { name: name.replaceAll('`', ''), value, unit, meaning, beyond };
  },
);
const names = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  KiB: 1 << 10,
  MiB: 1 << 20,
};

/** '1 MiB', '5 min', '20,000', '2^31 - 1' */
function numberOf(text: string): number {
  const [, base, power, less = '0'] = /^(\d+)\^(\d+)(?: - (\d+))?$/.exec(text) ?? [];
  if (base !== undefined) return Number(base) ** Number(power) - Number(less);
  const [, digits = 'none', unit = ''] = /^([\d,]+) ?([A-Za-z]*)$/.exec(text) ?? [];
  return Number(digits.replaceAll(',', '')) * (FACTORS[unit] ?? Number.NaN);
}

/** What the name of a limit says of its unit. */
function unitIn(name: string): string | undefined {
  if (/Bytes(?:Max)?$/.test(name)) return 'bytes';
  return /Ms(?:Max)?$/.test(name) ? 'ms' : undefined;
}

describe('limits', () => {
  test('PROTOCOL.md has one row for each limit, in the order of the sources, and no other', () => {
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  test('each row has the default of the sources, its unit and its meaning', () => {
    const wrong = rows.filter(({ name, value, unit, meaning }) => {
      const isRight = numberOf(value) === DEFAULT_LIMITS[name as keyof Limits];
      return !isRight || (unitIn(name) ?? unit) !== unit || unit === '' || meaning.length < 10;
    });
    expect(wrong).toEqual([]);
  });

  test('each row says with which code it refuses, or that it refuses nothing', () => {
    const codes = (text: string): string[] => text.match(/[A-Z]{2,}(?:_[A-Z]+)*/g) ?? [];
    const wrong = rows.filter(({ beyond }) => {
      if (beyond === '-') return false;
      const named = codes(beyond.replaceAll(/JSON|HTTP/g, ''));
      return named.length === 0 || !named.every(isErrorCode);
    });
    expect(wrong).toEqual([]);
  });

  test('each limit bounds something, and nothing but the doors decides for the defaults', () => {
    const files = filesUnder(['src'], ['.ts']).filter(({ path }) => path !== 'src/core/limits.ts');
    const text = files.map((file) => codeOnly(file.text)).join('\n');
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
    const fixed = files.filter(({ text: own }) => /\.\.\.DEFAULT_LIMITS|limits: DEFAULT_LIMITS/.test(codeOnly(own)));
    expect(fixed.map(({ path }) => path)).toEqual([]);
  });

  test('a mistyped or senseless limit is refused by every door that takes limits', () => {
    expect(limitsWith({ queryMsMax: Infinity, linksMax: 7 })).toMatchObject({ linksMax: 7, queryMsMax: Infinity });
    for (const wrong of [
      { linkMax: 1 },
      { linksMax: '7' },
      { linksMax: Number.NaN },
      { beatMs: -1 },
      { groupChangesMax: 0 },
    ]) {
      expect(() => limitsWith(wrong as Partial<Limits>)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
    const doors = filesUnder(['src'], ['.ts']).filter(({ path }) => /^src\/[\w-]+\.ts$/.test(path));
    const takesLimits = doors.filter(({ text }) => /readonly limits\?: Partial<Limits>/.test(text));
    expect(takesLimits.filter(({ text }) => !text.includes('limitsWith(')).map(({ path }) => path)).toEqual([]);
    expect(takesLimits.length).toBeGreaterThan(2);
  });
});
