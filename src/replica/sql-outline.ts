/**
 * The outline of one SQL text: enough of a tokenizer to say what a statement starts with, which
 * functions it names and whether a second statement follows.
 *
 * Assumes SQLite's lexical rules (strings, four kinds of quotes, two kinds of comments). It never judges syntax:
 * the engine does. Refuses nothing; an unclosed quote ends at the end of the text.
 */

export interface SqlOutline {
  /** First word in upper case: 'SELECT', 'PRAGMA'; '' when there is none. */
  readonly keyword: string;
  /** The word after it, as written and without quotes. */
  readonly next: string;
  /** Names directly before an opening bracket, in lower case, quotes removed. */
  readonly calls: ReadonlySet<string>;
  /** Statements in the text; empty ones do not count. */
  readonly statements: number;
}

interface Token {
  readonly kind: 'word' | 'string' | 'mark';
  readonly text: string;
}

const BLANK = /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const PIECES: readonly { readonly kind: Token['kind']; readonly at: RegExp }[] = [
  { kind: 'string', at: /[xX]?'(?:[^']|'')*(?:'|$)/y },
  { kind: 'word', at: /"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)/y },
  { kind: 'word', at: /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y },
  { kind: 'mark', at: /[0-9][\w.]*|[\s\S]/y },
];

export function outlineSql(sql: string): SqlOutline {
  const calls = new Set<string>();
  const words: string[] = [];
  let statements = 0;
  let fresh = true;
  let before: Token | undefined;
  for (const token of tokensOf(sql)) {
    if (token.text === ';' && token.kind === 'mark') {
      fresh = true;
    } else if (fresh) {
      fresh = false;
      statements++;
    }
    if (token.kind === 'word' && words.length < 2) words.push(withoutQuotes(token.text));
    if (token.text === '(' && before?.kind === 'word') calls.add(withoutQuotes(before.text).toLowerCase());
    before = token;
  }
  return { keyword: (words[0] ?? '').toUpperCase(), next: words[1] ?? '', calls, statements };
}

function* tokensOf(sql: string): Generator<Token> {
  for (let i = 0; i < sql.length;) {
    const blank = matchAt(BLANK, sql, i);
    if (blank !== undefined) {
      i += blank.length;
      continue;
    }
    for (const { kind, at } of PIECES) {
      const text = matchAt(at, sql, i);
      if (text === undefined) continue;
      yield { kind, text };
      i += text.length;
      break;
    }
  }
}

function matchAt(pattern: RegExp, sql: string, index: number): string | undefined {
  pattern.lastIndex = index;
  return pattern.exec(sql)?.[0];
}

function withoutQuotes(text: string): string {
  return /^["`[]/.test(text) ? text.slice(1, -1) : text;
}
