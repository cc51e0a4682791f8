/** Live queries over a real connection. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Row } from '../../src/replica/user-statements.ts';
import { UserStatements } from '../../src/replica/user-statements.ts';
import { LiveQueries } from '../../src/replica/live-query.ts';
import type { Connection } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';

let connection: Connection;
let statements: UserStatements;
let live: LiveQueries;
let unheard: unknown[];
let runs: number;

const settled = async (): Promise<void> => {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
};

function write(sql: string): void {
  const { writes } = statements.exec({ sql, parameters: undefined, queryMsMax: Infinity });
  live.touch(writes);
}

function watch(sql: string, callback: (rows: Row[]) => void, onError?: (error: unknown) => void): () => void {
  const read = async (): Promise<{ rows: Row[]; reads: ReadonlySet<string> }> => {
    runs++;
    return statements.query({ sql, parameters: undefined, queryMsMax: Infinity });
  };
  return live.watch(read, callback, onError === undefined ? {} : { onError });
}

beforeEach(async () => {
  connection = (await createWasmDriver()).open(':memory:');
  connection.exec('CREATE TABLE a (id INTEGER PRIMARY KEY, v ANY); CREATE TABLE b (id INTEGER PRIMARY KEY)');
  statements = new UserStatements({
    connection: () => connection,
    now: () => 0,
    statementsMax: DEFAULT_LIMITS.statementsMax,
  });
  unheard = [];
  runs = 0;
  live = new LiveQueries({ defer: setImmediate, watchesMax: 3, onError: (error) => unheard.push(error) });
});

afterEach(() => connection.close());

describe('live queries', () => {
  test('call back with the first result, then once a change', async () => {
    const results: Row[][] = [];
    watch('SELECT v FROM a', (rows) => results.push(rows));
    expect(results).toEqual([]);
    await settled();
    write("INSERT INTO a VALUES (1, 'x')");
    await settled();
    expect(results).toEqual([[], [{ v: 'x' }]]);
  });

  test('a commit to another table does not run the query', async () => {
    watch('SELECT count(*) AS n FROM a', () => undefined);
    await settled();
    write('INSERT INTO b VALUES (1)');
    await settled();
    expect(runs).toBe(1);
  });

  test('a commit that leaves the result as it was does not call back', async () => {
    const results: Row[][] = [];
    watch('SELECT count(*) AS n FROM a WHERE v > 5', (rows) => results.push(rows));
    await settled();
    write('INSERT INTO a VALUES (1, 3)');
    await settled();
    expect(runs).toBe(2);
    expect(results).toEqual([[{ n: 0 }]]);
  });

  test('blobs, bigints and null are compared by value', async () => {
    const results: Row[][] = [];
    write("INSERT INTO a VALUES (1, x'0102'), (2, 9223372036854775807), (3, NULL)");
    watch('SELECT v FROM a ORDER BY id', (rows) => results.push(rows));
    await settled();
    write('UPDATE a SET v = v');
    await settled();
    expect(results).toEqual([[{ v: new Uint8Array([1, 2]) }, { v: 9223372036854775807n }, { v: null }]]);
    write("UPDATE a SET v = x'0103' WHERE id = 1");
    await settled();
    expect(results.length).toBe(2);
  });

  test('many commits before a run make one run', async () => {
    const results: Row[][] = [];
    watch('SELECT count(*) AS n FROM a', (rows) => results.push(rows));
    for (let i = 1; i <= 50; i++) write(`INSERT INTO a VALUES (${i}, ${i})`);
    await settled();
    expect(runs).toBe(1);
    expect(results).toEqual([[{ n: 50 }]]);
  });

  test("a query over the replication's own tables runs after every commit", async () => {
    watch('SELECT count(*) AS n FROM sqlite_master', () => undefined);
    await settled();
    write('INSERT INTO b VALUES (1)');
    await settled();
    expect(runs).toBe(2);
  });

  test('tables that are not known run every query', async () => {
    watch('SELECT 1', () => undefined);
    watch('SELECT * FROM b', () => undefined);
    await settled();
    live.touch('all');
    await settled();
    expect(runs).toBe(4);
  });

  test('stop ends the calls, also when a run waits', async () => {
    const results: Row[][] = [];
    const stop = watch('SELECT * FROM a', (rows) => results.push(rows));
    stop();
    await settled();
    expect(results).toEqual([]);
    expect(live.size).toBe(0);
  });

  test('an error of the query goes to onError, and the next good result calls back', async () => {
    const errors: unknown[] = [];
    const results: Row[][] = [];
    watch(
      'SELECT * FROM missing',
      (rows) => results.push(rows),
      (error) => errors.push(error),
    );
    await settled();
    expect(errors).toMatchObject([{ code: 'SQL_ERROR' }]);
    connection.exec('CREATE TABLE missing (id)');
    live.touch('all');
    await settled();
    expect(results).toEqual([[]]);
    expect(unheard).toEqual([]);
  });

  test('a callback that throws does not stop the other queries', async () => {
    let heard = 0;
    watch('SELECT 1', () => {
      throw new Error('callback');
    });
    watch('SELECT 2', () => heard++);
    await settled();
    expect(heard).toBe(1);
    expect(unheard).toMatchObject([{ message: 'callback' }]);
  });

  test('an onError that throws is heard by the owner', async () => {
    watch(
      'SELECT * FROM missing',
      () => undefined,
      () => {
        throw new Error('second');
      },
    );
    await settled();
    expect(unheard).toMatchObject([{ message: 'second' }]);
  });

  test('more queries than the bound are refused with LIMIT_EXCEEDED', () => {
    for (let i = 0; i < 3; i++) watch('SELECT 1', () => undefined);
    expect(() => watch('SELECT 1', () => undefined)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});
