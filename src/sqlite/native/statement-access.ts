/**
 * What a statement touches, told in the actions of SQLite's authorizer, for an engine that has none to offer.
 *
 * Coarser than the real one: tables instead of columns, base tables instead of views. The kind of the statement comes
 * from its first word, its tables from EXPLAIN, virtual tables from the names in the text.
 */
import type { NativeDatabase } from './better-sqlite.ts';

const ACTIONS: Readonly<Record<string, number>> = { DELETE: 9, INSERT: 18, REPLACE: 18, UPDATE: 23 };
const CREATE_TABLE = 2;
const PRAGMA = 19;
const READ = 20;
const SELECT = 21;
const TRANSACTION = 22;
const ATTACH = 24;

/** Statements that are judged as a whole. */
const WHOLE: Readonly<Record<string, number>> = {
  CREATE: CREATE_TABLE,
  DROP: 11,
  ALTER: 26,
  REINDEX: 27,
  ANALYZE: 28,
  VACUUM: ATTACH,
  ATTACH,
  DETACH: 25,
  BEGIN: TRANSACTION,
  COMMIT: TRANSACTION,
  END: TRANSACTION,
  ROLLBACK: TRANSACTION,
  SAVEPOINT: 32,
  RELEASE: 32,
};

const TOKEN = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"((?:[^"]|"")*)"|`([^`]*)`|\[([^\]]*)\]|[?:@$]\w*|\w+/g;

export interface Access {
  readonly action: number;
  readonly a: string | null;
  readonly b: string | null;
}

/** Everything that an authorizer has to allow for `sql` to run. */
export function accessesOf(database: NativeDatabase, sql: string): Access[] {
  const words = wordsOf(sql);
  const first = (words[0] ?? '').toUpperCase();
  if (first === 'PRAGMA') return [pragmaAccess(sql)];
  const whole = WHOLE[first];
  if (whole !== undefined) return [{ action: whole, a: words[2] ?? null, b: null }];
  const write = words.map((word) => ACTIONS[word.toUpperCase()]).find((action) => action !== undefined);
  return [{ action: SELECT, a: null, b: null }, ...tableAccesses(database, sql, write)];
}

function tableAccesses(database: NativeDatabase, sql: string, write: number | undefined): Access[] {
  const tableByRoot = rootsOf(database);
  const virtual = virtualTablesIn(database, sql);
  const accesses: Access[] = [];
  const add = (action: number, table: string): number => accesses.push({ action, a: table, b: '' });
  for (const [, opcode, p1, p2] of rowsOf(database, `EXPLAIN ${withoutParameters(sql)}`)) {
    // Clear, a DELETE of all rows, names its table in the first place.
    const table = tableByRoot.get(Number(opcode === 'Clear' ? p1 : p2));
    if (opcode === 'OpenRead' && table !== undefined) add(READ, table);
    if ((opcode === 'OpenWrite' || opcode === 'Clear') && table !== undefined) add(write ?? READ, table);
    if (opcode === 'VOpen') for (const name of virtual) add(READ, name);
    if (opcode === 'VUpdate') for (const name of virtual) add(write ?? READ, name);
  }
  return accesses;
}

function rootsOf(database: NativeDatabase): Map<number, string> {
  const rows = rowsOf(database, 'SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0');
  return new Map([[1, 'sqlite_schema'], ...rows.map(([root, name]): [number, string] => [Number(root), String(name)])]);
}

/** Names in the text that are virtual tables: those of the schema, and those that exist by themselves. */
function virtualTablesIn(database: NativeDatabase, sql: string): string[] {
  const known =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage = 0 UNION SELECT name FROM pragma_module_list";
  const names = new Set(rowsOf(database, known).map(([name]) => String(name).toLowerCase()));
  return [...new Set(wordsOf(sql))].filter((word) => names.has(word.toLowerCase()));
}

function pragmaAccess(sql: string): Access {
  const match = /pragma\s+(?:\w+\s*\.\s*)?(\w+)\s*(?:=\s*(\S+)|\(([^)]*)\))?/i.exec(sql);
  return { action: PRAGMA, a: match?.[1] ?? null, b: match?.[2] ?? match?.[3] ?? null };
}

function wordsOf(sql: string): string[] {
  const words: string[] = [];
  for (const [token, double, back, bracket] of sql.matchAll(TOKEN)) {
    if (/^(?:--|\/\*|'|[?:@$])/.test(token)) continue;
    words.push(double ?? back ?? bracket ?? token);
  }
  return words;
}

/** EXPLAIN needs no values: their places are NULL. */
function withoutParameters(sql: string): string {
  return sql.replaceAll(TOKEN, (token) => (/^[?:@$]/.test(token) ? 'NULL' : token));
}

function rowsOf(database: NativeDatabase, sql: string): unknown[][] {
  return [...database.prepare(sql).raw(true).iterate()];
}
