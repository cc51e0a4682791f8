/**
 * Reads schema text: CREATE TABLE, CREATE INDEX, the tolerated calls of the engine's functions, and the comments
 * that steer. What cannot replicate is refused step by step, with the reason and what to write instead.
 */
import type { Limits } from './limits.ts';
import { isReplicatedName, isReservedName } from './names.ts';
import { SchemaReader, StatementRefusal } from './schema-reader.ts';
import type { IndexShape, OrderedList, SchemaShape, TableShape } from './schema-shape.ts';
import { emptySchemaShape, replicatedTables, sameName, tableOfShape } from './schema-shape.ts';
import type { RefusedStep } from './schema-step.ts';
import { schemaRefused } from './schema-step.ts';
import { localTable, replicatedTable } from './schema-table.ts';
import { isReservedKeyword } from './sql-keywords.ts';
import type { SqlComment, SqlToken } from './sql-tokenizer.ts';
import { sqlOfTokens, tokenizeSql } from './sql-tokenizer.ts';

export type SchemaLimits = Pick<Limits, 'schemaBytesMax' | 'tablesMax' | 'columnsMax'>;

export interface ParsedSchema {
  readonly shape: SchemaShape;
  /** Empty when the whole text can be used. */
  readonly refused: readonly RefusedStep[];
}

/** One statement: its tokens, and the comments from the end of the statement before up to its own end. */
export interface SchemaStatement {
  readonly tokens: readonly SqlToken[];
  readonly comments: readonly SqlComment[];
}

/** Statements of one text: far above what the engine's tables leave room for. */
const STATEMENTS_MAX = 2_000;

interface Draft {
  tables: TableShape[];
  indexes: IndexShape[];
  orderedLists: OrderedList[];
  refused: RefusedStep[];
}

/** The shape of a schema text. Errors  SCHEMA_REFUSED with every refused step. */
export function schemaShapeFromText(text: string, limits: SchemaLimits): SchemaShape {
  const { shape, refused } = parseSchema(text, limits);
  if (refused.length > 0) throw schemaRefused(refused);
  return shape;
}

/** Reads a whole text; never throws. */
export function parseSchema(text: string, limits: SchemaLimits): ParsedSchema {
  if (text.length > limits.schemaBytesMax) {
    return { shape: emptySchemaShape, refused: [tooLong(limits)] };
  }
  const draft: Draft = { tables: [], indexes: [], orderedLists: [], refused: [] };
  const statements = statementsOf(text);
  if (statements.length > STATEMENTS_MAX) return { shape: emptySchemaShape, refused: [tooManyStatements()] };
  for (const statement of statements) readStatement(statement, draft, limits);
  const { refused, ...shape } = draft;
  refused.push(...refusalsOfWhole(shape, limits));
  return { shape, refused };
}

function tooLong(limits: SchemaLimits): RefusedStep {
  const reason = `the text is longer than ${limits.schemaBytesMax} characters`;
  return { action: 'read-schema', table: '', refused: true, reason, instead: 'split the data into several databases' };
}

function tooManyStatements(): RefusedStep {
  const reason = `the text has more than ${STATEMENTS_MAX} statements`;
  return { action: 'read-schema', table: '', refused: true, reason, instead: 'split the data into several databases' };
}

function statementsOf(text: string): SchemaStatement[] {
  const { tokens, comments } = tokenizeSql(text);
  const statements: SchemaStatement[] = [];
  let from = 0;
  let commentsTaken = 0;
  for (let i = 0; i <= tokens.length; i++) {
    const token = tokens[i];
    if (token !== undefined && !(token.kind === 'symbol' && token.text === ';')) continue;
    const own = tokens.slice(from, i);
    const end = token?.start ?? text.length;
    let upTo = commentsTaken;
    // A comment behind the semicolon, on its line, still belongs to the statement that ends there.
    const next = tokens[i + 1]?.start ?? text.length;
    while (upTo < comments.length && isBefore(comments[upTo]!, { end, next, line: token?.line })) upTo += 1;
    if (own.length > 0) statements.push({ tokens: own, comments: comments.slice(commentsTaken, upTo) });
    commentsTaken = own.length > 0 || token === undefined ? upTo : commentsTaken;
    from = i + 1;
  }
  return statements;
}

function isBefore(comment: SqlComment, border: { end: number; next: number; line: number | undefined }): boolean {
  return comment.start < border.end || (comment.line === border.line && comment.start < border.next);
}

function readStatement(statement: SchemaStatement, draft: Draft, limits: SchemaLimits): void {
  const reader = new SchemaReader(statement.tokens);
  const context = { action: 'read-statement', table: '' };
  try {
    const openQuote = statement.tokens.find((token) => token.open === true);
    if (openQuote !== undefined) {
      throw new StatementRefusal(`a quote that opens in line ${openQuote.line} never closes`, 'close it');
    }
    if (reader.takeWords('CREATE', 'TABLE')) readTable(reader, { statement, draft, limits, context });
    else if (reader.isWord('CREATE') && (reader.isWord('INDEX', 1) || reader.isWord('INDEX', 2))) {
      readIndex(reader, draft, context);
    } else if (reader.takeWords('SELECT')) readTolerated(reader, draft);
    else throw unknownStatement(statement.tokens);
  } catch (error) {
    if (!(error instanceof StatementRefusal)) throw error;
    const column = error.column === undefined ? {} : { column: error.column };
    const { reason, instead } = error;
    draft.refused.push({ ...context, ...column, refused: true, reason, instead });
  }
}

