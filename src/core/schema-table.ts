/** Reads the body of one CREATE TABLE: columns, table constraints, options, and what its comments say. */
import {
  descendingKey,
  foreignKeyRefusal,
  localColumn,
  refuseConflictClause,
  replicatedColumn,
  uniqueRefusal,
} from './schema-column.ts';
import { SchemaReader, splitAtCommas, StatementRefusal } from './schema-reader.ts';
import type { ColumnShape, TableShape } from './schema-shape.ts';
import { sameName } from './schema-shape.ts';
import type { SqlComment, SqlToken } from './sql-tokenizer.ts';
import { sqlOfTokens } from './sql-tokenizer.ts';

export interface TableHead {
  readonly name: string;
  readonly statement: { readonly tokens: readonly SqlToken[]; readonly comments: readonly SqlComment[] };
  /** Comments above the statement. */
  readonly above: readonly string[];
  readonly columnsMax: number;
}

/** Columns and constraints of a local table: SQLite takes no more columns. */
const LOCAL_PIECES_MAX = 2_000;

/** Constraints beside the columns of one table. */
const CONSTRAINTS_MAX = 100;

interface Draft {
  readonly columns: ColumnShape[];
  readonly primaryKey: string[];
  readonly checks: string[];
}

/** A plain table: only its columns' names and texts are read. */
export function localTable(reader: SchemaReader, { name, statement }: TableHead): TableShape {
  const pieces = splitAtCommas(reader.bracket());
  if (pieces.length > LOCAL_PIECES_MAX) throw new StatementRefusal('it has too many columns', 'split the table');
  const columns = pieces.filter((tokens) => !isTableConstraint(tokens)).map(localColumn);
  const sql = sqlOfTokens(statement.tokens).replace(/^(CREATE TABLE) IF NOT EXISTS/i, '$1');
  return { name, local: true, strict: false, columns, primaryKey: [], checks: [], sql };
}

export function replicatedTable(reader: SchemaReader, { name, statement, above, columnsMax }: TableHead): TableShape {
  const pieces = splitAtCommas(reader.bracket());
  if (pieces.length > columnsMax + CONSTRAINTS_MAX) throw tooManyColumns(columnsMax);
  const draft: Draft = { columns: [], primaryKey: [], checks: [] };
  for (const tokens of pieces) {
    if (isTableConstraint(tokens)) readConstraint(new SchemaReader(tokens), draft);
    else addColumn(tokens, draft, renamedColumn(tokens, statement));
  }
  if (draft.columns.length > columnsMax) throw tooManyColumns(columnsMax);
  const strict = readOptions(reader);
  const columns = draft.columns.map((column) => withRowid(column, draft.primaryKey));
  refuseWhole(columns, draft.primaryKey);
  const renamedFrom = above.map(renamedFromComment).find((old) => old !== undefined);
  const { primaryKey, checks } = draft;
  const sql = sqlOfTokens(statement.tokens);
  const table = { name, local: false, strict, columns, primaryKey, checks, sql };
  return renamedFrom === undefined ? table : { ...table, renamedFrom };
}

function isTableConstraint(tokens: readonly SqlToken[]): boolean {
  const reader = new SchemaReader(tokens);
  if (reader.isWord('CONSTRAINT') || reader.isWord('CHECK')) return true;
  if (reader.isWord('PRIMARY') || reader.isWord('FOREIGN')) return reader.isWord('KEY', 1);
  return reader.isWord('UNIQUE') && reader.isSymbol('(', 1);
}

function addColumn(tokens: readonly SqlToken[], draft: Draft, renamedFrom: string | undefined): void {
  const name = tokens[0]?.value ?? '';
  try {
    const { column, isPrimaryKey } = replicatedColumn(tokens);
    if (draft.columns.some((other) => sameName(other.name, name))) {
      throw new StatementRefusal('the column is declared twice', 'leave one of the two out');
    }
    if (isPrimaryKey && draft.primaryKey.length > 0) throw secondKey();
    if (isPrimaryKey) draft.primaryKey.push(column.name);
    draft.columns.push(renamedFrom === undefined ? column : { ...column, renamedFrom });
  } catch (error) {
    if (!(error instanceof StatementRefusal)) throw error;
    throw new StatementRefusal(error.reason, error.instead, error.column ?? name);
  }
}

function readConstraint(reader: SchemaReader, draft: Draft): void {
  if (reader.takeWords('CONSTRAINT')) reader.name('a constraint name');
  if (reader.takeWords('CHECK')) draft.checks.push(sqlOfTokens(reader.bracket()));
  else if (reader.isWord('UNIQUE')) throw uniqueRefusal();
  else if (reader.isWord('FOREIGN')) throw foreignKeyRefusal();
  else {
    reader.expectWords('PRIMARY', 'KEY');
    if (draft.primaryKey.length > 0) throw secondKey();
    for (const tokens of splitAtCommas(reader.bracket())) draft.primaryKey.push(keyPart(tokens));
  }
  refuseConflictClause(reader);
  if (!reader.ended) throw reader.unexpected('"," or ")"');
}

