/** Words and marks that do not belong into the project. The list is spelled in pieces, so that it does not find itself. */
import { describe, expect, test } from 'vitest';
import { codeOnly, filesUnder, lineAt } from './house.ts';

const files = filesUnder(['.'], ['.ts', '.tsx', '.md', '.json', '.yml', '.html', '.css', 'run']).filter(
  (file) => file.path !== 'package-lock.json' && file.path !== 'test/house/words.test.ts',
);
const code = files.filter((file) => /\.tsx?$/.test(file.path));

function hits(subjects: typeof files, pattern: RegExp): string[] {
  return subjects.flatMap((file) =>
    [...file.text.matchAll(pattern)].map((match) => `${file.path}:${lineAt(file.text, match.index)} ${match[0]}`),
  );
}

describe('words', () => {
  test('nothing is left for later', () => {
    expect(hits(files, /(?:\/\/|\*|#)[^\n]*\b(?:TODO|FIXME|XXX|HACK)\b|\bnot (?:yet )?implemented\b/g)).toEqual([]);
  });

  test('no check is switched off', () => {
    expect(hits(code, /@ts-(?:ignore|nocheck)|(?:ox|es)lint-disable(?!-next-line \S+ -- )/g)).toEqual([]);
    const bare = code.map((file) => ({ ...file, text: codeOnly(file.text) }));
    expect(hits(bare, /\bas any\b|: any\b|<any\b/g)).toEqual([]);
  });

  test('sources ask the engine nothing that it gets wrong: its migration, changes in another order', () => {
    const sources = code.filter(({ path }) => path.startsWith('src/'));
    expect(hits(sources, /SELECT crsql_automigrate|FROM crsql_changes[^`']*ORDER BY/g)).toEqual([]);
  });

  test('no test is skipped, focused or only promised', () => {
    expect(hits(code, /\b(?:it|test|describe)\.(?:skip|only|todo|fails)\b/g)).toEqual([]);
  });

  test('test names are promises in the present tense', () => {
    const names = /\b(?:it|test|describe)(?:\.each\([^)]*\))?\(\s*(['"`])[^'"`\n]*\bshould\b/g;
    expect(hits(code, names)).toEqual([]);
  });

  test('texts name no path of one machine and no number of a tracker', () => {
    expect(hits(files, /(?<![\w.])\/(?:home|root|Users|work)\/\w+|\bissues? #?\d+\b/gi)).toEqual([]);
  });

  test('texts do not flatter', () => {
    expect(
      hits(files, /\b(?:blazing(?:ly)?|seamless(?:ly)?|simply|obviously|effortless(?:ly)?|magic(?:al)?)\b/gi),
    ).toEqual([]);
  });
});
