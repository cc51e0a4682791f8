/** What survives: eras after restart, power loss and restore; memory and file after a step that failed. */
import { expect, test } from 'vitest';
import type { Cursor, EraNonce } from '../../src/core/cursor.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Store } from '../../src/store/store.ts';
import type { TestStoreOptions } from './test-store.ts';
import { contents, flushPart, inputOf, mergeParts, openTestStore, pull, siteOf, write } from './test-store.ts';

interface Machine {
  readonly disk: MemoryFileSystem;
  readonly open: (options?: TestStoreOptions) => Promise<Store>;
}

/** Each open is a new process on the same disk. */
function machine(): Machine {
  const disk = new MemoryFileSystem();
  return {
    disk,
    open: async (options = {}) => {
      const driver = await createWasmDriver({ fileSystem: disk });
      return openTestStore({ driver, path: '/data.db', ...options });
    },
  };
}

function cursorAt(store: Store, at: number): Cursor {
  return { nonce: store.identity.era, at: at as never };
}

test('a file that has reached its bound takes no more, keeps what it has, and takes what fits again', async () => {
  const { open } = machine();
  const store = await open({ limits: { databaseBytesMax: 400_000 } });
  const insert = (id: number): void => write(store, [`INSERT INTO num VALUES (?, ?)`, id, 'x'.repeat(10_000)]);
  const full: unknown = expect.objectContaining({ code: 'STORAGE_FULL' });
  const fill = (): void => {
    for (let id = 1; id < 100; id++) insert(id);
  };
  expect(fill).toThrow(full);
  store.connection.exec('ROLLBACK');
  const [count] = store.connection.prepare('SELECT count(*) FROM num').get()!;
  expect(count).toBeGreaterThan(5);
  write(store, `DELETE FROM num WHERE id <= 3`);
  expect(store.flush()?.part?.rows.length).toBeGreaterThan(0);
  store.close();
  const [again, from] = [await open({ limits: { databaseBytesMax: 400_000 } }), openTestStore()];
  expect(again.connection.prepare('SELECT count(*) FROM num').get()).toEqual([Number(count) - 3]);
  write(from, [`INSERT INTO num VALUES (1000, ?)`, 'y'.repeat(200_000)]);
  const part = flushPart(from);
  expect(() => again.merge([inputOf(part)])).toThrow(full);
  expect(again.coverage.get(siteOf(from))).toBeUndefined();
  again.close();
});

test('a file that is opened again by its store keeps its bound', async () => {
  const { open } = machine();
  const store = await open({ limits: { databaseBytesMax: 400_000 } });
  store.reidentify();
  const whole = [`INSERT INTO num VALUES (1, ?)`, 'x'.repeat(500_000)] as const;
  expect(() => write(store, whole)).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
  store.close();
});

test('a store remembers across restarts that a peer gave all that it has of others, and that it lost some', async () => {
  const { open } = machine();
  const [one, other] = ['1a'.repeat(16) as SiteId, '2b'.repeat(16) as SiteId];
  const cursor = (nonce: string, at: number): Cursor => ({ nonce: nonce as EraNonce, at: at as StoreVersion });
  const a = openTestStore();
  let b = await open();
  const reopen = async (): Promise<void> => {
    b.close();
    b = await open();
  };
  expect(b.isOnlySource(one)).toBe(false);
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  b.merge([{ ...inputOf(flushPart(a)), cursor: { peer: one, cursor: cursor('first', 5) } }]);
  b.setCursor(one, cursor('first', 4));
  b.setCursor(one, cursor('second', 4));
  await reopen();
  expect([b.isOnlySource(one), b.isOnlySource(other)]).toEqual([true, false]);
  b.setCursor(one, cursor('third', 3));
  await reopen();
  expect(b.isOnlySource(one)).toBe(false);
  a.close();
  b.close();
});

