/**
 * Runs the user's statements on the connection: guarded, with checked parameters, a time limit and a bounded cache.
 *
 * Assumes that the caller holds the transaction lock. The connection may be replaced (after a failed schema change
 * the store opens a new one): statements of the old one are forgotten, their connection finalized them.
 */
import { ReplicationError } from '../core/errors.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { steadyClock } from '../core/steady-clock.ts';
import type { Connection } from '../sqlite/database.ts';
import type { SqlParameter } from './sql-parameters.ts';
import { sqlValuesFromParameters } from './sql-parameters.ts';
import type { GuardedStatement } from './statement-guard.ts';
import { compileGuarded } from './statement-guard.ts';

/** A value of a result: REAL as a plain number, INTEGER beyond 2^53 as bigint, BLOB as Uint8Array. */
export type RowValue = null | number | bigint | string | Uint8Array;
/** Column name -> value; of two columns of one name the last stays: name them apart with AS. */
export type Row = Record<string, RowValue>;

export interface UserStatementsOptions {
  readonly connection: () => Connection;
  readonly now: () => number;
  readonly statementsMax: number;
}

/** How long one statement may run, and what it runs with. */
export interface UserCall {
  readonly sql: string;
  readonly parameters: readonly SqlParameter[] | undefined;
  readonly queryMsMax: number;
}

export interface UserResult {
  readonly rows: Row[];
  readonly changes: number;
  readonly reads: ReadonlySet<string>;
  readonly writes: ReadonlySet<string>;
}

export class UserStatements {
  readonly #options: UserStatementsOptions;
  #connection: Connection | undefined;
  /** sql -> statement, the least recently used first. */
  #cache = new Map<string, GuardedStatement>();

  constructor(options: UserStatementsOptions) {
    this.#options = options;
  }

  /** Runs to the end without rows. */
  exec(call: UserCall): UserResult {
    return this.#run(call, (guarded, values) => ({ rows: [], changes: guarded.statement.run(values) }));
  }

  query(call: UserCall): UserResult {
    return this.#run(call, ({ statement }, values) => {
      const rows = rowObjects(statement.columnNames, statement.all(values));
      return { rows, changes: 0 };
    });
  }

  /**
   * Rows of a statement that only reads: what runs again by itself must not cause its own next run.
   *
   * Errors  SQL_ERROR for one that writes; nothing was written then.
   */
  watched(call: UserCall): UserResult {
    return this.#run(call, ({ statement, writes }, values) => {
      if (writes.size > 0) throw new ReplicationError('SQL_ERROR', 'a watched query only reads: write with exec');
      return { rows: rowObjects(statement.columnNames, statement.all(values)), changes: 0 };
    });
  }

  /** Finalizes all statements: before schema changes and before the connection closes. */
  forget(): void {
    const alive = this.#connection === this.#options.connection();
    if (alive) for (const { statement } of this.#cache.values()) statement.finalize();
    this.#cache = new Map();
  }

  #run(
    call: UserCall,
    work: (guarded: GuardedStatement, values: SqlValue[]) => { readonly rows: Row[]; readonly changes: number },
  ): UserResult {
    const values = sqlValuesFromParameters(call.parameters);
    const connection = this.#current();
    const guarded = this.#compiled(connection, call.sql);
    const { reads, writes } = guarded;
    return { ...this.#withinTime(connection, call.queryMsMax, () => work(guarded, values)), reads, writes };
  }

  #current(): Connection {
    const connection = this.#options.connection();
    if (connection !== this.#connection) this.#cache = new Map();
    this.#connection = connection;
    return connection;
  }

  #compiled(connection: Connection, sql: string): GuardedStatement {
    const known = this.#cache.get(sql);
    if (known !== undefined) this.#cache.delete(sql);
    const guarded = known ?? compileGuarded(connection, sql);
    this.#cache.set(sql, guarded);
    if (this.#cache.size > this.#options.statementsMax) {
      const [oldest, { statement }] = this.#cache.entries().next().value!;
      statement.finalize();
      this.#cache.delete(oldest);
    }
    return guarded;
  }

  #withinTime<T>(connection: Connection, queryMsMax: number, work: () => T): T {
    if (queryMsMax === Infinity) return work();
    const now = steadyClock(this.#options.now);
    const end = now() + queryMsMax;
    connection.setProgressHandler(() => now() > end);
    try {
      return work();
    } finally {
      connection.setProgressHandler(undefined);
    }
  }
}

function rowObjects(names: readonly string[], rows: readonly SqlValue[][]): Row[] {
  return rows.map((values) => {
    const row: Row = {};
    for (let i = 0; i < names.length; i++) row[names[i]!] = values[i] as RowValue;
    return row;
  });
}
