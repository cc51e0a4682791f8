/** A prepared statement of the native engine; the library frees it when nobody holds it any more. */
import { ReplicationError } from '../../core/errors.ts';
import type { SqlValue } from '../../core/sql-value.ts';
import type { RowMode, Statement } from '../database.ts';
import { countsChanges } from '../sql-text.ts';
import type { NativeStatement, NativeValue } from './better-sqlite.ts';
import { coded } from './native-error.ts';
import { nativeFromValue, rowFromNative } from './native-value.ts';

/** What a statement needs of its connection. */
export interface NativeStatementHost {
  /** Throws CLOSED when the connection is closed. */
  usable(): void;
  compileSql(sql: string): NativeStatement;
  /** Runs before a statement that may write. */
  beforeWrite(): void;
  /** Throws QUERY_TIMEOUT when the progress handler says that it is enough. */
  askProgress(): void;
  changes(): number;
  /** Every iteration under way: the library closes no database that has one. */
  readonly iterations: Set<IterableIterator<NativeValue[]>>;
}

export interface NativeStatementOptions {
  readonly mode: RowMode;
  /** A cached statement outlives finalize(): others may hold it too. */
  readonly cached: boolean;
}

/** Rows between two questions to the progress handler. */
const PROGRESS_ROWS = 200;

export class NativeSqlStatement implements Statement {
  readonly sql: string;
  readonly #host: NativeStatementHost;
  readonly #options: NativeStatementOptions;
  readonly #countsChanges: boolean;
  #native: NativeStatement | undefined;
  #running = false;

  constructor(host: NativeStatementHost, sql: string, options: NativeStatementOptions) {
    this.sql = sql;
    this.#host = host;
    this.#options = options;
    this.#native = host.compileSql(sql);
    this.#countsChanges = countsChanges(sql);
  }

  get columnNames(): readonly string[] {
    const native = this.#usable();
    return native.reader ? coded(() => native.columns().map(({ name }) => name)) : [];
  }

  run(params: readonly SqlValue[] = []): number {
    for (const _ of this.iterate(params));
    return this.#countsChanges ? this.#host.changes() : 0;
  }

  all(params: readonly SqlValue[] = []): SqlValue[][] {
    return [...this.iterate(params)];
  }

  get(params: readonly SqlValue[] = []): SqlValue[] | undefined {
    for (const row of this.iterate(params)) return row;
    return undefined;
  }

  *iterate(params: readonly SqlValue[] = []): IterableIterator<SqlValue[]> {
    const native = this.#usable();
    const values = params.map(nativeFromValue);
    if (this.#countsChanges) this.#host.beforeWrite();
    this.#host.askProgress();
    if (!native.reader) {
      coded(() => native.run(...values));
      return;
    }
    this.#running = true;
    try {
      yield* this.#rows(native, values);
    } finally {
      this.#running = false;
    }
  }

  *#rows(native: NativeStatement, values: NativeValue[]): IterableIterator<SqlValue[]> {
    const rows = coded(() => native.iterate(...values));
    this.#host.iterations.add(rows);
    try {
      for (let count = 1; ; count++) {
        const next = coded(() => rows.next());
        if (next.done === true) return;
        yield rowFromNative(next.value, this.#options.mode);
        this.#host.usable();
        if (count % PROGRESS_ROWS === 0) this.#host.askProgress();
      }
    } finally {
      this.#host.iterations.delete(rows);
      rows.return?.();
    }
  }

  finalize(): void {
    if (!this.#options.cached) this.#native = undefined;
  }

  #usable(): NativeStatement {
    this.#host.usable();
    if (this.#native === undefined) {
      throw new ReplicationError('CLOSED', 'the statement is finalized: compile it again');
    }
    if (this.#running) {
      const message = 'this statement is being iterated: leave that loop first, or compile a second one';
      throw new ReplicationError('SQL_ERROR', message);
    }
    return this.#native;
  }
}
