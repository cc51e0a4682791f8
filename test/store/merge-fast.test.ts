/** Writing whole rows directly gives what the engine's own merge gives, cell by cell, version by version. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Driver } from '../../src/sqlite/database.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Part } from '../../src/core/part.ts';
import type { Store } from '../../src/store/store.ts';
import { contents, flushPart, inputOf, mergeParts, openTestStore, pull, show, write } from './test-store.ts';
import type { Action } from './world.ts';
import { actions } from './world.ts';

const RUNS = Number(process.env['CRMESH_WORLDS'] ?? 60);
const RECEIVER = 2;
const NUMBERED = `INSERT INTO num SELECT n, 'x' || n FROM i`;

/** Two disks whose databases are copies of one: the same site id, so that their clocks can be compared. */
const twins = await (async () => {
  const machines = [];
  for (const wholeRows of [true, false]) {
    const disk = new MemoryFileSystem();
    machines.push({ disk, wholeRows, driver: await createWasmDriver({ fileSystem: disk }) });
  }
  const [first] = machines;
  openTwin(first!.driver, true).close();
  const base = first!.disk.snapshot();
  return machines.map((machine) => ({ ...machine, base }));
})();

function openTwin(driver: Driver, wholeRows: boolean): Store {
  return openTestStore({ driver, path: '/twin.db', wholeRows });
}

/** Everything a merge may touch. */
function dump(store: Store): string {
  const tables = ['crsql_changes', 'crmesh_have', 'crmesh_book'];
  const rows = tables.map((table) =>
    store.connection
      .prepare(`SELECT * FROM ${table}`)
      .all()
      .map((row) => row.map(show).join(' '))
      .sort()
      .join('\n'),
  );
  return [contents(store), ...rows].join('\n');
}

/** Stores 0 and 1 write and exchange; both twins get the same parts and make the same local writes. */
function runTwins(script: readonly Action[]): void {
  const sources = [openTestStore(), openTestStore()];
  const receivers = twins.map(({ disk, driver, wholeRows, base }) => {
    disk.restore(base);
    return openTwin(driver, wholeRows);
  });
  const parts: Part[] = [];
  const flush = (store: Store): void => {
    const part = store.flush()?.part;
    if (part !== undefined) parts.push(part);
  };
  try {
    for (const action of script) {
      if (action.kind === 'write') {
        const writers = action.store === RECEIVER ? receivers : [sources[action.store]!];
        for (const store of writers) write(store, ...action.statements);
      } else if (action.kind === 'pull' && action.from + action.to === 1) {
        for (const store of sources) flush(store);
        pull(sources[action.to]!, sources[action.from]!, action.piece);
      } else if (action.kind === 'send') {
        for (const store of sources) flush(store);
        deliver(receivers, parts, action);
        expect(dump(receivers[0]!)).toBe(dump(receivers[1]!));
      }
    }
  } finally {
    for (const store of [...sources, ...receivers]) store.close();
  }
}

/** A few parts as one group, each in chunks. */
function deliver(
  receivers: readonly Store[],
  parts: readonly Part[],
  { part, chunk, from }: Action & { kind: 'send' },
): void {
  if (parts.length === 0) return;
  const chosen = Array.from({ length: from + 1 }, (_, i) => parts[(part + i) % parts.length]!);
  const inputs = chosen.flatMap((body) => {
    const size = Math.max(1, Math.ceil(body.rows.length / chunk));
    const count = Math.max(1, Math.ceil(body.rows.length / size));
    return Array.from({ length: count }, (_, i) => {
      const claims = i === count - 1 ? body.claims : [];
      return inputOf({ ...body, rows: body.rows.slice(i * size, (i + 1) * size), claims });
    });
  });
  const results = receivers.map((store) => {
    store.flush();
    return store.merge(inputs);
  });
  expect(results[0]).toEqual(results[1]);
}

test('whole rows end as the engine would have merged them', () => {
  fc.assert(
    fc.property(actions(3, 40), (script) => runTwins(script)),
    { numRuns: RUNS },
  );
}, 600_000);