interface TableReading {
  readonly statement: SchemaStatement;
  readonly draft: Draft;
  readonly limits: SchemaLimits;
  readonly context: { action: string; table: string };
}

function readTable(reader: SchemaReader, { statement, draft, limits, context }: TableReading): void {
  context.action = 'create-table';
  reader.takeWords('IF', 'NOT', 'EXISTS');
  const name = reader.name('a table name');
  context.table = name;
  if (reader.isSymbol('.')) throw new StatementRefusal('a table of another database file', 'leave the prefix out');
  refuseTableName(name);
  if (draft.tables.some((table) => sameName(table.name, name))) {
    throw new StatementRefusal('the table is created twice', 'leave one of the two out');
  }
  if (reader.isWord('AS'))
    throw new StatementRefusal('CREATE TABLE ... AS has no declared columns', 'write the columns');
  const first = statement.tokens[0]!;
  const above = statement.comments.filter((comment) => comment.start < first.start);
  const isLocal = above.some((comment) => /^local$/i.test(comment.text));
  const read = isLocal ? localTable : replicatedTable;
  const table = read(reader, {
    name,
    statement,
    above: above.map((comment) => comment.text),
    columnsMax: limits.columnsMax,
  });
  draft.tables.push(table);
}

function refuseTableName(name: string): void {
  if (isReservedName(name)) {
    throw new StatementRefusal(`"${name}" is a name that SQLite or crmesh keeps for itself`, 'choose another name');
  }
  if (!isReplicatedName(name) || isReservedKeyword(name)) {
    throw new StatementRefusal(
      `"${name}" cannot be the name of a table`,
      'use letters, digits and _, not beginning with a digit, and no keyword of SQL',
    );
  }
}

function readIndex(reader: SchemaReader, draft: Draft, context: { action: string; table: string }): void {
  context.action = 'create-index';
  reader.expectWords('CREATE');
  const unique = reader.takeWords('UNIQUE');
  reader.expectWords('INDEX');
  reader.takeWords('IF', 'NOT', 'EXISTS');
  const name = reader.name('an index name');
  reader.expectWords('ON');
  context.table = reader.name('a table name');
  const table = tableOfShape(draft, context.table);
  if (!isReplicatedName(name)) throw new StatementRefusal(`"${name}" cannot name an index`, 'choose another name');
  if (table === undefined)
    throw new StatementRefusal('an index on a table that stands not above it', 'create it first');
  if (draft.indexes.some((index) => sameName(index.name, name))) {
    throw new StatementRefusal(`the index ${name} is created twice`, 'leave one of the two out');
  }
  if (unique && !table.local) {
    throw new StatementRefusal(
      'two replicas can each write a row that breaks a unique index, and merges then write into the wrong row',
      'use CREATE INDEX, or make the columns the primary key',
    );
  }
  draft.indexes.push({ name, table: table.name, unique, tail: sqlOfTokens(reader.rest()) });
}

/** `SELECT crsql_as_crr('t')` says what we do anyway; crsql_fract_as_ordered is kept for its table. */
function readTolerated(reader: SchemaReader, draft: Draft): void {
  const called = reader.name('crsql_as_crr').toLowerCase();
  const args = reader.isSymbol('(') ? reader.bracket().filter((token) => token.text !== ',') : [];
  const texts = args.map((token) => token.value);
  const areNames = args.every((token) => token.kind === 'string' || token.kind === 'name');
  if (!reader.ended || !areNames || texts.length === 0) throw unknownStatement([]);
  if (called === 'crsql_as_crr') return;
  if (called !== 'crsql_fract_as_ordered') throw unknownStatement([]);
  draft.orderedLists.push({ table: texts[0]!, args: texts });
}

function unknownStatement(tokens: readonly SqlToken[]): StatementRefusal {
  const words = tokens.slice(0, 3).map((token) => token.text.slice(0, 20));
  return new StatementRefusal(
    `${words.length === 0 ? 'this SELECT' : `"${words.join(' ')} ..."`} does not belong in a schema text`,
    'write CREATE TABLE and CREATE INDEX here, and run anything else with exec',
  );
}

function refusalsOfWhole(shape: SchemaShape, limits: SchemaLimits): RefusedStep[] {
  const tables = replicatedTables(shape);
  if (tables.length <= limits.tablesMax) return [];
  const reason = `${tables.length} replicated tables: the engine takes ${limits.tablesMax} at most`;
  const instead = 'split them into several databases, or mark some `-- local`';
  return [{ action: 'create-table', table: tables[limits.tablesMax]!.name, refused: true, reason, instead }];
}
