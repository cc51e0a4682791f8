/**
 * A prepared statement of the WebAssembly engine.
 *
 * It may be evicted (its compiled form freed) whenever it is not running; the next use compiles it again. So a
 * caller keeps statements as long as it likes while the connection bounds how many are compiled.
 */
import { ReplicationError } from '../../core/errors.ts';
import type { SqlValue } from '../../core/sql-value.ts';
import type { RowMode, Statement } from '../database.ts';
import { checkParameterCount } from '../parameter.ts';
import { countsChanges } from '../sql-text.ts';
import type { Pointer } from './engine-module.ts';
import type { Engine } from './engine.ts';
import { DONE, OK, ROW } from '../result-code.ts';
import { bindValue, readRow } from './value.ts';

/** What a statement needs of its connection. */
export interface StatementHost {
  readonly engine: Engine;
  /** The database's address; throws CLOSED or ENGINE_FAILED when it cannot be used. */
  usable(): Pointer;
  /** Compiles the text and answers the statement's address. */
  compileSql(sql: string): Pointer;
  /** Told on every use, so that the cache knows what is recent. */
  used(statement: WasmStatement): void;
  /** Told when a statement holds no compiled form any more. */
  freed(statement: WasmStatement): void;
}

export interface StatementOptions {
  readonly mode: RowMode;
  /** A cached statement outlives finalize(): others may hold it too. */
  readonly cached: boolean;
}

export class WasmStatement implements Statement {
  readonly sql: string;
  readonly cached: boolean;
  readonly #host: StatementHost;
  readonly #engine: Engine;
  readonly #mode: RowMode;
  readonly #countsChanges: boolean;
  #address: Pointer = 0;
  #running = false;
  #finalized = false;

  constructor(host: StatementHost, sql: string, options: StatementOptions) {
    this.#host = host;
    this.#engine = host.engine;
    this.sql = sql;
    this.cached = options.cached;
    this.#mode = options.mode;
    this.#address = host.compileSql(sql);
    this.#countsChanges = countsChanges(sql);
  }

  get running(): boolean {
    return this.#running;
  }

  get columnNames(): readonly string[] {
    const address = this.#compiled();
    const { module } = this.#engine;
    const names: string[] = [];
    const count = module._sqlite3_column_count(address);
    for (let i = 0; i < count; i++) names.push(this.#engine.cString(module._sqlite3_column_name(address, i)));
    return names;
  }

  run(params: readonly SqlValue[] = []): number {
    const address = this.#start(params);
    try {
      while (this.#step(address));
      return this.#countsChanges ? this.#engine.module._sqlite3_changes(this.#host.usable()) : 0;
    } finally {
      this.#stop(address);
    }
  }

  all(params: readonly SqlValue[] = []): SqlValue[][] {
    const address = this.#start(params);
    try {
      const rows: SqlValue[][] = [];
      while (this.#step(address)) rows.push(this.#row(address));
      return rows;
    } finally {
      this.#stop(address);
    }
  }

  get(params: readonly SqlValue[] = []): SqlValue[] | undefined {
    const address = this.#start(params);
    try {
      return this.#step(address) ? this.#row(address) : undefined;
    } finally {
      this.#stop(address);
    }
  }

  *iterate(params: readonly SqlValue[] = []): IterableIterator<SqlValue[]> {
    const address = this.#start(params);
    try {
      while (this.#step(address)) {
        yield this.#row(address);
        this.#host.usable();
        if (address !== this.#address) throw closedStatement();
      }
    } finally {
      this.#stop(address);
    }
  }

  finalize(): void {
    if (!this.cached) this.#finalized = true;
    this.free();
  }

  /** Frees the compiled form. */
  free(): void {
    const address = this.#address;
    if (address === 0) return;
    this.#address = 0;
    this.#running = false;
    if (!this.#engine.failed) this.#engine.module._sqlite3_finalize(address);
    this.#host.freed(this);
  }

  #compiled(): Pointer {
    this.#host.usable();
    if (this.#finalized) throw closedStatement();
    if (this.#address === 0) this.#address = this.#host.compileSql(this.sql);
    return this.#address;
  }

  #start(params: readonly SqlValue[]): Pointer {
    const address = this.#compiled();
    if (this.#running) {
      throw new ReplicationError(
        'SQL_ERROR',
        'this statement is being iterated: leave that loop first, or compile a second one',
      );
    }
    checkParameterCount(this.#engine.module._sqlite3_bind_parameter_count(address), params.length);
    this.#running = true;
    try {
      this.#bind(address, params);
    } catch (error) {
      const coded = this.#engine.errorFrom(error);
      this.#stop(address);
      throw coded;
    }
    this.#host.used(this);
    return address;
  }

  #bind(address: Pointer, params: readonly SqlValue[]): void {
    for (let i = 0; i < params.length; i++) {
      const resultCode = bindValue(this.#engine, address, i, params[i] as SqlValue);
      if (resultCode !== OK) throw this.#engine.errorOf(resultCode, this.#host.usable());
    }
  }

  #step(address: Pointer): boolean {
    let resultCode: number;
    this.#engine.storageError = undefined;
    try {
      resultCode = this.#engine.module._sqlite3_step(address);
    } catch (error) {
      throw this.#engine.errorFrom(error);
    }
    if (resultCode === ROW) return true;
    if (resultCode === DONE) return false;
    throw this.#engine.errorOf(resultCode, this.#host.usable());
  }

  #row(address: Pointer): SqlValue[] {
    try {
      return readRow(this.#engine, address, this.#mode, this.#engine.module._sqlite3_column_count(address));
    } catch (error) {
      throw this.#engine.errorFrom(error);
    }
  }

  #stop(address: Pointer): void {
    if (address !== this.#address) return;
    this.#running = false;
    if (this.#engine.failed) return;
    this.#engine.module._sqlite3_reset(address);
    this.#engine.module._sqlite3_clear_bindings(address);
  }
}

function closedStatement(): ReplicationError {
  return new ReplicationError('CLOSED', 'the statement is finalized: compile it again');
}
