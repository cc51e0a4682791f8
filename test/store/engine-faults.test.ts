/**
 * Faults of the engine that we know of, shown by the engine alone, each beside the guard that keeps us from it.
 *
 * A test that fails here after a change of the engine is good news: its guard may go. Faults of opening, paths,
 * temporary data, locks and traps: test/sqlite/wasm/engine-guards.test.ts; the version counter: own-writes.test.ts.
 */
import { expect, test } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { Part } from '../../src/core/part.ts';
import { parseSchema } from '../../src/core/schema-parser.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { bytesFromHex } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { INT64_MAX } from '../../src/core/sql-value.ts';
import { STORE_VERSION_ZERO } from '../../src/core/version.ts';
import type { Connection } from '../../src/sqlite/database.ts';
import { driver, flushPart, mergeParts, openTestStore, write } from './test-store.ts';

const STRANGER = '99'.repeat(16) as SiteId;
const T = `CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a, b)`;
const CHANGE: Change = { table: 't', pk: encodePackedKey(['x']), cid: 'a', val: 1, colVersion: 1, cl: 1, seq: 0 };

/** A database of the engine with these tables as it makes them, and nothing of ours. */
function engineWith(...tables: readonly string[]): Connection {
  const db = driver.open(':memory:');
  for (const sql of tables) {
    db.exec(sql);
    db.exec(`SELECT crsql_as_crr('${/CREATE TABLE (\w+)/.exec(sql)![1]!}')`);
  }
  return db;
}

