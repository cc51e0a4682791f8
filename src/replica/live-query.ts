/**
 * Live queries: a query that runs again after a commit that touched one of its tables and calls back when its
 * result is another one.
 *
 * Assumes that the owner reports every commit, own and merged, with the tables it touched. Runs are coalesced: many
 * commits while one run waits make one run. Callbacks come from a deferred drain, never inside a call of the owner.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { sqlValuesEqual } from '../core/sql-value.ts';
import { isInternalTable } from './statement-guard.ts';
import type { Row } from './user-statements.ts';

export interface WatchOptions {
  /** Hears errors of the query and of the callback; the query stays watched. Without it they go to the log. */
  readonly onError?: (error: unknown) => void;
}

/** One run of a watched query. */
export interface WatchedResult {
  readonly rows: Row[];
  /** Tables and views that the query reads. */
  readonly reads: ReadonlySet<string>;
}

export interface LiveQueriesOptions {
  readonly defer: Runtime['defer'];
  readonly watchesMax: number;
  /** Errors that no onError hears. */
  readonly onError: (error: unknown) => void;
}

/** The tables a commit touched; 'all' when they are not known. */
export type TouchedTables = ReadonlySet<string> | 'all';

interface Watch {
  readonly read: () => Promise<WatchedResult>;
  readonly callback: (rows: Row[]) => void;
  readonly onError: (error: unknown) => void;
  reads: ReadonlySet<string> | undefined;
  last: Row[] | undefined;
  dirty: boolean;
}

export class LiveQueries {
  readonly #options: LiveQueriesOptions;
  readonly #watches = new Set<Watch>();
  #draining = false;

  constructor(options: LiveQueriesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#watches.size;
  }

  /**
   * Calls back with the first result soon, then whenever a commit changed it; the returned function ends it.
   *
   * Errors  LIMIT_EXCEEDED when too many queries are watched; all others go to onError.
   */
  watch(read: () => Promise<WatchedResult>, callback: (rows: Row[]) => void, options: WatchOptions = {}): () => void {
    if (this.#watches.size >= this.#options.watchesMax) {
      const message = `${this.#options.watchesMax} queries are watched already: stop some, or raise limits.watchesMax`;
      throw new ReplicationError('LIMIT_EXCEEDED', message);
    }
    const onError = options.onError ?? this.#options.onError;
    const watch: Watch = { read, callback, onError, reads: undefined, last: undefined, dirty: true };
    this.#watches.add(watch);
    this.#schedule();
    return () => void this.#watches.delete(watch);
  }

  /** A commit touched these tables. */
  touch(tables: TouchedTables): void {
    let some = false;
    for (const watch of this.#watches) {
      if (!isTouched(watch, tables)) continue;
      watch.dirty = true;
      some = true;
    }
    if (some) this.#schedule();
  }

  close(): void {
    this.#watches.clear();
  }

  #schedule(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#options.defer(() => void this.#drain());
  }

  /** Until nothing is dirty; a watch that became dirty while it ran has its turn after the others. */
  async #drain(): Promise<void> {
    for (let some = true; some;) {
      some = false;
      for (const watch of this.#watches) {
        if (!watch.dirty) continue;
        some = true;
        watch.dirty = false;
        await this.#refresh(watch);
      }
    }
    this.#draining = false;
  }

  async #refresh(watch: Watch): Promise<void> {
    try {
      const { rows, reads } = await watch.read();
      watch.reads = reads;
      if (!this.#watches.has(watch) || (watch.last !== undefined && rowsEqual(watch.last, rows))) return;
      watch.last = rows;
      watch.callback(rows);
    } catch (error) {
      if (this.#watches.has(watch)) this.#report(watch, error);
    }
  }

  #report(watch: Watch, error: unknown): void {
    try {
      watch.onError(error);
    } catch (second) {
      this.#options.onError(second);
    }
  }
}

/** A query over the replication's own tables may change with every commit. */
function isTouched({ reads }: Watch, tables: TouchedTables): boolean {
  if (reads === undefined || tables === 'all') return true;
  for (const table of reads) if (tables.has(table) || isInternalTable(table)) return true;
  return false;
}

function rowsEqual(a: readonly Row[], b: readonly Row[]): boolean {
  return a.length === b.length && a.every((row, i) => rowEqual(row, b[i]!));
}

function rowEqual(a: Row, b: Row): boolean {
  const names = Object.keys(a);
  return names.every((name) => valuesEqual(a[name], b[name])) && Object.keys(b).length === names.length;
}

function valuesEqual(a: SqlValue | undefined, b: SqlValue | undefined): boolean {
  return a !== undefined && b !== undefined && sqlValuesEqual(a, b);
}