test('what came by other ways than windows, or by those of another peer, has several sources', async () => {
  const { open } = machine();
  const [one, other] = ['1a'.repeat(16) as SiteId, '2b'.repeat(16) as SiteId];
  const at = { nonce: 'first' as EraNonce, at: 5 as StoreVersion };
  const [a, b, c] = [openTestStore(), await open(), openTestStore()];
  for (const store of [b, c]) store.setCursor(one, at);
  expect([b.isOnlySource(one), c.isOnlySource(one)]).toEqual([true, true]);
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  b.merge([inputOf(flushPart(a))]);
  c.setCursor(other, at);
  expect([b.isOnlySource(one), c.isOnlySource(one), c.isOnlySource(other)]).toEqual([false, false, false]);
  for (const store of [a, b, c]) store.close();
});

test('a peer that was met empty, under a name that it no longer has, is no second source', async () => {
  const { open } = machine();
  const [former, peer] = ['1a'.repeat(16) as SiteId, '2b'.repeat(16) as SiteId];
  const at = (version: number): Cursor => ({ nonce: 'first' as EraNonce, at: version as StoreVersion });
  const store = await open();
  store.setCursor(former, at(0));
  expect([store.isOnlySource(former), store.isOnlySource(peer)]).toEqual([false, false]);
  store.setCursor(peer, at(5));
  expect([store.isOnlySource(former), store.isOnlySource(peer)]).toEqual([false, true]);
  store.setCursor(former, at(1));
  expect(store.isOnlySource(peer)).toBe(false);
  store.close();
});

test('a file that is full opens again however often, and is read', async () => {
  const { open } = machine();
  const pages = (store: Store): number => Number(store.connection.prepare('PRAGMA page_count').get()?.[0]);
  let store = await open();
  write(store, [`INSERT INTO num VALUES (1, ?)`, 'x'.repeat(10_000)]);
  const limits = { databaseBytesMax: pages(store) * 4096 };
  store.close();
  for (let i = 0; i < 120; i++) {
    store = await open({ limits });
    if (i < 119) store.close();
  }
  expect(pages(store) * 4096).toBeGreaterThan(limits.databaseBytesMax);
  expect(store.connection.prepare('SELECT length(v) FROM num').get()).toEqual([10_000]);
  const full: unknown = expect.objectContaining({ code: 'STORAGE_FULL' });
  expect(() => write(store, [`INSERT INTO num VALUES (2, ?)`, 'x'.repeat(100_000)])).toThrow(full);
  store.connection.exec('ROLLBACK');
  store.close();
});

test.each<[string, (store: Store) => void]>([
  ['a refused schema', (store) => store.migrate('CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a CHECK (nosuch(a)))')],
  ['a new site id', (store) => store.reidentify()],
])('the bound of a file holds over %s', async (_name, happens) => {
  const { open } = machine();
  const store = await open({ limits: { databaseBytesMax: 1 << 20 }, tables: [] });
  const bound = (): unknown => store.connection.prepare('PRAGMA max_page_count').get()?.[0];
  expect(bound()).toBe(256);
  happens(store);
  expect(bound()).toBe(256);
  store.close();
});

test('everything known survives a restart', async () => {
  const { open } = machine();
  const a = openTestStore();
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  let b = await open();
  const { site } = b.identity;
  pull(b, a);
  write(b, `INSERT INTO num VALUES (2, 'y')`);
  b.flush();
  b.setHeldBy(siteOf(a), { held: [[0, 2]], parked: [], refused: [[2, 3]] });
  b.merge([{ parts: [], claims: new Map(), refused: { site: siteOf(a), ranges: [[7, 8]] } }]);
  const { coverage, storedMax, announced } = b;
  b.setCursor(siteOf(b), cursorAt(b, 1), 'some-subset');
  b.close();
  b = await open();
  expect(b.identity.site).toBe(site);
  expect([b.coverage, b.storedMax, b.announced]).toEqual([coverage, storedMax, announced]);
  expect(b.cursorOf(siteOf(a))).toEqual({ nonce: a.identity.era, at: 1 });
  expect(b.cursorOf(siteOf(b), 'some-subset')!.at).toBe(1);
  expect(b.heldBy(siteOf(a))).toEqual({ held: [[0, 2]], parked: [], refused: [[2, 3]] });
  expect(b.acknowledgingPeers()).toEqual([siteOf(a)]);
  expect(b.acknowledge(siteOf(a))).toEqual({ held: [[0, 1]], parked: [], refused: [[7, 8]] });
  a.close();
  b.close();
});