function mergeRow(db: Connection, ...row: readonly SqlValue[]): void {
  db.prepare(
    'INSERT INTO crsql_changes ("table", pk, cid, val, col_version, site_id, cl, seq, db_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  ).run(row);
}

/** A change of a stranger, as the engine takes it. */
function mergeChange(db: Connection, fields: Partial<Change> = {}, site: SqlValue = bytesFromHex(STRANGER)): void {
  const { table, pk, cid, val, colVersion, cl, seq } = { ...CHANGE, ...fields };
  mergeRow(db, table, pk, cid, val, colVersion, site, cl, seq, 0);
}

/** Everything that `from` wrote itself, in one transaction. */
function pass(from: Connection, to: Connection): void {
  const rows = all(
    from,
    'SELECT "table", pk, cid, val, col_version, site_id, cl, seq, 0 FROM crsql_changes WHERE site_id = crsql_site_id()',
  );
  to.exec('BEGIN');
  for (const row of rows) mergeRow(to, ...row);
  to.exec('COMMIT');
}

const all = (db: Connection, sql: string): readonly (readonly SqlValue[])[] => db.prepare(sql).all();

function partOf(fields: Partial<Change>): Part {
  return { site: STRANGER, span: [0, 1], claims: [[0, 1]], rows: [{ ...CHANGE, ...fields }] };
}

const refusedBySchema = (text: string): boolean => parseSchema(text, DEFAULT_LIMITS).refused.length > 0;

test('a merge takes over whatever version it is passed, up to one that ends all numbering: we pass 0', () => {
  const db = engineWith(T);
  mergeRow(db, 't', CHANGE.pk, 'a', 1, 1, bytesFromHex(STRANGER), 1, 0, INT64_MAX);
  commit(db, `INSERT INTO t VALUES ('own', 1, 2)`);
  expect(all(db, 'SELECT min(db_version) FROM crsql_changes')).toEqual([[-1]]);
  const store = openTestStore({ tables: [T] });
  mergeParts(store, partOf({}));
  expect(store.storedMax).toBe(1);
});

test('changes come ascending though descending ones are asked for: we read pieces of the clock tables', () => {
  const db = engineWith(T);
  const store = openTestStore({ tables: [T] });
  for (const id of 'abc') {
    commit(db, `INSERT INTO t (id) VALUES ('${id}')`);
    write(store, `INSERT INTO t (id) VALUES ('${id}')`);
  }
  const versions = all(db, 'SELECT DISTINCT db_version FROM crsql_changes ORDER BY db_version DESC, seq');
  expect(versions.flat()).toEqual([1, 2, 3]);
  expect(() => all(db, 'SELECT 1 FROM crsql_changes ORDER BY val')).toThrow('SQL logic error');
  store.flush();
  const first = store.readPiece(STORE_VERSION_ZERO, { without: [], changesMax: 1 });
  expect([first.to, first.parts.map(({ rows }) => rows.length)]).toEqual([1, [2]]);
});

test('the table after 499 breaks every write: a schema has tablesMax of them', () => {
  const db = engineWith();
  db.exec('BEGIN');
  for (let i = 0; i < 500; i++) db.exec(`CREATE TABLE t${i} (id PRIMARY KEY NOT NULL); SELECT crsql_as_crr('t${i}')`);
  db.exec('COMMIT');
  expect(() => db.exec('INSERT INTO t1 VALUES (1)')).toThrow('failed to recreate db version');
  expect(DEFAULT_LIMITS.tablesMax).toBeLessThan(500);
});

test('a table of 64 columns cannot replicate: a schema has columnsMax of them', () => {
  const table = `CREATE TABLE t (id PRIMARY KEY NOT NULL, ${Array.from({ length: 63 }, (_, i) => `c${i}`).join(', ')})`;
  expect(() => engineWith(table)).toThrow('SQL logic error');
  expect(refusedBySchema(table)).toBe(true);
});

test('an unknown table aborts a merge: we park its changes', () => {
  expect(() => mergeChange(engineWith(T), { table: 'later' })).toThrow('could not find the schema');
  expect(mergeParts(openTestStore({ tables: [T] }), partOf({ table: 'later' })).outcome).toBe('parked');
});

test.each<[string, Partial<Change>, string]>([
  ['column version', { colVersion: INT64_MAX as never }, 'UPDATE t SET a = 2'],
  ['causal length', { cl: INT64_MAX as never }, 'DELETE FROM t'],
])('a row with the highest %s can never be written again: we bound it', (_, fields, sql) => {
  const db = engineWith(T);
  mergeChange(db, fields);
  expect(() => db.exec(sql)).toThrow('unable to reset cached trigger');
  const bounded = Object.fromEntries(Object.keys(fields).map((name) => [name, Number.MAX_SAFE_INTEGER]));
  expect(mergeParts(openTestStore({ tables: [T] }), partOf(bounded)).outcome).toBe('invalid');
});

test('a causal length below one leaves a key of no row, and a site id that is none is stored: we refuse both', () => {
  const db = engineWith(T);
  mergeChange(db, { cl: 0 });
  expect([all(db, 'SELECT 1 FROM t'), all(db, 'SELECT 1 FROM t__crsql_pks')]).toEqual([[], [[1]]]);
  mergeChange(db, {}, null);
  expect(all(db, 'SELECT site_id = crsql_site_id() FROM crsql_changes')).toEqual([[1]]);
  mergeChange(db, { pk: encodePackedKey(['y']) }, new Uint8Array(3));
  expect(all(db, 'SELECT DISTINCT length(site_id) FROM crsql_changes')).toEqual([[16], [3]]);
  expect(mergeParts(openTestStore({ tables: [T] }), partOf({ cl: 0 })).outcome).toBe('invalid');
  // Site ids are 16 bytes by their type: test/core/values.test.ts, test/wire/codec.property.test.ts.
});

test('keys that compare without case never become one: a schema with such a key is refused', () => {
  const table = `CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, a)`;
  const [x, y] = [engineWith(table), engineWith(table)];
  x.exec(`INSERT INTO t VALUES ('A', 1)`);
  y.exec(`INSERT INTO t VALUES ('a', 1)`);
  pass(x, y);
  pass(y, x);
  expect([all(x, 'SELECT id FROM t'), all(y, 'SELECT id FROM t')]).toEqual([[['A']], [['a']]]);
  expect(refusedBySchema(table)).toBe(true);
});

test('an integer as the key of a TEXT column makes a second key of the same row: it is invalid', () => {
  const db = engineWith(T);
  db.exec(`INSERT INTO t (id) VALUES ('5')`);
  mergeChange(db, { pk: encodePackedKey([5]), colVersion: 9 });
  expect(all(db, 'SELECT count(*) FROM t')).toEqual([[1]]);
  expect(all(db, 'SELECT count(*) FROM t__crsql_pks')).toEqual([[2]]);
  const store = openTestStore({ tables: [T] });
  expect(mergeParts(store, partOf({ pk: encodePackedKey([5]) })).outcome).toBe('invalid');
});

test('a check over two columns stops a merge of two good writes: we merge without checks', () => {
  const table = `CREATE TABLE t (id PRIMARY KEY NOT NULL, a DEFAULT 0, b DEFAULT 0, CHECK (a + b < 10))`;
  const [x, y] = [engineWith(table), engineWith(table)];
  x.exec('INSERT INTO t VALUES (1, 1, 1)');
  pass(x, y);
  x.exec('UPDATE t SET a = 8');
  y.exec('UPDATE t SET b = 8');
  expect(() => pass(x, y)).toThrow('constraint failed');
  // With our merge both end equal: merge.test.ts, 'a check over columns never stops a merge'.
});

test('a computed default differs on each replica for a row of a peer without that column: it is refused', () => {
  const old = engineWith(`CREATE TABLE t (id PRIMARY KEY NOT NULL, a)`);
  const table = `CREATE TABLE t (id PRIMARY KEY NOT NULL, a, c DEFAULT (random()))`;
  const [x, y] = [engineWith(table), engineWith(table)];
  old.exec('INSERT INTO t VALUES (1, 1)');
  pass(old, x);
  pass(old, y);
  expect(all(x, 'SELECT c FROM t')).not.toEqual(all(y, 'SELECT c FROM t'));
  expect(refusedBySchema(table)).toBe(true);
});

test('a raw ALTER TABLE makes every later UPDATE fail, a raw DROP TABLE breaks reading: exec refuses DDL', () => {
  const db = engineWith(T, `CREATE TABLE u (id PRIMARY KEY NOT NULL)`);
  db.exec(`INSERT INTO t VALUES ('x', 1, 1); ALTER TABLE t ADD COLUMN c`);
  expect(() => db.exec('UPDATE t SET a = 2')).toThrow('expected 9 values');
  db.exec('DROP TABLE u');
  expect(() => all(db, 'SELECT * FROM crsql_changes')).toThrow('query aborted');
  // The guard: test/replica/statement-guard.test.ts.
});

test('a schema change that is rolled back leaves the connection unable to read: the schema asks to open again', () => {
  const db = engineWith(T);
  db.exec(`INSERT INTO t (id) VALUES ('x'); BEGIN; CREATE TABLE u (id PRIMARY KEY NOT NULL)`);
  db.exec(`SELECT crsql_as_crr('u'); INSERT INTO u VALUES (1); ROLLBACK`);
  expect(() => all(db, 'SELECT * FROM crsql_changes')).toThrow('SQL logic error');
  // The guard: schema.test.ts, 'a statement that SQLite refuses leaves nothing behind ...'.
});

test('a table that cannot replicate rolls back the whole transaction around it: DDL is alone in its own', () => {
  const db = driver.open(':memory:');
  db.exec('CREATE TABLE k (a); BEGIN; INSERT INTO k VALUES (1); CREATE TABLE u (id PRIMARY KEY)');
  expect(() => db.exec(`SELECT crsql_as_crr('u')`)).toThrow('primary key is nullable');
  expect([db.inTransaction, all(db, 'SELECT * FROM k')]).toEqual([false, []]);
  // The same key is given NOT NULL by us.
  expect(refusedBySchema('CREATE TABLE u (id PRIMARY KEY)')).toBe(false);
});

test('triggers of an app see half of a row while it is merged: a schema with one is refused', () => {
  const db = engineWith(T);
  const body = `BEGIN INSERT INTO seen VALUES (NEW.a, NEW.b); END`;
  db.exec(`CREATE TABLE seen (a, b); CREATE TRIGGER g AFTER INSERT ON t ${body}`);
  const other = engineWith(T);
  other.exec(`INSERT INTO t VALUES ('x', 1, 2)`);
  pass(other, db);
  expect(all(db, 'SELECT * FROM seen')).toEqual([[1, null]]);
  expect(refusedBySchema(`${T}; CREATE TRIGGER g AFTER INSERT ON t ${body}`)).toBe(true);
});

test('a merge through the engine ends the mode in which nothing is tracked: we set it again', () => {
  const db = engineWith(T);
  db.exec('BEGIN; SELECT crsql_internal_sync_bit(1)');
  mergeChange(db);
  expect(all(db, 'SELECT crsql_internal_sync_bit()')).toEqual([[0]]);
  // The guard: merge-fast.test.ts, 'a local write after whole rows and losing cells is tracked'.
});

test('a changed primary key loses every other column where the row is known: it is refused, or repaired', () => {
  const [x, y] = [engineWith(T), engineWith(T)];
  x.exec(`INSERT INTO t VALUES ('x', 1, 2)`);
  pass(x, y);
  x.exec(`UPDATE t SET id = 'm'`);
  const moved = all(
    x,
    'SELECT "table", pk, cid, val, col_version, site_id, cl, seq, 0 FROM crsql_changes WHERE db_version > 1',
  );
  for (const row of moved) mergeRow(y, ...row);
  expect([all(x, 'SELECT * FROM t'), all(y, 'SELECT * FROM t')]).toEqual([[['m', 1, 2]], [['m', null, null]]]);
  // As a file that another tool wrote, through our stores: the flush repairs what the guard did not see.
  const [a, b] = [openTestStore({ tables: [T] }), openTestStore({ tables: [T] })];
  write(a, `INSERT INTO t VALUES ('x', 1, 2)`);
  mergeParts(b, flushPart(a));
  write(a, `UPDATE t SET id = 'm'`);
  mergeParts(b, flushPart(a));
  expect(all(b.connection, 'SELECT * FROM t')).toEqual([['m', 1, 2]]);
});

test.each(['order', 'my table', 'a-b', `a"b`, `a'b`])('a table named %s cannot replicate: it is refused', (name) => {
  const db = driver.open(':memory:');
  const quoted = `"${name.replaceAll('"', '""')}"`;
  db.exec(`CREATE TABLE ${quoted} (id PRIMARY KEY NOT NULL, a)`);
  expect(() => db.exec(`SELECT crsql_as_crr('${name.replaceAll("'", "''")}')`)).toThrow('SQL logic error');
  expect(refusedBySchema(`CREATE TABLE ${quoted} (id PRIMARY KEY, a)`)).toBe(true);
});

test('a unique index that is added later makes merges lose values of rows they do not name: it is refused', () => {
  const table = `CREATE TABLE t (id PRIMARY KEY NOT NULL, u, v)`;
  const index = `CREATE UNIQUE INDEX i ON t (u)`;
  const [x, y] = [engineWith(table), engineWith(table)];
  for (const db of [x, y]) db.exec(index);
  x.exec(`INSERT INTO t VALUES (1, 'same', 'x')`);
  y.exec(`INSERT INTO t VALUES (2, 'same', 'y')`);
  pass(x, y);
  pass(y, x);
  const rows = [x, y].map((db) => all(db, 'SELECT u FROM t ORDER BY id'));
  expect(rows).toEqual([
    [['same'], [null]],
    [[null], ['same']],
  ]);
  expect(refusedBySchema(`${table}; ${index}`)).toBe(true);
});

test('the migration of the engine stops it: nothing of ours calls it', () => {
  const db = engineWith(T);
  expect(() => db.exec(`SELECT crsql_automigrate('CREATE TABLE t (id)', '')`)).toThrow('the database engine stopped');
});

function commit(db: Connection, sql: string): void {
  db.exec(`BEGIN; ${sql}; COMMIT`);
}
