/** Reads one column definition of a CREATE TABLE, and refuses what a replicated column cannot keep. */
import { affinityOfType } from './affinity.ts';
import { isReplicatedName } from './names.ts';
import { SchemaReader, StatementRefusal } from './schema-reader.ts';
import type { ColumnShape } from './schema-shape.ts';
import type { SqlToken } from './sql-tokenizer.ts';
import { sqlOfTokens } from './sql-tokenizer.ts';

/** A column, and what it says about the table. */
export interface ColumnDefinition {
  readonly column: ColumnShape;
  readonly isPrimaryKey: boolean;
}

interface Draft {
  readonly checks: string[];
  isPrimaryKey: boolean;
  notNull: boolean;
  defaultSql?: string;
  collation?: string;
}

const CONSTRAINT_WORDS: ReadonlySet<string> = new Set(
  'CONSTRAINT PRIMARY NOT NULL UNIQUE CHECK DEFAULT COLLATE REFERENCES GENERATED AS'.split(' '),
);

/** The column of a local table: its name and text, nothing refused. */
export function localColumn(tokens: readonly SqlToken[]): ColumnShape {
  const name = new SchemaReader(tokens).name('a column name');
  return { name, type: '', affinity: 'blob', notNull: false, checks: [], sql: sqlOfTokens(tokens) };
}

export function replicatedColumn(tokens: readonly SqlToken[]): ColumnDefinition {
  const reader = new SchemaReader(tokens);
  const name = reader.name('a column name');
  if (!isReplicatedName(name)) {
    throw new StatementRefusal(
      `"${name}" cannot be the name of a replicated column`,
      'use letters, digits and _, no name that begins with crsql_, crmesh_ or sqlite_',
    );
  }
  const type = readType(reader);
  const draft: Draft = { checks: [], isPrimaryKey: false, notNull: false };
  while (!reader.ended) readConstraint(reader, draft);
  const { isPrimaryKey, ...facts } = draft;
  const affinity = isPrimaryKey && type === 'INTEGER' ? 'rowid' : affinityOfType(type);
  return { column: { name, type, affinity, ...facts, sql: sqlOfTokens(tokens) }, isPrimaryKey };
}

function readType(reader: SchemaReader): string {
  const words: string[] = [];
  for (let token = reader.peek(); token !== undefined; token = reader.peek()) {
    if (token.kind !== 'word' && token.kind !== 'name') break;
    if (token.kind === 'word' && CONSTRAINT_WORDS.has(token.text.toUpperCase())) break;
    words.push(reader.next().value.toUpperCase());
  }
  if (words.length === 0 || !reader.isSymbol('(')) return words.join(' ');
  return `${words.join(' ')}(${reader
    .bracket()
    .map((token) => token.text)
    .join('')})`;
}

function readConstraint(reader: SchemaReader, draft: Draft): void {
  if (reader.takeWords('CONSTRAINT')) reader.name('a constraint name');
  if (reader.takeWords('PRIMARY', 'KEY')) readPrimaryKey(reader, draft);
  else if (reader.takeWords('NOT', 'NULL')) draft.notNull = true;
  else if (reader.takeWords('NULL')) draft.notNull = false;
  else if (reader.takeWords('CHECK')) draft.checks.push(sqlOfTokens(reader.bracket()));
  else if (reader.takeWords('DEFAULT')) draft.defaultSql = readDefault(reader);
  else if (reader.takeWords('COLLATE')) draft.collation = reader.name('a collation').toUpperCase();
  else throw refusedConstraint(reader);
  refuseConflictClause(reader);
}

function readPrimaryKey(reader: SchemaReader, draft: Draft): void {
  draft.isPrimaryKey = true;
  if (reader.isWord('DESC')) throw descendingKey();
  reader.takeWords('ASC');
  refuseConflictClause(reader);
  if (reader.isWord('AUTOINCREMENT')) {
    throw new StatementRefusal(
      'AUTOINCREMENT gives different rows of two replicas the same key',
      'use a random key (a UUID in a BLOB or TEXT column)',
    );
  }
}

export function descendingKey(): StatementRefusal {
  return new StatementRefusal('a primary key cannot be DESC', 'leave DESC out; an index may be DESC');
}

export function refuseConflictClause(reader: SchemaReader): void {
  if (!reader.isWord('ON') || !reader.isWord('CONFLICT', 1)) return;
  throw new StatementRefusal(
    'ON CONFLICT of a constraint would change what a merge writes',
    'leave it out of the table',
  );
}

/** A literal or CURRENT_*: anything else gives each replica its own value. */
function readDefault(reader: SchemaReader): string {
  const tokens = reader.isSymbol('(') ? insideBrackets(reader) : [reader.next()];
  if (tokens.length === 1 && isSign(tokens[0]!) && !reader.ended) tokens.push(reader.next());
  const [first, second] = tokens;
  const literal = first !== undefined && isSign(first) ? second : first;
  const isNumber = literal?.kind === 'number' && tokens.length <= 2;
  if (isNumber) return `${first!.text === '-' ? '-' : ''}${literal.text}`;
  const word = literal?.kind === 'word' ? literal.text.toUpperCase() : '';
  if (tokens.length === 1 && literal !== undefined && literal.open !== true) {
    if (literal.kind === 'string' || literal.kind === 'blob') return literal.text;
    if (/^(?:NULL|TRUE|FALSE|CURRENT_(?:TIME|DATE|TIMESTAMP))$/.test(word)) return word;
  }
  throw new StatementRefusal(
    'a DEFAULT that is computed gives each replica its own value',
    "use a literal ('text', 5, NULL, CURRENT_TIMESTAMP) and write the computed value in the INSERT",
  );
}

function insideBrackets(reader: SchemaReader): SqlToken[] {
  let inside = [...reader.bracket()];
  while (inside.length > 2 && inside[0]!.text === '(' && inside.at(-1)!.text === ')') inside = inside.slice(1, -1);
  return inside;
}

function isSign(token: SqlToken): boolean {
  return token.kind === 'symbol' && (token.text === '-' || token.text === '+');
}

function refusedConstraint(reader: SchemaReader): StatementRefusal {
  if (reader.isWord('UNIQUE')) return uniqueRefusal();
  if (reader.isWord('REFERENCES')) return foreignKeyRefusal();
  if (reader.isWord('GENERATED') || reader.isWord('AS')) {
    return new StatementRefusal('a generated column cannot replicate', 'compute it in the query or in a view');
  }
  return reader.unexpected('a column constraint');
}

export function uniqueRefusal(): StatementRefusal {
  return new StatementRefusal(
    'two replicas can each write a row that breaks UNIQUE, and a merge cannot refuse either',
    'make the column the primary key, or drop UNIQUE and use a plain CREATE INDEX',
  );
}

export function foreignKeyRefusal(): StatementRefusal {
  return new StatementRefusal(
    'a foreign key can be broken by a merge: the parent may be deleted elsewhere',
    'keep the column, drop REFERENCES, and create an index on it',
  );
}
