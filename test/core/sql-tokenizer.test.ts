import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalSql, quotedName, sqlOfTokens, tokenizeSql } from '../../src/core/sql-tokenizer.ts';

describe('tokenizer', () => {
  test('tells words, names, strings, numbers, blobs, symbols and comments apart', () => {
    const { tokens, comments } = tokenizeSql(
      "a \"b\"\"c\" `d` [e f] 'it''s' x'0A' 1.5e3 .5 0xFF a.b || -- note\n/* two\nlines */ <= ?",
    );
    expect(tokens.map(({ kind, value }) => `${kind} ${value}`)).toEqual([
      'word a',
      'name b"c',
      'name d',
      'name e f',
      "string it's",
      "blob x'0A'",
      'number 1.5e3',
      'number .5',
      'number 0xFF',
      'word a',
      'symbol .',
      'word b',
      'symbol ||',
      'symbol <=',
      'symbol ?',
    ]);
    expect(comments).toMatchObject([
      { text: 'note', line: 1 },
      { text: 'two\nlines', line: 2 },
    ]);
    expect(tokens.at(-1)!.line).toBe(3);
  });

  test.each(["'a", '"a""', '`a', '[a', "x'0A"])('%s is an open quote', (text) => {
    expect(tokenizeSql(text).tokens.at(-1)).toMatchObject({ open: true });
  });

  test('nothing of a text is lost: tokens and comments stand where they say', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        const { tokens } = tokenizeSql(text);
        let before = 0;
        for (const { start, end, text: own } of tokens) {
          expect(start).toBeGreaterThanOrEqual(before);
          expect(text.slice(start, end)).toBe(own);
          before = end;
        }
        expect(tokenizeSql(sqlOfTokens(tokens.filter((token) => token.open !== true))).comments).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('long texts of any kind are cut in one pass', () => {
    for (const piece of ["'", "''", '"', '/*', '--', '[', '(', 'a', '1', ' ', '\n', "x'"]) {
      expect(tokenizeSql(piece.repeat(200_000)).tokens.length).toBeGreaterThanOrEqual(0);
    }
  });

  test('a canonical spelling differs only where SQLite would see a difference', () => {
    expect(canonicalSql('"Title"  <>  \'A b\' -- x')).toBe(canonicalSql("title <> 'A b'"));
    expect(canonicalSql("title <> 'a b'")).not.toBe(canonicalSql("title <> 'A b'"));
  });

  test('a quoted name is read back as it was', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        expect(tokenizeSql(quotedName(name)).tokens).toMatchObject([{ kind: 'name', value: name }]);
      }),
    );
  });
});
