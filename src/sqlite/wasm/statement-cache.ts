/** The compiled statements of one connection: cached ones up to a bound, the others until they are finalized. */
import type { WasmStatement } from './statement.ts';

export class StatementCache {
  readonly #compiledMax: number;
  /** Every cached statement that has a compiled form, least recently used first. */
  readonly #cached = new Map<string, WasmStatement>();
  readonly #uncached = new Set<WasmStatement>();

  constructor(compiledMax: number) {
    this.#compiledMax = compiledMax;
  }

  get(sql: string): WasmStatement | undefined {
    return this.#cached.get(sql);
  }

  /** Marks a statement as the most recent one; frees the least recent that is not running when there are too many. */
  use(statement: WasmStatement): void {
    if (!statement.cached) {
      this.#uncached.add(statement);
      return;
    }
    this.#cached.delete(statement.sql);
    this.#cached.set(statement.sql, statement);
    if (this.#cached.size > this.#compiledMax) this.#evict();
  }

  #evict(): void {
    for (const statement of this.#cached.values()) {
      if (statement.running) continue;
      statement.free();
      return;
    }
  }

  remove(statement: WasmStatement): void {
    this.#uncached.delete(statement);
    if (this.#cached.get(statement.sql) === statement) this.#cached.delete(statement.sql);
  }

  /** Frees all; the engine closes no database that has statements. */
  clear(): void {
    for (const statement of [...this.#cached.values(), ...this.#uncached]) statement.finalize();
    this.#cached.clear();
    this.#uncached.clear();
  }
}