/** Statements that write, change or delete up to 150 rows of a table whose rows the other stores may have too. */
const manyRows = fc
  .tuple(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 0, max: 150 }), fc.nat(5))
  .map(([first, count, kind]) => {
    const numbers = `WITH RECURSIVE i(n) AS (VALUES (${first}) UNION ALL SELECT n + 1 FROM i WHERE n < ${first + count})`;
    return [
      `${numbers} INSERT OR IGNORE INTO num SELECT n, n % 3 FROM i`,
      `${numbers} INSERT OR IGNORE INTO num SELECT n, 'x' FROM i`,
      `${numbers} INSERT OR IGNORE INTO todo (id, title, any) SELECT 'k' || n, 'title ' || n, x'00' FROM i`,
      `${numbers} INSERT OR IGNORE INTO tag SELECT 'k' || n, 'tag' FROM i`,
      `UPDATE todo SET done = done + 1 WHERE rowid % ${first} = 0`,
      `DELETE FROM num WHERE id BETWEEN ${first} AND ${first + count}`,
    ][kind]!;
  });

const manyRowsScript = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      store: fc.nat(RECEIVER),
      statements: fc.array(manyRows, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('send' as const),
      from: fc.nat(2),
      to: fc.constant(RECEIVER),
      part: fc.nat(1000),
      chunk: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ kind: fc.constant('pull' as const), from: fc.nat(1), to: fc.nat(1), piece: fc.constant(500) }),
  ),
  { minLength: 4, maxLength: 16 },
);

test('many whole rows in one statement end as the engine would have merged them', () => {
  fc.assert(
    fc.property(manyRowsScript, (script) => runTwins(script)),
    { numRuns: RUNS },
  );
}, 600_000);

test('rows of a batch that are known, or come twice in it, are left to the engine', () => {
  const source = openTestStore();
  write(source, `WITH RECURSIVE i(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM i WHERE n < 70) ${NUMBERED}`);
  const part = flushPart(source);
  const some = { ...part, claims: [], rows: part.rows.slice(5, 8) };
  const twice = { ...part, rows: [...part.rows.slice(0, 20), ...part.rows.slice(10, 15), ...part.rows.slice(20)] };
  const dumps = twins.map(({ disk, driver, wholeRows, base }) => {
    disk.restore(base);
    const twin = openTwin(driver, wholeRows);
    mergeParts(twin, some);
    expect(mergeParts(twin, twice)).toMatchObject({ outcome: 'applied', applied: 75 });
    const after = dump(twin);
    twin.close();
    return after;
  });
  expect(dumps[0]).toBe(dumps[1]);
  source.close();
});

test('rows of a batch keep their seqs and versions when they differ from their neighbours', () => {
  const source = openTestStore();
  const numbers = 'WITH RECURSIVE i(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM i WHERE n < 40)';
  write(source, `${numbers} INSERT INTO todo (id, title) SELECT 'k' || n, 'title' FROM i`);
  const part = flushPart(source);
  const rows = part.rows.map((row, i) => {
    const place = Math.floor(i / 4);
    if (place === 4) return { ...row, seq: row.seq ^ 1 };
    return place === 21 && i % 4 === 2 ? { ...row, colVersion: 3 } : row;
  });
  const dumps = twins.map(({ disk, driver, wholeRows, base }) => {
    disk.restore(base);
    const twin = openTwin(driver, wholeRows);
    mergeParts(twin, { ...part, rows });
    const after = dump(twin);
    twin.close();
    return after;
  });
  expect(dumps[0]).toBe(dumps[1]);
  source.close();
});

test('a local write after whole rows and losing cells is tracked', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  const first = flushPart(a);
  write(a, `INSERT INTO num VALUES (2, 'x')`);
  const second = flushPart(a);
  mergeParts(b, first);
  b.merge([inputOf(second), inputOf(first)]);
  write(b, `INSERT INTO num VALUES (3, 'local')`);
  expect(flushPart(b).rows).toMatchObject([{ cid: 'v', val: 'local' }]);
  a.close();
  b.close();
});

test('a whole row that the engine refuses is parked in its one cell', () => {
  const [a, b] = [openTestStore(), openTestStore()];
  write(a, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`);
  const part = flushPart(a);
  const rows = part.rows.map((row) => (row.cid === 'done' ? { ...row, val: null } : row));
  expect(mergeParts(b, { ...part, rows })).toMatchObject({ outcome: 'parked', applied: 3, parked: 1 });
  expect(contents(b)).toContain('string milk');
  write(b, `INSERT INTO num VALUES (3, 'local')`);
  expect(flushPart(b).rows).toHaveLength(1);
  a.close();
  b.close();
});
