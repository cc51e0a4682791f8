/** A store whose schema changes: numbering goes on, a failed change leaves a working store. */
import { expect, test } from 'vitest';
import { ReplicationError } from '../../src/core/errors.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Store } from '../../src/store/store.ts';
import type { DiskOperation } from '../faults/hooked-file-system.ts';
import { HookedFileSystem } from '../faults/hooked-file-system.ts';
import { contents, flushPart, mergeParts, openTestStore, write } from './test-store.ts';

const ITEM = 'CREATE TABLE item (id TEXT PRIMARY KEY, a);';

test('a new database gets its schema at open, and opens again with it unchanged', async () => {
  const driver = await createWasmDriver({ fileSystem: new MemoryFileSystem() });
  const options = { driver, path: '/data.db', tables: [], schema: ITEM };
  let store = openTestStore(options);
  write(store, `INSERT INTO item VALUES ('x', 1)`);
  store.flush();
  store.close();
  store = openTestStore(options);
  expect(store.migrate(ITEM)).toMatchObject({ outcome: 'unchanged' });
  expect(store.schema.tables).toEqual({ item: ['id', 'a'] });
  expect(store.announced).toBe(1);
  store.close();
});

test('a schema that is refused at open leaves nothing open, and says the steps', async () => {
  const driver = await createWasmDriver({ fileSystem: new MemoryFileSystem() });
  const options = { driver, path: '/data.db', tables: [] };
  openTestStore({ ...options, schema: ITEM }).close();
  const open = (): unknown => openTestStore({ ...options, schema: 'CREATE TABLE other (id TEXT PRIMARY KEY);' });
  expect(open).toThrow(expect.objectContaining({ code: 'SCHEMA_REFUSED' }));
  openTestStore({ ...options, schema: ITEM }).close();
});

test.each(['/data.db', ':memory:'])(
  'after a schema change that the engine refuses, %s goes on as before',
  async (path) => {
    const driver = await createWasmDriver({ fileSystem: new MemoryFileSystem() });
    const a = openTestStore({ driver, path, tables: [], schema: ITEM });
    const b = openTestStore({ tables: [], schema: ITEM });
    write(a, `INSERT INTO item VALUES ('x', 1)`);
    mergeParts(b, flushPart(a));
    const { era } = a.identity;
    a.connection.exec('CREATE TABLE taken (x)');
    const result = a.migrate(`${ITEM} CREATE TABLE taken (id TEXT PRIMARY KEY, a);`);
    expect(result).toMatchObject({ outcome: 'refused' });
    expect(a.identity.era).toBe(era);
    write(a, `UPDATE item SET a = 2`);
    write(a, `INSERT INTO item VALUES ('y', 1)`);
    const part = flushPart(a);
    expect(part.rows).toHaveLength(2);
    mergeParts(b, part);
    write(b, `INSERT INTO item VALUES ('z', 1)`);
    mergeParts(a, flushPart(b));
    expect(contents(a, ['item'])).toBe(contents(b, ['item']));
    a.close();
    b.close();
  },
);

test.each(['/data.db', ':memory:'])(
  'after a schema change that failed half-way the engine knows the tables as they are: %s',
  async (path) => {
    const driver = await createWasmDriver({ fileSystem: new MemoryFileSystem() });
    const a = openTestStore({ driver, path, tables: [], schema: ITEM });
    write(a, `INSERT INTO item VALUES ('x', 1)`);
    a.flush();
    const wider = 'CREATE TABLE item (id TEXT PRIMARY KEY, a, late); CREATE TABLE fresh (id TEXT PRIMARY KEY, a);';
    // The column and the table were there already when the index failed.
    const result = a.migrate(`${wider} CREATE INDEX broken ON item (no_function(a));`);
    expect(result).toMatchObject({ outcome: 'refused' });
    expect(a.storedMax).toBe(1);
    write(a, `UPDATE item SET a = 2`);
    expect(flushPart(a).rows).toHaveLength(1);
    expect(a.migrate(wider)).toMatchObject({ outcome: 'migrated' });
    write(a, `UPDATE item SET late = 1`, `INSERT INTO fresh VALUES ('f', 1)`);
    expect(flushPart(a).rows).toHaveLength(2);
    a.close();
  },
);

