/** Parked changes: kept durably with their span, claims that meet it wait, a migration applies both. */
import { expect, test } from 'vitest';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { SPAN_ANY } from '../../src/core/part.ts';
import type { Store } from '../../src/store/store.ts';
import {
  addTables,
  contents,
  flushPart,
  inputOf,
  mergeParts,
  openTestStore,
  pull,
  siteOf,
  write,
} from './test-store.ts';

const NUM = `CREATE TABLE num (id INTEGER PRIMARY KEY NOT NULL, v)`;
const TAG = `CREATE TABLE tag (todo TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (todo, name))`;

function olderStore(limits = {}): Store {
  return openTestStore({ tables: [NUM], limits });
}

test('changes of an unknown table are parked, the claim waits, a migration applies both', () => {
  const [a, b] = [openTestStore(), olderStore()];
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  write(a, `INSERT INTO tag VALUES ('a', 'b')`);
  write(a, `INSERT INTO num VALUES (2, 'y')`);
  const result = mergeParts(b, flushPart(a));
  expect(result).toMatchObject({ outcome: 'parked', applied: 2, parked: 1 });
  expect(result.growth).toEqual(
    new Map([
      [
        siteOf(a),
        [
          [0, 1],
          [2, 3],
        ],
      ],
    ]),
  );
  expect(b.acknowledge(siteOf(a))).toEqual({
    held: [
      [0, 1],
      [2, 3],
    ],
    parked: [[1, 2]],
    refused: [],
  });
  expect(b.acknowledge(siteOf(a), [[1, 3]])).toEqual({ held: [[2, 3]], parked: [[1, 2]], refused: [] });
  expect(b.parkedChanges).toBe(1);
  const before = b.storedMax;
  addTables(b, [TAG]);
  expect(b.parkedChanges).toBe(0);
  expect(b.coverage.get(siteOf(a))).toEqual([[0, 3]]);
  expect(b.storedMax).toBe(before + 1);
  expect(b.readPiece(before, { without: [], changesMax: 9 }).parts).toMatchObject([
    { span: [1, 2], rows: [{ cid: '-1' }] },
  ]);
  expect(contents(b, ['num', 'tag'])).toBe(contents(a, ['num', 'tag']));
  a.close();
  b.close();
});

test('a claim that meets a parked span waits whoever makes it, in any later message', () => {
  const waits = (broken: boolean): unknown => {
    const [a, b, c] = [
      openTestStore(),
      openTestStore(),
      openTestStore({ tables: [NUM], faults: { 'claims-over-parked': broken } }),
    ];
    write(a, `INSERT INTO tag VALUES ('a', 'b')`);
    const part = flushPart(a);
    mergeParts(b, part);
    c.merge([{ parts: [part], claims: new Map() }]);
    mergeParts(c, { ...b.serveWant(siteOf(a), [[0, 1]], { changesMax: 9 })!, rows: [] });
    const acknowledged = c.acknowledge(siteOf(a));
    for (const store of [a, b, c]) store.close();
    return acknowledged;
  };
  expect(waits(false)).toEqual({ held: [], parked: [[0, 1]], refused: [] });
  expect(waits(true)).toEqual({ held: [[0, 1]], parked: [], refused: [] });
});

test('the cursor moves over parked changes, and a repeat parks nothing twice', () => {
  const [a, b] = [openTestStore(), olderStore()];
  write(a, `INSERT INTO tag VALUES ('a', 'b')`);
  pull(b, a);
  expect(b.cursorOf(siteOf(a))!.at).toBe(1);
  const part = a.readOwn([[0, 1]], { changesMax: 9, partsMax: 9 })[0]!;
  expect(mergeParts(b, part)).toMatchObject({ outcome: 'parked', parked: 1 });
  const { version: _, ...row } = part.rows[0]!;
  expect(mergeParts(b, { ...part, span: SPAN_ANY, rows: [row] })).toMatchObject({ outcome: 'parked' });
  expect(b.parkedChanges).toBe(1);
  expect(b.connection.prepare('SELECT lo, hi FROM crmesh_parked').all()).toEqual([[0, 1]]);
  a.close();
  b.close();
});

