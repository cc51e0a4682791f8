/**
 * One user transaction: what its callback gets, and how it ends.
 *
 * Assumes that the caller holds the transaction lock and has suspended the replica, so that nothing of ours runs on
 * the connection between BEGIN and the end. Whatever happens - a throw, the time limit, a failed COMMIT, a statement
 * that rolled everything back - the connection is outside a transaction when run() settles.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Connection } from '../sqlite/database.ts';
import type { CallContext } from './call-context.ts';
import type { SqlParameter } from './sql-parameters.ts';
import type { Row, UserCall, UserStatements } from './user-statements.ts';

/** The handle inside `db.transaction(async (tx) => ...)`; usable until the callback settles. */
export interface Transaction {
  /** Runs one INSERT, UPDATE or DELETE. Errors  as db.exec; CLOSED after the end, TRANSACTION_TIMEOUT after the limit. */
  exec(sql: string, parameters?: readonly SqlParameter[]): Promise<{ changes: number }>;
  /** The rows of one query, with what this transaction wrote so far. Errors  as db.query. */
  query<T = Row>(sql: string, parameters?: readonly SqlParameter[]): Promise<T[]>;
}

export interface TransactionOptions {
  readonly connection: Connection;
  readonly statements: UserStatements;
  readonly runtime: Runtime;
  readonly context: CallContext;
  readonly transactionMsMax: number;
  readonly queryMsMax: number;
}

export class UserTransaction implements Transaction {
  readonly #options: TransactionOptions;
  readonly #writes = new Set<string>();
  /** Set at the end: what later calls of the handle are told. */
  #ended: ReplicationError | undefined;
  #committed = false;

  constructor(options: TransactionOptions) {
    this.#options = options;
  }

  /** Tables written so far. */
  get writes(): ReadonlySet<string> {
    return this.#writes;
  }

  get committed(): boolean {
    return this.#committed;
  }

  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** Runs the callback between BEGIN and COMMIT; any rejection means that nothing was kept. */
  async run<T>(work: (tx: Transaction) => T | Promise<T>): Promise<T> {
    const { connection, context } = this.#options;
    connection.exec('BEGIN');
    const limit = this.#limit();
    try {
      const result = await Promise.race([context.run(this, async () => work(this)), limit.passed]);
      if (this.#ended !== undefined) throw this.#ended;
      connection.exec('COMMIT');
      this.#committed = true;
      return result;
    } finally {
      limit.cancel();
      this.#end(new ReplicationError('CLOSED', 'this transaction has ended: await every tx call inside its callback'));
    }
  }

  async exec(sql: string, parameters?: readonly SqlParameter[]): Promise<{ changes: number }> {
    const { changes } = this.#run(() => this.#options.statements.exec(this.#call(sql, parameters)));
    return { changes };
  }

  async query<T = Row>(sql: string, parameters?: readonly SqlParameter[]): Promise<T[]> {
    return this.#run(() => this.#options.statements.query(this.#call(sql, parameters))).rows as T[];
  }

  #call(sql: string, parameters: readonly SqlParameter[] | undefined): UserCall {
    return { sql, parameters, queryMsMax: this.#options.queryMsMax };
  }

  #run<T extends { readonly writes: ReadonlySet<string> }>(work: () => T): T {
    if (this.#ended !== undefined) throw this.#ended;
    try {
      const result = work();
      for (const table of result.writes) this.#writes.add(table);
      return result;
    } catch (error) {
      // OR ROLLBACK, a time-out inside a write and a full disk end the whole transaction inside the engine.
      if (!this.#options.connection.inTransaction) this.#end(rolledBackError(error));
      throw error;
    }
  }

  #limit(): { readonly passed: Promise<never>; readonly cancel: () => void } {
    const { runtime, transactionMsMax } = this.#options;
    let cancel = (): void => undefined;
    const passed = new Promise<never>((_resolve, reject) => {
      cancel = runtime.setTimer(transactionMsMax, () => {
        const error = timeoutError(transactionMsMax);
        this.#end(error);
        reject(error);
      });
    });
    return { passed, cancel };
  }

  /** Rolls back what was not committed, once; a later call of the handle is told why. */
  #end(reason: ReplicationError): void {
    this.#ended ??= reason;
    if (this.#options.connection.inTransaction) this.#options.connection.exec('ROLLBACK');
  }
}

function timeoutError(transactionMsMax: number): ReplicationError {
  const message =
    `a transaction held the database for ${transactionMsMax} ms and was rolled back: ` +
    'do slow work before it, await only tx inside it (calling db there waits for itself), or raise limits.transactionMsMax';
  return new ReplicationError('TRANSACTION_TIMEOUT', message);
}

function rolledBackError(cause: unknown): ReplicationError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `a statement ended this transaction and rolled everything back: ${reason}`;
  return new ReplicationError('SQL_ERROR', message, {}, { cause });
}
