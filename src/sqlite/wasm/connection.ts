/**
 * One open database of the WebAssembly engine.
 *
 * Assumes the driver has opened the file, holds its lock and says what to do at the end. Refuses every use
 * after close (CLOSED) and after the engine failed (ENGINE_FAILED).
 */
import { ReplicationError } from '../../core/errors.ts';
import type { Connection, RowMode } from '../database.ts';
import { hasLoneSurrogate } from '../parameter.ts';
import { isBlankSql } from '../sql-text.ts';
import type { Pointer } from './engine-module.ts';
import type { Engine } from './engine.ts';
import { StatementCache } from './statement-cache.ts';
import { type StatementHost, WasmStatement } from './statement.ts';

/** Virtual machine steps between two questions to the progress handler: well under a millisecond. */
const PROGRESS_STEPS = 4_000;
const ALLOW = 0;
const DENY = 1;

type Authorizer = (action: number, a: string | null, b: string | null) => boolean;

export interface ConnectionParts {
  readonly engine: Engine;
  readonly db: Pointer;
  readonly path: string;
  readonly statementsMax: number;
  /** Where a sync of the file layer is not yet safe (FileSystem.whenDurable). */
  readonly whenDurable?: () => Promise<void> | undefined;
  /** Copies the file, which holds everything by then; absent for a database in memory. */
  readonly copyTo?: (path: string) => void;
  /** Runs before a working database is closed. */
  readonly beforeClose?: (connection: Connection) => void;
  /** Runs once, after the database is closed or given up: unlocks the file and returns the engine. */
  readonly release: () => void;
}

