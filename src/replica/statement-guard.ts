/**
 * What user SQL may do: read anything, write the rows of user tables, nothing else.
 *
 * Two walls: the outline of the text gives clear messages and stops what the engine's authorizer does not see
 * (VACUUM, several statements, calls of the replication's own functions); the authorizer, switched on only while
 * the user's statement is compiled, stops the rest and tells which tables it reads and writes. It is off while the
 * statement runs, because it would also see the statements of the replication's triggers.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Connection, Statement } from '../sqlite/database.ts';
import type { SqlOutline } from './sql-outline.ts';
import { outlineSql } from './sql-outline.ts';

/** A compiled user statement; its owner finalizes it. */
export interface GuardedStatement {
  readonly statement: Statement;
  /** Tables and views, as the schema spells them. */
  readonly reads: ReadonlySet<string>;
  readonly writes: ReadonlySet<string>;
}

/** Authorizer actions of SQLite that matter here. */
const ACTION = { delete: 9, insert: 18, pragma: 19, read: 20, select: 21, update: 23, function: 31, recursive: 33 };

const DDL = new Set(['CREATE', 'ALTER', 'DROP', 'REINDEX']);
const CONTROL = new Set(['BEGIN', 'COMMIT', 'END', 'ROLLBACK', 'SAVEPOINT', 'RELEASE']);
const FILES = new Set(['ATTACH', 'DETACH', 'VACUUM', 'ANALYZE']);

/** PRAGMAs that only tell something. */
const PRAGMAS = new Set(
  (
    'table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check ' +
    'integrity_check quick_check page_count page_size freelist_count compile_options function_list collation_list ' +
    'database_list encoding data_version'
  ).split(' '),
);
/** PRAGMAs that read without an argument and write with one. */
const PRAGMAS_WITHOUT_ARGUMENT = new Set(['user_version', 'application_id', 'schema_version', 'journal_mode']);

/** Functions of the replication that change nothing. */
const CALLS = new Set([
  'crsql_site_id',
  'crsql_db_version',
  'crsql_unpack_columns',
  'crsql_pack_columns',
  'crsql_fract_key_between',
]);

/**
 * Compiles one statement of the user.
 *
 * Errors  USE_SCHEMA for DDL and for PRAGMAs that change how the database works; SQL_ERROR for transaction control,
 *         other files, tables and functions of the replication, several statements, and what the engine refuses.
 */
export function compileGuarded(connection: Connection, sql: string): GuardedStatement {
  if (typeof sql !== 'string') throw new ReplicationError('SQL_ERROR', 'the SQL is not a string: pass one statement');
  checkOutline(outlineSql(sql), sql);
  const watch = new AccessWatch();
  connection.setAuthorizer(watch.allows);
  try {
    const statement = connection.compile(sql, 'plain');
    return { statement, reads: watch.reads, writes: watch.writes };
  } catch (error) {
    throw watch.refusal ?? error;
  } finally {
    connection.setAuthorizer(undefined);
  }
}

/** Whether a name belongs to the engine or the replication, not to the user. */
export function isInternalTable(name: string): boolean {
  return /^(?:crsql_|crmesh_|sqlite_)|__crsql_(?:clock|pks)$/i.test(name);
}

function checkOutline({ keyword, next, calls, statements }: SqlOutline, sql: string): void {
  if (sql.includes('\0'))
    throw new ReplicationError('SQL_ERROR', 'the SQL has a NUL character: pass values as parameters');
  if (statements === 0) throw new ReplicationError('SQL_ERROR', 'there is no statement in the SQL: pass one');
  if (DDL.has(keyword)) throw schemaError(keyword);
  if (CONTROL.has(keyword)) {
    throw new ReplicationError('SQL_ERROR', `${keyword} is not for exec: call db.transaction(async (tx) => { ... })`);
  }
  if (FILES.has(keyword)) throw fileError(keyword);
  if (keyword === 'PRAGMA') checkPragmaName(next);
  if (statements > 1) {
    const message = 'one statement a call: call exec for each, inside db.transaction(...) to commit them together';
    throw new ReplicationError('SQL_ERROR', message);
  }
  for (const name of calls) {
    if (/^(?:crsql|crmesh)_/.test(name) && !CALLS.has(name)) throw functionError(name);
  }
}

/** Notes what a statement touches while it is compiled, and why it was refused. */
class AccessWatch {
  readonly reads = new Set<string>();
  readonly writes = new Set<string>();
  refusal: ReplicationError | undefined;

  readonly allows = (action: number, a: string | null, b: string | null): boolean => {
    const refusal = this.#judge(action, a ?? '', b ?? '');
    this.refusal ??= refusal;
    return refusal === undefined;
  };

  #judge(action: number, a: string, b: string): ReplicationError | undefined {
    switch (action) {
      case ACTION.select:
      case ACTION.function:
      case ACTION.recursive:
        return undefined;
      case ACTION.read:
        this.reads.add(a);
        return undefined;
      case ACTION.insert:
      case ACTION.update:
      case ACTION.delete:
        this.writes.add(a);
        return isInternalTable(a) ? tableError(a) : undefined;
      case ACTION.pragma:
        return pragmaRefusal(a, b);
      default:
        return schemaError('this statement');
    }
  }
}

function checkPragmaName(name: string): void {
  const known = PRAGMAS.has(name.toLowerCase()) || PRAGMAS_WITHOUT_ARGUMENT.has(name.toLowerCase());
  if (!known && !/^(?:main|temp)$/i.test(name)) throw pragmaError(name);
}

function pragmaRefusal(name: string, argument: string): ReplicationError | undefined {
  const lower = name.toLowerCase();
  if (PRAGMAS.has(lower) || (PRAGMAS_WITHOUT_ARGUMENT.has(lower) && argument === '')) return undefined;
  return pragmaError(name);
}

function schemaError(what: string): ReplicationError {
  const message = `${what} would change the schema behind the replication: call db.migrate(schema) with the whole schema text`;
  return new ReplicationError('USE_SCHEMA', message);
}

function pragmaError(name: string): ReplicationError {
  const message = `PRAGMA ${name} is set by crmesh itself: remove it; durability is an option of open, the schema goes through db.migrate`;
  return new ReplicationError('USE_SCHEMA', message);
}

function fileError(keyword: string): ReplicationError {
  const message = `${keyword} is not for user SQL: crmesh keeps the file; open another database with open(path)`;
  return new ReplicationError('SQL_ERROR', message);
}

function tableError(table: string): ReplicationError {
  const message = `${table} belongs to the replication and is read-only: write to your own tables`;
  return new ReplicationError('SQL_ERROR', message);
}

function functionError(name: string): ReplicationError {
  return new ReplicationError('SQL_ERROR', `${name}() belongs to the replication: remove the call`);
}
