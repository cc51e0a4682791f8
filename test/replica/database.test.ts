/** The public database on one replica. */
import { afterEach, describe, expect, test } from 'vitest';
import { real } from '../../src/core/sql-value.ts';
import { noCallContext } from '../../src/replica/call-context.ts';
import type { Transaction } from '../../src/replica/transaction.ts';
import type { Wired, WiredOptions } from './wired.ts';
import { until, wire } from './wired.ts';

const opened: Wired[] = [];

async function open(options?: WiredOptions): Promise<Wired> {
  const wired = await wire(options);
  opened.push(wired);
  return wired;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ db }) => db.close()));
});

const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';

describe('exec and query', () => {
  test('exec answers how many table rows changed, query gives them as objects', async () => {
    const { db } = await open();
    expect(await db.exec('INSERT INTO todo VALUES (?, ?, ?, ?)', ['a', 'milk', true, real(2)])).toEqual({ changes: 1 });
    expect(await db.query('SELECT * FROM todo')).toEqual([{ id: 'a', title: 'milk', done: 1, size: 2 }]);
    expect(await db.exec('UPDATE todo SET done = 0 WHERE id = ?', ['b'])).toEqual({ changes: 0 });
    expect(await db.query('INSERT INTO tag VALUES (?, ?) RETURNING name', ['a', 'x'])).toEqual([{ name: 'x' }]);
  });

  test('values keep their kind on the way through', async () => {
    const { db } = await open();
    const values = [null, -1, 2n ** 62n, 1.5, 'ä\0b', new Uint8Array([0, 255]), new Uint8Array()];
    const sql = `SELECT ${values.map((_, i) => `? AS v${i}`).join(', ')}, typeof(?) AS kind`;
    const [row] = await db.query(sql, [...values, real(5)]);
    expect(Object.values(row!)).toEqual([...values, 'real']);
  });

  test.each([
    ['CREATE TABLE x (a)', 'USE_SCHEMA', /db\.migrate/],
    ['BEGIN', 'SQL_ERROR', /db\.transaction/],
    ['PRAGMA journal_mode = DELETE', 'USE_SCHEMA', /durability/],
    ['DELETE FROM crmesh_have', 'SQL_ERROR', /read-only/],
    ['INSERT INTO nowhere VALUES (1)', 'SQL_ERROR', /nowhere/],
    ['INSERT INTO todo VALUES (?, 1, 1, 1)', 'SQL_ERROR', /parameters/],
  ])('%s is refused with %s and what to do', async (sql, code, message) => {
    const { db } = await open();
    for (const call of [db.exec(sql), db.query(sql), db.transaction((tx) => tx.exec(sql))]) {
      await expect(call).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    }
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('changing a primary key is refused with what to do instead; setting it to itself is not', async () => {
    const { db } = await open();
    await db.exec("INSERT INTO todo VALUES ('a', 'milk', 0, 1.5)");
    await expect(db.exec("UPDATE todo SET id = 'b'")).rejects.toMatchObject({
      code: 'SQL_ERROR',
      message: expect.stringMatching(/primary key/i),
    });
    await db.exec("UPDATE todo SET id = 'a', done = 1");
    expect(await db.query('SELECT id, done FROM todo')).toEqual([{ id: 'a', done: 1 }]);
  });

  test('a value that SQLite cannot hold is refused with its place', async () => {
    const { db } = await open();
    const call = db.exec('INSERT INTO todo VALUES (?, ?, 0, 0)', ['a', undefined as unknown as null]);
    await expect(call).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED', details: { parameter: 2 } });
  });

  test('a statement that runs too long is aborted with QUERY_TIMEOUT, by call or by limit', async () => {
    const { db } = await open({ limits: { queryMsMax: 20 } });
    await expect(db.query(ENDLESS)).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' });
    await expect(db.query(ENDLESS, [], { timeoutMs: 5 })).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' });
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('transaction', () => {
  test('commits all or nothing and passes the result on', async () => {
    const { db } = await open();
    const result = await db.transaction(async (tx) => {
      await tx.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
      return (await tx.query('SELECT count(*) AS n FROM todo'))[0];
    });
    expect(result).toEqual({ n: 1 });
    const failing = db.transaction(async (tx) => {
      await tx.exec('DELETE FROM todo');
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await db.query('SELECT count(*) AS n FROM todo')).toEqual([{ n: 1 }]);
  });

  test('other calls wait until it ends, in the order in which they came', async () => {
    const { db } = await open();
    const order: string[] = [];
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    const first = db.transaction(async (tx) => {
      await tx.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
      await gate;
      order.push('first');
    });
    const second = db.transaction(async (tx) => order.push(`second ${(await tx.query('SELECT id FROM todo')).length}`));
    const third = db.transaction(() => void order.push('third'));
    go();
    await Promise.all([first, second, third]);
    expect(order).toEqual(['first', 'second 1', 'third']);
  });

  test('is rolled back with TRANSACTION_TIMEOUT when it holds the database too long', async () => {
    const { db } = await open({ limits: { transactionMsMax: 20 } });
    let handle: Transaction | undefined;
    const hanging = db.transaction(async (tx) => {
      handle = tx;
      await tx.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
      await new Promise(() => undefined);
    });
    await expect(hanging).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    const late = handle!.exec("INSERT INTO todo VALUES ('b', 'x', 0, 0.5)");
    await expect(late).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    expect(await db.query('SELECT * FROM todo')).toEqual([]);
  });

  test('db inside its own callback is refused with TRANSACTION_NESTED', async () => {
    const { db } = await open();
    await db.transaction(async (tx) => {
      await expect(db.exec('DELETE FROM todo')).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' });
      await expect(db.transaction(() => 1)).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' });
      await tx.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
    });
    expect(await db.query('SELECT count(*) AS n FROM todo')).toEqual([{ n: 1 }]);
  });

  test('a call that outlives the callback that made it is not nested', async () => {
    const { db } = await open();
    let later: Promise<unknown> | undefined;
    await db.transaction(() => {
      later = new Promise((resolve) => setTimeout(resolve, 5)).then(() => db.query('SELECT 1 AS one'));
    });
    expect(await later).toEqual([{ one: 1 }]);
  });

  test('where nested calls cannot be told, the time limit ends them', async () => {
    const { db } = await open({ context: noCallContext, limits: { transactionMsMax: 20 } });
    const nested = db.transaction(() => db.exec('DELETE FROM todo'));
    await expect(nested).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('the handle is refused with CLOSED after the end', async () => {
    const { db } = await open();
    const handle = await db.transaction((tx) => tx);
    await expect(handle.query('SELECT 1')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('a statement that rolls back inside the engine ends it, so that nothing after it is kept', async () => {
    const { db } = await open();
    await db.exec("INSERT INTO draft VALUES (1, 'one')");
    const call = db.transaction(async (tx) => {
      await tx.exec("INSERT INTO draft VALUES (2, 'two')");
      await tx.exec("INSERT OR ROLLBACK INTO draft VALUES (1, 'again')").catch(() => undefined);
      await tx.exec("INSERT INTO draft VALUES (3, 'three')").catch(() => undefined);
    });
    await expect(call).rejects.toMatchObject({ code: 'SQL_ERROR', message: expect.stringMatching(/rolled/) });
    expect(await db.query('SELECT id FROM draft')).toEqual([{ id: 1 }]);
  });

  test('an error that the callback takes leaves the rest of it to commit', async () => {
    const { db } = await open();
    await db.transaction(async (tx) => {
      await tx.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
      await tx.exec("INSERT INTO todo VALUES ('a', 'y', 0, 0.5)").catch(() => undefined);
    });
    expect(await db.query('SELECT title FROM todo')).toEqual([{ title: 'x' }]);
  });
});

describe('watch', () => {
  test('hears own commits, committed transactions and merges, not what was rolled back', async () => {
    const a = await open();
    const b = await open();
    const seen: unknown[] = [];
    const stop = a.db.watch('SELECT id FROM todo ORDER BY id', [], (rows) => seen.push(rows.map((row) => row['id'])));
    await until(() => seen.length === 1);
    await a.db.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
    await until(() => seen.length === 2);
    await a.db.transaction((tx) => tx.exec("INSERT INTO todo VALUES ('b', 'x', 0, 0.5)"));
    await until(() => seen.length === 3);
    await a.db
      .transaction((tx) => tx.exec('DELETE FROM todo').then(() => Promise.reject(new Error('no'))))
      .catch(() => {});
    await b.db.exec("INSERT INTO todo VALUES ('c', 'x', 0, 0.5)");
    await a.db.applyChanges((await b.db.getChanges()).parts);
    await until(() => seen.length === 4);
    stop();
    expect(seen).toEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']]);
  });

  test('never shows what an open transaction has written', async () => {
    const { db } = await open();
    const seen: unknown[] = [];
    await db.transaction(async (tx) => {
      await tx.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
      db.watch('SELECT count(*) AS n FROM todo', [], (rows) => seen.push(rows));
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(seen).toEqual([]);
      await tx.exec('DELETE FROM todo');
    });
    await until(() => seen.length === 1);
    expect(seen).toEqual([[{ n: 0 }]]);
  });

  test('errors without an onError are reported by the owner', async () => {
    const { db, unheard } = await open();
    db.watch('SELECT * FROM nowhere', [], () => undefined);
    await until(() => unheard.length === 1);
    expect(unheard).toMatchObject([{ code: 'SQL_ERROR' }]);
    expect(() => db.watch('SELECT ?', [undefined as unknown as null], () => undefined)).toThrow(/undefined/);
  });

  test('a statement that writes is refused, instead of running for ever after its own commits', async () => {
    const { db, unheard } = await open();
    await db.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
    db.watch('UPDATE todo SET done = done + 1 RETURNING done', [], () => undefined);
    await until(() => unheard.length === 1);
    expect(unheard).toMatchObject([{ code: 'SQL_ERROR', message: expect.stringContaining('only reads') }]);
    expect(await db.query('SELECT done FROM todo')).toEqual([{ done: 0 }]);
  });
});

describe('schema, status, durability', () => {
  test('migrate adds a table for exec and watches; a lossy one is refused with its steps', async () => {
    const { db } = await open({ schema: 'CREATE TABLE a (id TEXT PRIMARY KEY, v TEXT)' });
    await db.exec("INSERT INTO a VALUES ('1', 'x')");
    const schema = 'CREATE TABLE a (id TEXT PRIMARY KEY, v TEXT); CREATE TABLE b (id TEXT PRIMARY KEY, n INTEGER)';
    expect(await db.migrate(schema, { plan: true })).toMatchObject({ steps: [{ table: 'b' }] });
    await expect(db.exec("INSERT INTO b VALUES ('1', 1)")).rejects.toMatchObject({ code: 'SQL_ERROR' });
    expect(await db.migrate(schema)).toMatchObject({ outcome: 'migrated' });
    await db.exec("INSERT INTO b VALUES ('1', 1)");
    expect(await db.query('SELECT v FROM a')).toEqual([{ v: 'x' }]);
    await expect(db.migrate('CREATE TABLE b (id TEXT PRIMARY KEY, n INTEGER)')).rejects.toMatchObject({
      code: 'SCHEMA_REFUSED',
    });
    expect(await db.query('SELECT v FROM a')).toEqual([{ v: 'x' }]);
  });

  test('pending names the rows with own changes that nobody acknowledged', async () => {
    const { db } = await open();
    expect(await db.pending()).toEqual([]);
    await db.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
    await db.exec("INSERT INTO tag VALUES ('a', 'red')");
    await db.exec("UPDATE todo SET done = 1 WHERE id = 'a'");
    const pending = await db.pending();
    expect(pending.map(({ table, pk }) => ({ table, pk }))).toEqual([
      { table: 'tag', pk: { todo: 'a', name: 'red' } },
      { table: 'todo', pk: { id: 'a' } },
    ]);
    expect(pending.every(({ changes }) => changes > 0)).toBe(true);
  });

  test('flushed announces own writes; local tables count too', async () => {
    const { db, store } = await open();
    await db.exec("INSERT INTO draft VALUES (1, 'one')");
    await db.flushed();
    expect(store.announced).toBe(0);
    await db.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
    await db.flushed({ tier: 'local' });
    expect(store.announced).toBeGreaterThan(0);
    expect([...db.coverage().keys()]).toEqual([db.siteId]);
    await expect(db.flushed({ tier: 'disk' as 'local' })).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('close lets earlier calls end and refuses later ones with CLOSED', async () => {
    const { db } = await open();
    const earlier = db.exec("INSERT INTO todo VALUES ('a', 'x', 0, 0.5)");
    const waiting = db.exec("INSERT INTO todo VALUES ('b', 'x', 0, 0.5)").then(() => db.flushed({ tier: 'relay' }));
    waiting.catch(() => undefined);
    await db.query('SELECT 1');
    await new Promise((resolve) => setImmediate(resolve));
    await db.close();
    expect(await earlier).toEqual({ changes: 1 });
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(() => db.watch('SELECT 1', [], () => undefined)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await db.close();
  });
});