test('own writes that were not flushed are announced at the next open', async () => {
  const { open } = machine();
  let a = await open();
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  a.close();
  a = await open();
  expect([a.announced, a.storedMax, a.flush()]).toEqual([1, 1, undefined]);
  a.close();
});

test('every open starts an era; a cursor resumes below the start of the era after its own', async () => {
  const { disk, open } = machine();
  let a = await open();
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  a.flush();
  const first = cursorAt(a, 1);
  a.close();
  a = await open();
  expect(a.identity.era).not.toBe(first.nonce);
  expect(a.resume(undefined)).toEqual({ base: cursorAt(a, 0), lost: false });
  // While all eras are remembered, one that is not among them belongs to a future that was lost.
  expect(a.resume({ ...first, nonce: 'ab'.repeat(16) as never })).toEqual({ base: cursorAt(a, 0), lost: true });
  expect(a.resume(first)).toEqual({ base: cursorAt(a, 1), lost: false });
  a.close();
  const backup = disk.snapshot();
  a = await open();
  for (let i = 5; i < 8; i++) write(a, `INSERT INTO num VALUES (${i}, 'future')`);
  a.flush();
  const future = cursorAt(a, 4);
  expect(a.resume(future)).toEqual({ base: cursorAt(a, 4), lost: false });
  a.close();
  disk.restore(backup);
  a = await open();
  expect(a.resume(first)).toEqual({ base: cursorAt(a, 1), lost: false });
  expect(a.resume(future)).toEqual({ base: cursorAt(a, 0), lost: true });
  a.close();
});

test('a cursor of an era that lost its tail resumes where the next era began, however far that has come', async () => {
  const { disk, open } = machine();
  let a = await open();
  write(a, `INSERT INTO num VALUES (1, 'kept')`);
  a.flush();
  const early = disk.snapshot();
  for (let i = 2; i < 6; i++) write(a, `INSERT INTO num VALUES (${i}, 'lost with the power')`);
  a.flush();
  const future = cursorAt(a, 4);
  a.close();
  disk.restore(early);
  a = await open();
  for (let i = 6; i < 12; i++) write(a, `INSERT INTO num VALUES (${i}, 'other')`);
  a.flush();
  expect(a.storedMax).toBeGreaterThan(4);
  expect(a.resume(future)).toEqual({ base: cursorAt(a, 1), lost: true });
  a.close();
});

test('a machine that goes on from an older snapshot, process and all, knows that a cursor lies in its lost future', async () => {
  const { open } = machine();
  let a = await open();
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  a.flush();
  const future = cursorAt(a, 9);
  expect(a.resume(future)).toEqual({ base: cursorAt(a, 1), lost: true });
  a.close();
  a = await open();
  expect(a.resume(future)).toEqual({ base: cursorAt(a, 1), lost: true });
  a.close();
});

test('without a new era a resume would skip what was written anew after a restore', async () => {
  const resumed = async (broken: boolean): Promise<number> => {
    const { disk, open } = machine();
    const faults = { era: broken };
    let a = await open({ faults });
    a.close();
    const backup = disk.snapshot();
    a = await open({ faults });
    write(a, `INSERT INTO num VALUES (1, 'lost')`);
    a.flush();
    const cursor = cursorAt(a, a.storedMax);
    a.close();
    disk.restore(backup);
    a = await open({ faults });
    write(a, `INSERT INTO num VALUES (2, 'anew')`);
    a.flush();
    const { base } = a.resume(cursor);
    a.close();
    return base.at;
  };
  expect([await resumed(false), await resumed(true)]).toEqual([0, 1]);
});

test('eras are remembered up to a bound; an older cursor starts again', async () => {
  const { open } = machine();
  const limits = { erasMax: 2 };
  let a = await open({ limits });
  const oldest = cursorAt(a, 0);
  for (let i = 0; i < 3; i++) {
    a.close();
    a = await open({ limits });
  }
  expect(a.connection.prepare('SELECT count(*) FROM crmesh_era').get()).toEqual([2]);
  expect(a.resume(oldest)).toEqual({ base: cursorAt(a, 0), lost: false });
  a.close();
});