/** A store with a write that nobody has announced, whose schema change has just failed; a disk that can be made to fail. */
async function withFailedChange(): Promise<{
  store: Store;
  open: () => Store;
  hooked: HookedFileSystem;
  peer: SiteId;
  /** As it was before: asking for it opens the file again. */
  era: string;
}> {
  const hooked = new HookedFileSystem(new MemoryFileSystem());
  const driver = await createWasmDriver({ fileSystem: hooked });
  const open = (): Store => openTestStore({ driver, path: '/data.db', tables: [], schema: ITEM });
  const store = open();
  write(store, `INSERT INTO item VALUES ('x', 1)`);
  const peer = 'ab'.repeat(16) as SiteId;
  store.setHeldBy(peer, { held: [[0, 1]], parked: [], refused: [] });
  const { era } = store.identity;
  expect(store.migrate(`${ITEM} CREATE INDEX broken ON item (no_function(a));`)).toMatchObject({ outcome: 'refused' });
  return { store, open, hooked, peer, era };
}

const failsAt = (matches: (operation: DiskOperation) => boolean) => {
  const error = new ReplicationError('STORAGE_FULL', 'the disk is full');
  return (operation: DiskOperation) => (matches(operation) ? ({ kind: 'throw', error } as const) : undefined);
};

// The file cannot be opened; or it can, and then what was written last cannot be announced.
const WHERE_IT_FAILS: readonly [string, (operation: DiskOperation) => boolean][] = [
  ['opened', ({ call }) => call === 'open'],
  ['written', ({ call, path }) => call === 'write' && path.endsWith('-wal')],
];

test.each(WHERE_IT_FAILS)(
  'a file that cannot be %s after a schema change that failed is opened by the next use that can',
  async (_what, matches) => {
    const { store, hooked, peer, era } = await withFailedChange();
    hooked.hook = failsAt(matches);
    for (let i = 0; i < 2; i++) expect(() => store.flush()).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
    hooked.hook = undefined;
    write(store, `INSERT INTO item VALUES ('y', 1)`);
    store.flush();
    expect(store.announced).toBe(2);
    expect(store.identity.era).toBe(era);
    expect(store.heldBy(peer).held).toEqual([[0, 1]]);
    store.close();
  },
);

test.each(WHERE_IT_FAILS)(
  'a store whose file could not be %s again closes, and nothing that was committed is lost',
  async (_what, matches) => {
    const { store, open, hooked } = await withFailedChange();
    hooked.hook = failsAt(matches);
    expect(() => store.flush()).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
    store.close();
    hooked.hook = undefined;
    const again = open();
    expect(again.announced).toBe(1);
    expect(contents(again, ['item'])).toContain('number 1');
    again.close();
  },
);

test('a moved primary key is refused by the schema, an upsert that keeps it is not', () => {
  const store = openTestStore({ tables: [], schema: ITEM });
  write(store, `INSERT INTO item VALUES ('x', 1)`);
  write(store, `INSERT INTO item VALUES ('x', 2) ON CONFLICT DO UPDATE SET id = excluded.id, a = excluded.a`);
  expect(() => store.connection.exec(`UPDATE item SET id = 'y'`)).toThrow('primary key');
  expect(contents(store, ['item'])).toContain('number 2');
  store.close();
});

test('a table with many columns replicates whole', () => {
  const columns = Array.from({ length: 60 }, (_, i) => `c${i}`);
  const schema = `CREATE TABLE wide (id INTEGER PRIMARY KEY, ${columns.join(', ')});`;
  const [a, b] = [openTestStore({ tables: [], schema }), openTestStore({ tables: [], schema })];
  write(a, `INSERT INTO wide (id, c7) VALUES (1, 'x')`);
  mergeParts(b, flushPart(a));
  expect(contents(b, ['wide'])).toBe(contents(a, ['wide']));
  a.close();
  b.close();
});

test('a hundred tables are served and merged', () => {
  const schema = Array.from({ length: 100 }, (_, i) => `CREATE TABLE t${i} (id INTEGER PRIMARY KEY, v);`).join('\n');
  const [a, b] = [openTestStore({ tables: [], schema }), openTestStore({ tables: [], schema })];
  write(a, ...Array.from({ length: 100 }, (_, i) => `INSERT INTO t${i} VALUES (1, ${i})`));
  mergeParts(b, flushPart(a));
  const piece = b.readPiece(0 as never, { without: [], changesMax: 1000 });
  expect(piece.parts[0]!.rows.map(({ table, val }) => `${table} ${String(val)}`)).toEqual(
    Array.from({ length: 100 }, (_, i) => `t${i} ${i}`),
  );
  a.close();
  b.close();
});
