/**
 * One open database of the native engine.
 *
 * Differences that the library leaves: the authorizer is asked before a statement is compiled and knows tables, not
 * columns (statement-access.ts); a progress handler is asked between rows; row changes are heard by triggers.
 */
import { ReplicationError } from '../../core/errors.ts';
import type { Connection, RowMode } from '../database.ts';
import { hasLoneSurrogate } from '../parameter.ts';
import { isBlankSql } from '../sql-text.ts';
import type { NativeDatabase, NativeStatement } from './better-sqlite.ts';
import { copyByVacuum } from './file-copy.ts';
import { coded } from './native-error.ts';
import { RowListeners } from './row-listeners.ts';
import { accessesOf } from './statement-access.ts';
import { NativeSqlStatement, type NativeStatementHost } from './statement.ts';

type Authorizer = (action: number, a: string | null, b: string | null) => boolean;

export interface NativeConnectionParts {
  readonly database: NativeDatabase;
  readonly path: string;
  readonly statementsMax: number;
  /** Runs before the database is closed. */
  readonly beforeClose: (database: NativeDatabase) => void;
  /** Runs once, after the database is closed. */
  readonly release: () => void;
}

export class NativeConnection implements Connection {
  readonly path: string;
  readonly engine = 'native';
  readonly #parts: NativeConnectionParts;
  readonly #database: NativeDatabase;
  readonly #host: NativeStatementHost;
  readonly #rowListeners: RowListeners;
  readonly #cache = new Map<string, NativeSqlStatement>();
  readonly #changes: NativeStatement;
  #authorizer: Authorizer | undefined;
  #progress: (() => boolean) | undefined;
  #closed = false;

  constructor(parts: NativeConnectionParts) {
    this.#parts = parts;
    this.#database = parts.database;
    this.path = parts.path;
    this.#rowListeners = new RowListeners(parts.database);
    this.#changes = coded(() => parts.database.prepare('SELECT changes()').raw(true));
    this.#host = {
      usable: () => this.#usable(),
      compileSql: (sql) => this.#compileSql(sql),
      beforeWrite: () => coded(() => this.#rowListeners.refresh()),
      askProgress: () => this.#askProgress(),
      changes: () => this.changes,
      iterations: new Set(),
    };
  }

  prepare(sql: string): NativeSqlStatement {
    this.#usable();
    const known = this.#cache.get(sql);
    const statement = known ?? new NativeSqlStatement(this.#host, sql, { mode: 'exact', cached: true });
    this.#cache.delete(sql);
    this.#cache.set(sql, statement);
    if (this.#cache.size > this.#parts.statementsMax) this.#cache.delete(this.#cache.keys().next().value!);
    return statement;
  }

  compile(sql: string, mode: RowMode): NativeSqlStatement {
    return new NativeSqlStatement(this.#host, sql, { mode, cached: false });
  }

  exec(sql: string): void {
    this.#usable();
    checkSqlText(sql);
    coded(() => {
      this.#rowListeners.refresh();
      this.#database.exec(sql);
    });
  }

  get inTransaction(): boolean {
    this.#usable();
    return this.#database.inTransaction;
  }

  get changes(): number {
    this.#usable();
    return coded(() => Number([...this.#changes.iterate()][0]?.[0] ?? 0));
  }

  onRowChange(listener: (table: string) => void): () => void {
    this.#usable();
    return coded(() => this.#rowListeners.add(listener));
  }

  setAuthorizer(callback: Authorizer | undefined): void {
    this.#usable();
    this.#authorizer = callback;
  }

  setProgressHandler(callback: (() => boolean) | undefined): void {
    this.#usable();
    this.#progress = callback;
  }

  setDurability(durability: 'normal' | 'full'): void {
    this.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
  }

  copyTo(path: string): void {
    this.#usable();
    if (this.path === ':memory:') {
      throw new ReplicationError('BAD_REQUEST', 'a database in memory has no file to copy: open it in a file');
    }
    if (this.inTransaction) throw new ReplicationError('SQL_ERROR', 'a transaction is open: end it before the copy');
    copyByVacuum(this.#database, path);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cache.clear();
    try {
      for (const rows of this.#host.iterations) rows.return?.();
      if (this.#database.inTransaction) coded(() => this.#database.exec('ROLLBACK'));
      this.#parts.beforeClose(this.#database);
      coded(() => this.#database.close());
    } finally {
      this.#parts.release();
    }
  }

  #usable(): void {
    if (this.#closed) throw new ReplicationError('CLOSED', `the database ${this.path} is closed: open it again`);
  }

  #compileSql(sql: string): NativeStatement {
    this.#usable();
    checkSqlText(sql);
    if (isBlankSql(sql)) throw new ReplicationError('SQL_ERROR', 'the SQL text holds no statement');
    return coded(() => {
      const statement = this.#compileOne(sql);
      this.#authorize(sql);
      return statement.reader ? statement.raw(true).safeIntegers(true) : statement;
    });
  }

  #compileOne(sql: string): NativeStatement {
    try {
      return this.#database.prepare(sql);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ReplicationError('SQL_ERROR', 'one statement at a time: use exec for several');
    }
  }

  #authorize(sql: string): void {
    const authorizer = this.#authorizer;
    if (authorizer === undefined) return;
    for (const { action, a, b } of accessesOf(this.#database, sql)) {
      if (!authorizer(action, a, b)) throw new ReplicationError('SQL_ERROR', 'not authorized', { sqliteCode: 23 });
    }
  }

  #askProgress(): void {
    if (this.#progress?.() !== true) return;
    const message = 'the statement ran too long: make the query cheaper or allow it more time';
    throw new ReplicationError('QUERY_TIMEOUT', message, { sqliteCode: 9 });
  }
}

function checkSqlText(sql: string): void {
  if (!sql.includes('\0') && !hasLoneSurrogate(sql)) return;
  throw new ReplicationError(
    'SQL_ERROR',
    'the SQL text holds a NUL or a lone surrogate: pass such values as parameters',
  );
}
