/**
 * The database port: one synchronous SQLite connection with cr-sqlite loaded, whatever engine is behind it.
 *
 * A driver (wasm/, native/) implements it and must pass test/contract/database.contract.ts. The port promises
 * exact values (core/sql-value), statement-level errors as ReplicationError, and one owner a file.
 *
 * Errors  SQL_ERROR {sqliteCode} with SQLite's message; VALUE_UNSUPPORTED, QUERY_TIMEOUT; STORAGE_FULL, STORAGE_FAILED,
 *         DATABASE_CORRUPT for the file; FILE_EXISTS for a copy; FILE_LOCKED {pid, note}, NO_DATABASE, NATIVE_ABSENT at
 *         open; CLOSED after close; ENGINE_FAILED when the engine stopped inside a call: close, then open again.
 */
import type { SqlValue } from '../core/sql-value.ts';

/** 'exact' gives Real for integral REALs (replication); 'plain' gives numbers (user queries). */
export type RowMode = 'exact' | 'plain';

export interface Statement {
  readonly sql: string;
  readonly columnNames: readonly string[];
  /** Runs to the end and returns the number of table rows changed by this statement. */
  run(params?: readonly SqlValue[]): number;
  /** All rows as arrays. */
  all(params?: readonly SqlValue[]): SqlValue[][];
  /** The first row, or undefined; the statement is reset either way. */
  get(params?: readonly SqlValue[]): SqlValue[] | undefined;
  /** Rows one by one; leaving the loop resets the statement. */
  iterate(params?: readonly SqlValue[]): IterableIterator<SqlValue[]>;
  finalize(): void;
}

export interface Connection {
  /** Logical file name given at open; ':memory:' for none. */
  readonly path: string;
  readonly engine: 'wasm' | 'native';
  /** A cached statement (exact rows); the cache is bounded and finalizes the least recently used. */
  prepare(sql: string): Statement;
  /** Compiles an uncached statement the caller finalizes; plain rows for user queries. */
  compile(sql: string, mode: RowMode): Statement;
  /** Runs one or more statements without parameters. */
  exec(sql: string): void;
  /** True inside BEGIN..COMMIT: tells commits apart where the engine has no commit hook. */
  readonly inTransaction: boolean;
  /** Table rows changed by the last INSERT, UPDATE or DELETE. */
  readonly changes: number;
  /**
   * Called for every row change of a rowid table, also while a transaction may still be rolled back. The listener
   * only takes notes: it uses no connection, and what it throws is dropped.
   */
  onRowChange(listener: (table: string) => void): () => void;
  /**
   * While one user statement is compiled: denies what the callback refuses; undefined switches it off. The native
   * engine knows tables and kinds of statement, not columns.
   */
  setAuthorizer(callback: ((action: number, a: string | null, b: string | null) => boolean) | undefined): void;
  /** Aborts a statement (QUERY_TIMEOUT) when the callback returns true; asked every few thousand steps, or between rows (native). */
  setProgressHandler(callback: (() => boolean) | undefined): void;
  /**
   * 'full' makes following commits survive power loss, 'normal' only a crash of the process. Outside transactions.
   * A full commit that writes something covers every commit before it; one that writes nothing syncs nothing.
   */
  setDurability(durability: 'normal' | 'full'): void;
  /**
   * What to wait for where a commit is safe only later (an image in memory that is saved after it): resolves when
   * every commit before the call is as safe as its durability says; undefined when it is. Works after close() too.
   * Errors  STORAGE_FULL, STORAGE_FAILED: nothing may be acknowledged; the next call tries again.
   */
  whenDurable?(): Promise<void> | undefined;
  /**
   * Copies the database into a new file `path` of the same storage, as of now and in one step: a plain file that any
   * SQLite opens. Outside transactions. Costs a read and a write of the whole file.
   * Errors  FILE_EXISTS; BAD_REQUEST for a database in memory; STORAGE_FULL, STORAGE_FAILED, and then there is no file.
   */
  copyTo(path: string): void;
  /** Finalizes everything, crsql_finalize(), closes, releases the file lock. Idempotent. */
  close(): void;
}

export interface OpenOptions {
  readonly durability?: 'normal' | 'full';
  /** What the lock file says to other processes, e.g. the control socket path. */
  readonly lockNote?: string;
  /** Refuse to create a file that is not there (NO_DATABASE). */
  readonly mustExist?: boolean;
}

/** Opens a database file, or ':memory:'. One instance of the engine may serve many databases. */
export interface Driver {
  readonly engine: 'wasm' | 'native';
  open(path: string, options?: OpenOptions): Connection;
  exists(path: string): boolean;
}
