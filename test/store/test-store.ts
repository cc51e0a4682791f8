/** Real stores for tests: in memory unless a path is given, with tables made by plain SQL. */
import { randomBytes } from 'node:crypto';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Part } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { Real } from '../../src/core/sql-value.ts';
import { hexFromBytes } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import type { Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import type { InputResult, MergeInput } from '../../src/store/store-port.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';

export const driver: Driver = await createWasmDriver();

export const TABLES: readonly string[] = [
  `CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER NOT NULL DEFAULT 0, weight REAL, any)`,
  `CREATE TABLE tag (todo TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (todo, name))`,
  `CREATE TABLE num (id INTEGER PRIMARY KEY NOT NULL, v)`,
];

export interface TestStoreOptions extends Partial<Omit<StoreOptions, 'limits'>> {
  readonly limits?: Partial<Limits>;
  readonly tables?: readonly string[];
}

export function openTestStore(options: TestStoreOptions = {}): Store {
  const { tables = TABLES, limits, ...rest } = options;
  const store = openStore({
    driver,
    path: ':memory:',
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    ...rest,
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
  addTables(store, tables);
  return store;
}

/** Creates replicated tables that are not there yet. */
export function addTables(store: Store, tables: readonly string[]): void {
  for (const sql of tables) {
    store.connection.exec(sql.replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS'));
    const name = /CREATE TABLE (\w+)/.exec(sql)![1]!;
    store.connection.prepare(`SELECT crsql_as_crr('${name}')`).get();
  }
  store.tablesChanged();
}

/** Writes in one local transaction. */
export function write(store: Store, ...statements: readonly (string | readonly [string, ...SqlValue[]])[]): void {
  store.connection.exec('BEGIN');
  for (const statement of statements) {
    const [sql, ...params] = typeof statement === 'string' ? [statement] : statement;
    store.connection.prepare(sql).run(params);
  }
  store.connection.exec('COMMIT');
}

/** The own part of everything written since the last flush. */
export function flushPart(store: Store): Part {
  const part = store.flush()?.part;
  if (part === undefined) throw new Error('nothing was written');
  return part;
}

export function inputOf(...parts: readonly Part[]): MergeInput {
  return { parts, claims: new Map(parts.map(({ site, claims }) => [site, claims])) };
}

export function mergeParts(store: Store, ...parts: readonly Part[]): InputResult {
  store.flush();
  return store.merge([inputOf(...parts)]).inputs[0]!;
}

/** What a link does: windows of the sender's whole store from the receiver's cursor, claims with the last one. */
export function pull(to: Store, from: Store, changesMax = 1000): void {
  from.flush();
  to.flush();
  const held = to.cursorOf(from.identity.site);
  let at: StoreVersion = from.resume(held).base.at;
  for (;;) {
    const piece = from.readPiece(at, { without: [to.identity.site], changesMax });
    const cursor = { peer: from.identity.site, cursor: { nonce: from.identity.era, at: piece.to } };
    to.merge([{ parts: piece.parts, claims: piece.last ? from.coverage : new Map(), cursor }]);
    if (piece.last) return;
    at = piece.to;
  }
}

/** Every value of every table with its type: equal texts mean equal tables. */
export function contents(store: Store, tables: readonly string[] = ['todo', 'tag', 'num']): string {
  return tables
    .map((table) => {
      const rows = store.connection
        .prepare(`SELECT * FROM ${table}`)
        .all()
        .map((row) => row.map(show).join(' | '));
      return `${table}\n${rows.sort().join('\n')}`;
    })
    .join('\n');
}

export function show(value: SqlValue): string {
  if (value instanceof Real) return Object.is(value.value, -0) ? 'real -0' : `real ${value.value}`;
  if (value instanceof Uint8Array) return `x${hexFromBytes(value)}`;
  return typeof value === 'number' && !Number.isInteger(value) ? `real ${value}` : `${typeof value} ${String(value)}`;
}

export function siteOf(store: Store): SiteId {
  return store.identity.site;
}
