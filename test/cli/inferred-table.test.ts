import { describe, expect, test } from 'vitest';
import { inferredTableText } from '../../src/cli/inferred-table.ts';

describe('inferred table', () => {
  test('a column is as narrow as every value that was seen allows', () => {
    const rows = [
      { id: '1', n: '5', x: '1.5', mixed: '7', zip: '01234', empty: '', name: 'a' },
      { id: '2', n: '-3', x: '2', mixed: 'seven', zip: '99999', empty: null, name: 'b', late: 1e300 },
    ];
    expect(inferredTableText({ table: 't', key: 'id', rows })).toBe(
      'CREATE TABLE "t" ("id" INTEGER PRIMARY KEY NOT NULL, "n" INTEGER, "x" REAL, "mixed" TEXT, "zip" TEXT, "empty" TEXT, "name" TEXT, "late" REAL);',
    );
  });

  test('whole numbers beyond 2^53 stay text, because they would change as numbers', () => {
    const text = inferredTableText({ table: 't', key: 'id', rows: [{ id: '9007199254740993' }] });
    expect(text).toContain('"id" TEXT PRIMARY KEY');
  });

  test.each([
    [{ table: 't', key: 'nope', rows: [{ id: 1 }] }],
    [{ table: 't', key: 'id', rows: [] }],
    [{ table: 'a-b', key: 'id', rows: [{ id: 1 }] }],
    [{ table: 't', key: 'id', rows: [{ id: 1, 'first name': 'x' }] }],
  ])('a key that is absent and names that cannot be replicated are wrong use (%#)', (table) => {
    expect(() => inferredTableText(table)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