test('a full parking place refuses the input that would overfill it, and no other', () => {
  const [a, b, c] = [openTestStore(), openTestStore(), olderStore({ parkedChangesMax: 3 })];
  write(a, ...['1', '2', '3', '4'].map((name) => `INSERT INTO tag VALUES ('a', '${name}')`));
  write(b, `INSERT INTO tag VALUES ('b', 'b')`, `INSERT INTO num VALUES (1, 'x')`);
  const cursor = { peer: siteOf(a), cursor: { nonce: a.identity.era, at: 1 as never } };
  const { inputs } = c.merge([{ ...inputOf(flushPart(a)), cursor }, inputOf(flushPart(b))]);
  expect(inputs[0]).toMatchObject({ outcome: 'invalid', invalid: [{ code: 'PARKED_FULL' }] });
  expect(inputs[1]).toMatchObject({ outcome: 'parked', applied: 1, parked: 1 });
  expect(c.cursorOf(siteOf(a))).toBeUndefined();
  expect(c.parkedChanges).toBe(1);
  for (const store of [a, b, c]) store.close();
});

test('parked changes survive a restart and are applied at open once they can be stored', async () => {
  const disk = new MemoryFileSystem();
  const driver = await createWasmDriver({ fileSystem: disk });
  const a = openTestStore();
  write(a, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`);
  const part = flushPart(a);
  let b = openTestStore({ driver, path: '/b.db', tables: [NUM] });
  mergeParts(b, part);
  b.close();
  b = openTestStore({ driver, path: '/b.db', tables: [NUM] });
  expect(b.parkedChanges).toBe(4);
  expect(b.acknowledge(siteOf(a))).toMatchObject({ held: [], parked: [[0, 1]] });
  const create = a.connection.prepare(`SELECT sql FROM sqlite_master WHERE name = 'todo'`).get()![0] as string;
  b.connection.exec(create);
  b.connection.exec(`SELECT crsql_as_crr('todo')`);
  b.close();
  b = openTestStore({ driver, path: '/b.db', tables: [] });
  expect(b.parkedChanges).toBe(0);
  expect(b.acknowledge(siteOf(a))).toMatchObject({ held: [[0, 1]], parked: [] });
  expect(contents(b, ['todo'])).toBe(contents(a, ['todo']));
  a.close();
  b.close();
});

test('a row that still cannot be stored stays parked, and its claim waits on', () => {
  const [a, b] = [openTestStore(), olderStore()];
  write(a, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`);
  write(a, `UPDATE todo SET weight = 2`);
  mergeParts(b, flushPart(a));
  expect(b.parkedChanges).toBe(5 - 1);
  addTables(b, [`CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER NOT NULL DEFAULT 0, any)`]);
  expect(b.parkedChanges).toBe(1);
  expect(b.acknowledge(siteOf(a))).toEqual({ held: [[0, 1]], parked: [[1, 2]], refused: [] });
  a.close();
  b.close();
});

test('migrate() adds the column that parked cells wait for', () => {
  const schemaOf = (columns: string): string => `CREATE TABLE item (id TEXT PRIMARY KEY NOT NULL${columns});`;
  const [a, b] = [
    openTestStore({ tables: [], schema: schemaOf(', a, b') }),
    openTestStore({ tables: [], schema: schemaOf(', a') }),
  ];
  write(a, `INSERT INTO item VALUES ('x', 1, 2)`);
  expect(mergeParts(b, flushPart(a))).toMatchObject({ outcome: 'parked', applied: 1, parked: 1 });
  expect(b.migrate(schemaOf(', a, b'), { plan: true })).toMatchObject({ outcome: 'migrated' });
  expect(b.parkedChanges).toBe(1);
  expect(b.migrate(schemaOf(', a, b'))).toMatchObject({ outcome: 'migrated' });
  expect(b.parkedChanges).toBe(0);
  expect(contents(b, ['item'])).toBe(contents(a, ['item']));
  expect(b.schema.hash).toBe(a.schema.hash);
  a.close();
  b.close();
});