export class WasmConnection implements Connection {
  readonly path: string;
  readonly engine = 'wasm';
  readonly #parts: ConnectionParts;
  readonly #engine: Engine;
  readonly #host: StatementHost;
  readonly #statements: StatementCache;
  readonly #rowListeners = new Set<(table: string) => void>();
  #db: Pointer;
  #authorizer: Authorizer | undefined;
  #authorizerInstalled = false;
  #stopListening: (() => void) | undefined;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#engine = parts.engine;
    this.#db = parts.db;
    this.path = parts.path;
    this.#statements = new StatementCache(parts.statementsMax);
    this.#host = {
      engine: parts.engine,
      usable: () => this.#usable(),
      compileSql: (sql) => this.#compileSql(sql),
      used: (statement) => this.#statements.use(statement),
      freed: (statement) => this.#statements.remove(statement),
    };
  }

  prepare(sql: string): WasmStatement {
    const cached = this.#statements.get(sql);
    if (cached !== undefined) {
      this.#usable();
      return cached;
    }
    return this.#statement(sql, 'exact', true);
  }

  compile(sql: string, mode: RowMode): WasmStatement {
    return this.#statement(sql, mode, false);
  }

  exec(sql: string): void {
    const db = this.#usable();
    checkSqlText(sql);
    this.#guarded(() => {
      const { module } = this.#engine;
      this.#engine.withText(sql, (address) => this.#engine.check(module._sqlite3_exec(db, address, 0, 0, 0), db));
    });
  }

  get inTransaction(): boolean {
    return this.#engine.module._sqlite3_get_autocommit(this.#usable()) === 0;
  }

  get changes(): number {
    return this.#engine.module._sqlite3_changes(this.#usable());
  }

  onRowChange(listener: (table: string) => void): () => void {
    const db = this.#usable();
    this.#stopListening ??= this.#engine.listenToRows(db, (table) => this.#tellRowListeners(table));
    const own = (table: string): void => listener(table);
    this.#rowListeners.add(own);
    return () => {
      this.#rowListeners.delete(own);
    };
  }

  setAuthorizer(callback: Authorizer | undefined): void {
    const db = this.#usable();
    this.#authorizer = callback;
    if (callback === undefined || this.#authorizerInstalled) return;
    this.#authorizerInstalled = true;
    this.#engine.module.setAuthorizer(db, (_data, action, a, b) => this.#authorize(action, a, b), undefined);
  }

  setProgressHandler(callback: (() => boolean) | undefined): void {
    const db = this.#usable();
    const { module } = this.#engine;
    if (callback === undefined) module.progressHandler(db, 0, undefined, undefined);
    else module.progressHandler(db, PROGRESS_STEPS, () => (this.#asked(callback, true) ? 1 : 0), undefined);
  }

  setDurability(durability: 'normal' | 'full'): void {
    this.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
  }

  copyTo(path: string): void {
    const { copyTo } = this.#parts;
    if (copyTo === undefined) throw noCopyOfMemory();
    if (this.inTransaction) throw new ReplicationError('SQL_ERROR', 'a transaction is open: end it before the copy');
    const [busy] = this.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? [];
    if (busy === 1) throw new ReplicationError('SQL_ERROR', 'a statement is being read: end it before the copy');
    copyTo(path);
  }

  whenDurable(): Promise<void> | undefined {
    return this.#parts.whenDurable?.();
  }

  close(): void {
    if (this.#db === 0) return;
    try {
      if (!this.#engine.failed) this.#closeDatabase();
    } catch (error) {
      throw this.#engine.errorFrom(error);
    } finally {
      this.#db = 0;
      this.#stopListening?.();
      this.#rowListeners.clear();
      this.#parts.release();
    }
  }

  #closeDatabase(): void {
    const { module } = this.#engine;
    const db = this.#db;
    this.setProgressHandler(undefined);
    module.setAuthorizer(db, undefined, undefined);
    this.#statements.clear();
    this.#unlessStorageFails(() => this.inTransaction && this.exec('ROLLBACK'));
    this.#unlessStorageFails(() => this.#parts.beforeClose?.(this));
    this.#statements.clear();
    this.#unlessStorageFails(() => this.exec('SELECT crsql_finalize()'));
    this.#engine.check(module._sqlite3_close(db), db);
  }

  /** A full or lost disk does not keep a database open: what was committed stands in its files. */
  #unlessStorageFails(step: () => unknown): void {
    try {
      step();
    } catch (error) {
      if (this.#engine.failed) throw error;
    }
  }

  #statement(sql: string, mode: RowMode, cached: boolean): WasmStatement {
    const statement = new WasmStatement(this.#host, sql, { mode, cached });
    this.#statements.use(statement);
    return statement;
  }

  #usable(): Pointer {
    if (this.#db === 0) throw new ReplicationError('CLOSED', `the database ${this.path} is closed: open it again`);
    if (this.#engine.failed) throw this.#engine.failure();
    return this.#db;
  }

  #compileSql(sql: string): Pointer {
    const db = this.#usable();
    checkSqlText(sql);
    return this.#guarded(() => {
      const { module } = this.#engine;
      const { out } = this.#engine;
      const rest = this.#engine.withText(sql, (address, bytes) => {
        this.#engine.check(module._sqlite3_prepare_v2(db, address, bytes + 1, out, out + 4), db);
        const tail = this.#engine.outPointer(1);
        return this.#engine.text(tail, address + bytes - tail);
      });
      const stmt = this.#engine.outPointer(0);
      if (stmt !== 0 && isBlankSql(rest)) return stmt;
      module._sqlite3_finalize(stmt);
      const message = stmt === 0 ? 'the SQL text holds no statement' : 'one statement at a time: use exec for several';
      throw new ReplicationError('SQL_ERROR', message);
    });
  }

  #guarded<T>(use: () => T): T {
    this.#engine.storageError = undefined;
    try {
      return use();
    } catch (error) {
      throw this.#engine.errorFrom(error);
    }
  }

  #authorize(action: number, a: string | null, b: string | null): number {
    const authorizer = this.#authorizer;
    if (authorizer === undefined) return ALLOW;
    return this.#asked(() => authorizer(action, a, b), false) ? ALLOW : DENY;
  }

  /** Nothing may be thrown through the engine: the error is kept and thrown by the call that ran the callback. */
  #asked(callback: () => boolean, otherwise: boolean): boolean {
    try {
      return callback();
    } catch (error) {
      this.#engine.callbackError = error;
      return otherwise;
    }
  }

  /** A listener only takes notes; what it throws is dropped, since the change has happened. */
  #tellRowListeners(table: string): void {
    for (const listener of this.#rowListeners) {
      try {
        listener(table);
      } catch {
        continue;
      }
    }
  }
}

function noCopyOfMemory(): ReplicationError {
  return new ReplicationError('BAD_REQUEST', 'a database in memory has no file to copy: open it in a file');
}

function checkSqlText(sql: string): void {
  if (!sql.includes('\0') && !hasLoneSurrogate(sql)) return;
  throw new ReplicationError(
    'SQL_ERROR',
    'the SQL text holds a NUL or a lone surrogate: pass such values as parameters',
  );
}