function keyPart(tokens: readonly SqlToken[]): string {
  const reader = new SchemaReader(tokens);
  const name = reader.name('a column name');
  if (reader.takeWords('COLLATE') && !sameName(reader.name('a collation'), 'BINARY')) throw collatedKey(name);
  if (reader.isWord('DESC')) throw descendingKey();
  reader.takeWords('ASC');
  if (!reader.ended) throw reader.unexpected('"," or ")"');
  return name;
}

/** A key of one INTEGER column is SQLite's row number, which takes integers only. */
function withRowid(column: ColumnShape, primaryKey: readonly string[]): ColumnShape {
  const isOnly = primaryKey.length === 1 && sameName(primaryKey[0]!, column.name);
  return isOnly && column.type === 'INTEGER' ? { ...column, affinity: 'rowid' } : column;
}

function readOptions(reader: SchemaReader): boolean {
  let strict = false;
  while (!reader.ended) {
    if (reader.takeWords('STRICT')) strict = true;
    else if (reader.isWord('WITHOUT') && reader.isWord('ROWID', 1)) {
      throw new StatementRefusal(
        'changes of a WITHOUT ROWID table are not reported to live queries',
        'leave WITHOUT ROWID out',
      );
    } else throw reader.unexpected('STRICT or the end');
    if (!reader.ended) reader.expectSymbol(',');
  }
  return strict;
}

function refuseWhole(columns: readonly ColumnShape[], primaryKey: readonly string[]): void {
  if (primaryKey.length === 0) {
    throw new StatementRefusal('it has no primary key, so its rows cannot be told apart', 'declare a PRIMARY KEY');
  }
  for (const name of primaryKey) {
    const column = columns.find((candidate) => sameName(candidate.name, name));
    if (column === undefined) throw new StatementRefusal('a key column that is not declared', 'declare it', name);
    if ((column.collation ?? 'BINARY') !== 'BINARY') throw collatedKey(name);
  }
  if (new Set(primaryKey.map((name) => name.toLowerCase())).size < primaryKey.length) throw secondKey();
  for (const column of columns) {
    const isKey = primaryKey.some((name) => sameName(name, column.name));
    if (!isKey && column.notNull && (column.defaultSql ?? 'NULL').toUpperCase() === 'NULL') {
      throw new StatementRefusal(
        'NOT NULL without a DEFAULT: a row arrives cell by cell and is not whole at first',
        'add a DEFAULT, or drop NOT NULL',
        column.name,
      );
    }
  }
}

function tooManyColumns(columnsMax: number): StatementRefusal {
  return new StatementRefusal(
    `it has more than ${columnsMax} columns, and the engine then fails at every UPDATE`,
    'split it into two tables with the same key',
  );
}

function secondKey(): StatementRefusal {
  return new StatementRefusal('the primary key is declared twice', 'declare it once');
}

function collatedKey(column: string): StatementRefusal {
  return new StatementRefusal(
    'a key with a collation takes two spellings for one row, and replicas then keep different ones',
    'leave COLLATE out of the key; lower-case the value, or collate an index',
    column,
  );
}

function renamedFromComment(text: string): string | undefined {
  return /^renamed from "?([A-Za-z_][A-Za-z0-9_]*)"?$/i.exec(text)?.[1];
}

/** The comment at the end of the column's line, else the ones on their own lines above it. */
function renamedColumn(tokens: readonly SqlToken[], statement: TableHead['statement']): string | undefined {
  const first = tokens[0];
  const last = tokens.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const linesOfTokens = new Set(statement.tokens.map((token) => token.line));
  const before = statement.tokens.filter((token) => token.start < first.start && token.text !== ',').at(-1);
  const inside = statement.comments.filter((comment) => comment.start > statement.tokens[0]!.start);
  const after = statement.tokens.find((token) => token.start >= last.end && token.text !== ',')?.start ?? Infinity;
  const atEnd = inside.find(
    ({ line, start, text }) =>
      line === last.line && start >= last.end && start < after && renamedFromComment(text) !== undefined,
  );
  const above = inside.find(
    (comment) =>
      !linesOfTokens.has(comment.line) &&
      comment.line < first.line &&
      comment.start > (before?.start ?? 0) &&
      renamedFromComment(comment.text) !== undefined,
  );
  const comment = atEnd ?? above;
  return comment === undefined ? undefined : renamedFromComment(comment.text);
}
