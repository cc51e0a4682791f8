/**
 * Cuts SQL text into tokens and comments, as SQLite does; comments are kept because some of them steer.
 *
 * Assumes nothing about the text; a token that never ends runs to the end and is marked open.
 */

export type SqlTokenKind = 'word' | 'name' | 'string' | 'blob' | 'number' | 'symbol';

export interface SqlToken {
  /** word = bare identifier or keyword, name = quoted identifier. */
  readonly kind: SqlTokenKind;
  /** As written. */
  readonly text: string;
  /** What a name or string says without its quotes; the text of any other token. */
  readonly value: string;
  /** 1-based line of its first character. */
  readonly line: number;
  /** Offsets in the text. */
  readonly start: number;
  readonly end: number;
  /** A quote that never closes. */
  readonly open?: true;
}

export interface SqlComment {
  /** Without its marks, trimmed. */
  readonly text: string;
  readonly line: number;
  readonly start: number;
}

export interface SqlTokens {
  readonly tokens: readonly SqlToken[];
  readonly comments: readonly SqlComment[];
}

interface Pattern {
  readonly kind: SqlTokenKind | 'space' | 'comment';
  readonly at: RegExp;
}

const patternsOf = (): readonly Pattern[] => [
  { kind: 'space', at: /[\s\uFEFF]+/y },
  { kind: 'comment', at: /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y },
  { kind: 'blob', at: /[xX]'[^']*'?/y },
  { kind: 'word', at: /[A-Za-z_\u0080-\uFFFF][A-Za-z0-9_$\u0080-\uFFFF]*/y },
  { kind: 'number', at: /0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y },
  { kind: 'string', at: /'[^']*(?:''[^']*)*'?/y },
  { kind: 'name', at: /"[^"]*(?:""[^"]*)*"?|`[^`]*(?:``[^`]*)*`?|\[[^\]]*\]?/y },
  { kind: 'symbol', at: /\|\||<=|>=|<>|!=|==|<<|>>|->>?|[\s\S]/y },
];

/** Cost  O(n). */
export function tokenizeSql(text: string): SqlTokens {
  const patterns = patternsOf();
  const tokens: SqlToken[] = [];
  const comments: SqlComment[] = [];
  let line = 1;
  for (let start = 0; start < text.length;) {
    const { kind, piece } = pieceAt(patterns, text, start);
    if (kind === 'comment') comments.push({ text: insideOfComment(piece), line, start });
    else if (kind !== 'space') tokens.push(tokenOf(kind, { text: piece, line, start }));
    line += newlinesIn(piece);
    start += piece.length;
  }
  return { tokens, comments };
}

/** Tokens as SQL text on one line, as written. */
export function sqlOfTokens(tokens: readonly SqlToken[]): string {
  return tokens.map((token) => token.text).join(' ');
}

/** A spelling in which only a difference that SQLite would see is a difference: case, quotes of names, white space. */
export function canonicalSql(sql: string): string {
  return tokenizeSql(sql)
    .tokens.map(({ kind, text, value }) => (kind === 'word' || kind === 'name' ? value.toLowerCase() : text))
    .join(' ');
}

/** An identifier in double quotes. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function pieceAt(patterns: readonly Pattern[], text: string, start: number): { kind: Pattern['kind']; piece: string } {
  for (const { kind, at } of patterns) {
    at.lastIndex = start;
    const match = at.exec(text);
    if (match !== null) return { kind, piece: match[0] };
  }
  return { kind: 'symbol', piece: text[start]! };
}

function tokenOf(
  kind: SqlTokenKind,
  found: { readonly text: string; readonly line: number; readonly start: number },
): SqlToken {
  const { text, line, start } = found;
  const token = { kind, text, value: valueOf(kind, text), line, start, end: start + text.length };
  return isOpen(kind, text) ? { ...token, open: true } : token;
}

function valueOf(kind: SqlTokenKind, text: string): string {
  if (kind !== 'name' && kind !== 'string') return text;
  const quote = text[0] === '[' ? ']' : text[0]!;
  const inside = text.slice(1, isOpen(kind, text) ? undefined : -1);
  return quote === ']' ? inside : inside.replaceAll(quote + quote, quote);
}

function isOpen(kind: SqlTokenKind, text: string): boolean {
  if (kind === 'word' || kind === 'number' || kind === 'symbol') return false;
  const body = kind === 'blob' ? text.slice(1) : text;
  const quote = body[0] === '[' ? ']' : body[0]!;
  if (quote === ']') return !body.endsWith(']');
  return (body.split(quote).length - 1) % 2 === 1;
}

function insideOfComment(text: string): string {
  if (text.startsWith('--')) return text.slice(2).trim();
  return (text.endsWith('*/') ? text.slice(2, -2) : text.slice(2)).trim();
}

function newlinesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
