/** A reading position in the tokens of one statement, and the refusal that ends its reading. */
import { ReplicationError } from './errors.ts';
import type { SqlToken } from './sql-tokenizer.ts';

/** Thrown inside the schema parser only; it becomes a refused step. */
export class StatementRefusal extends ReplicationError {
  readonly reason: string;
  readonly instead: string;
  readonly column: string | undefined;
  constructor(reason: string, instead: string, column?: string) {
    super('SCHEMA_REFUSED', `${reason}: ${instead}`);
    this.reason = reason;
    this.instead = instead;
    this.column = column;
  }
}

export class SchemaReader {
  readonly #tokens: readonly SqlToken[];
  #at = 0;

  constructor(tokens: readonly SqlToken[]) {
    this.#tokens = tokens;
  }

  get ended(): boolean {
    return this.#at >= this.#tokens.length;
  }

  peek(ahead = 0): SqlToken | undefined {
    return this.#tokens[this.#at + ahead];
  }

  /** The next token, or a refusal at the end. */
  next(): SqlToken {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw this.unexpected('the end of the statement');
    this.#at += 1;
    return token;
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token !== undefined && token.kind === 'word' && token.text.toUpperCase() === word;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token !== undefined && token.kind === 'symbol' && token.text === symbol;
  }

  /** Takes the words when they all come next. */
  takeWords(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.isWord(word, i))) return false;
    this.#at += words.length;
    return true;
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.#at += 1;
    return true;
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(`"${symbol}"`);
  }

  expectWords(...words: readonly string[]): void {
    if (!this.takeWords(...words)) throw this.unexpected(words.join(' '));
  }

  /** An identifier, quoted or not. */
  name(what: string): string {
    const token = this.next();
    if (token.open !== true && (token.kind === 'word' || token.kind === 'name')) return token.value;
    this.#at -= 1;
    throw this.unexpected(what);
  }

  /** The tokens of a bracket that opens here, without it. */
  bracket(): readonly SqlToken[] {
    this.expectSymbol('(');
    const start = this.#at;
    for (let depth = 1; depth > 0;) {
      const { kind, text } = this.next();
      if (kind === 'symbol' && text === '(') depth += 1;
      if (kind === 'symbol' && text === ')') depth -= 1;
    }
    return this.#tokens.slice(start, this.#at - 1);
  }

  /** Everything that is left. */
  rest(): readonly SqlToken[] {
    const rest = this.#tokens.slice(this.#at);
    this.#at = this.#tokens.length;
    return rest;
  }

  unexpected(wanted: string): StatementRefusal {
    const token = this.peek() ?? this.#tokens.at(-1);
    const found = this.peek() === undefined ? 'the statement ends' : `"${token!.text.slice(0, 40)}" stands`;
    const line = token === undefined ? '' : ` in line ${token.line}`;
    return new StatementRefusal(`${found}${line} where ${wanted} is expected`, 'write it as SQLite reads it');
  }
}

/** Splits tokens at commas outside brackets. */
export function splitAtCommas(tokens: readonly SqlToken[]): SqlToken[][] {
  const pieces: SqlToken[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    const symbol = token.kind === 'symbol' ? token.text : '';
    if (symbol === '(') depth += 1;
    if (symbol === ')') depth -= 1;
    if (symbol === ',' && depth === 0) pieces.push([]);
    else pieces.at(-1)!.push(token);
  }
  return pieces;
}
