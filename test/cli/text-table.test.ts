import { describe, expect, test } from 'vitest';
import { textTable } from '../../src/cli/text-table.ts';

describe('text table', () => {
  test('numbers stand to the right, text to the left, lines stay lines', () => {
    const text = textTable([
      { name: 'a\nb', n: 5 },
      { name: 'long name', n: 12345n },
      { name: null, n: null },
    ]);
    expect(text.split('\n')).toEqual([
      'name           n',
      '---------  -----',
      'a b            5',
      'long name  12345',
      '',
    ]);
  });

  test('no rows are said to be none', () => {
    expect(textTable([])).toBe('(no rows)');
  });
});