test.each([false, true])('a flush and a merge survive a loss of power (full commits left out: %s)', async (broken) => {
  const { disk, open } = machine();
  const faults = { 'full-commit': broken };
  const b = openTestStore();
  write(b, `INSERT INTO num VALUES (7, 'from b')`);
  let a = await open({ faults });
  a.connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  mergeParts(a, flushPart(b));
  const known = [a.announced, a.coverage.size];
  write(a, `INSERT INTO num VALUES (2, 'not flushed')`);
  disk.powerLoss();
  a.connection.close();
  a = await open({ faults });
  expect(known).toEqual([1, 2]);
  const now = [a.announced, a.coverage.size];
  if (broken) expect(now).not.toEqual(known);
  else expect(now).toEqual(known);
  expect(contents(a).includes('from b')).toBe(!broken);
  expect(contents(a)).not.toContain('not flushed');
  a.close();
  b.close();
});

test('a merge that fails leaves memory and file as they were, and can be repeated', async () => {
  const { disk, open } = machine();
  const a = openTestStore();
  write(a, ...Array.from({ length: 200 }, (_, i) => `INSERT INTO num VALUES (${i}, '${'x'.repeat(200)}')`));
  const part = flushPart(a);
  const b = await open();
  const before = [b.coverage, b.storedMax, contents(b)];
  disk.capacityBytes = 0;
  expect(() => b.merge([inputOf(part)])).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
  expect([b.coverage, b.storedMax, contents(b)]).toEqual(before);
  disk.capacityBytes = Infinity;
  expect(b.merge([inputOf(part)]).inputs[0]).toMatchObject({ outcome: 'applied', applied: 200 });
  expect(contents(b)).toBe(contents(a));
  write(b, `INSERT INTO num VALUES (999, 'tracked')`);
  expect(flushPart(b).rows).toHaveLength(1);
  a.close();
  b.close();
});

test('claims that are committed before their rows outlive a merge that fails', async () => {
  const covered = async (broken: boolean): Promise<boolean> => {
    const { disk, open } = machine();
    const a = openTestStore();
    write(a, ...Array.from({ length: 200 }, (_, i) => `INSERT INTO num VALUES (${i}, '${'x'.repeat(200)}')`));
    const part = flushPart(a);
    let b = await open({ faults: { 'claims-before-rows': broken } });
    disk.capacityBytes = 300_000;
    expect(() => b.merge([inputOf(part)])).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
    disk.capacityBytes = Infinity;
    b.close();
    b = await open();
    const result = b.coverage.has(siteOf(a));
    a.close();
    b.close();
    return result;
  };
  expect([await covered(false), await covered(true)]).toEqual([false, true]);
});

test('numbers go on above what was announced when a dropped table took the highest version with it', async () => {
  const { open } = machine();
  let a = await open();
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  for (let i = 0; i < 3; i++) write(a, `INSERT INTO tag VALUES ('a', '${i}')`);
  a.flush();
  a.connection.exec(`SELECT crsql_as_table('tag')`);
  a.connection.exec('DROP TABLE tag');
  a.close();
  a = await open({ tables: [] });
  expect(a.storedMax).toBeGreaterThanOrEqual(4);
  write(a, `INSERT INTO num VALUES (2, 'y')`);
  expect(flushPart(a).rows[0]!.version).toBeGreaterThan(4);
  expect(a.readPiece(0 as never, { without: [], changesMax: 99 }).parts[0]!.rows.map(({ table }) => table)).toEqual([
    'num',
    'num',
  ]);
  a.close();
});

test('a closed store says so, and closing twice is harmless', () => {
  const store = openTestStore();
  store.close();
  store.close();
  expect(() => store.merge([])).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  expect(() => store.readPiece(0 as never, { without: [], changesMax: 1 })).toThrow(
    expect.objectContaining({ code: 'CLOSED' }),
  );
});
