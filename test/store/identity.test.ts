/** Copies and backups: a marker outside the file tells, and a new site id lets the copy converge. */
import { expect, test } from 'vitest';
import { ReplicationError } from '../../src/core/errors.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { IdentityMarker, Marker } from '../../src/store/identity-marker.ts';
import type { Store } from '../../src/store/store.ts';
import { HookedFileSystem } from '../faults/hooked-file-system.ts';
import { MemoryMarker } from './memory-marker.ts';
import { contents, flushPart, mergeParts, openTestStore, pull, siteOf, write } from './test-store.ts';

async function openOn(disk: MemoryFileSystem, marker?: IdentityMarker): Promise<Store> {
  const driver = await createWasmDriver({ fileSystem: disk });
  return openTestStore({ driver, path: '/data.db', ...(marker === undefined ? {} : { marker }) });
}

function exchangeAll(...stores: readonly Store[]): void {
  for (let round = 0; round < 2; round++) {
    for (const to of stores) for (const from of stores) if (to !== from) pull(to, from);
  }
}

test('a fresh file has the engine site id, a secret, and no former sites', () => {
  const store = openTestStore();
  expect(siteOf(store)).toMatch(/^[0-9a-f]{32}$/);
  expect(store.identity.formerSites).toEqual([]);
  expect(store.secrets.get(siteOf(store))).toHaveLength(32);
  store.close();
});

test('two copies of one file never converge, and do when one took a new site id before it sent anything', async () => {
  const converge = async (reidentify: boolean): Promise<boolean> => {
    const disk = new MemoryFileSystem();
    const first = await openOn(disk);
    write(first, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`);
    first.flush();
    first.close();
    const copyDisk = new MemoryFileSystem();
    copyDisk.restore(disk.snapshot());
    const [a, b, c] = [await openOn(disk), await openOn(copyDisk), openTestStore()];
    write(a, `UPDATE todo SET title = 'left' WHERE id = 'a'`, `INSERT INTO num VALUES (1, 'left')`);
    write(b, `INSERT INTO num VALUES (2, 'right')`);
    if (reidentify) b.reidentify();
    exchangeAll(a, b, c);
    const equal = contents(a) === contents(b) && contents(b) === contents(c);
    for (const store of [a, b, c]) store.close();
    return equal;
  };
  expect([await converge(false), await converge(true)]).toEqual([false, true]);
});

test('a new site id sorts above the old one, which is held up to what a peer acknowledged; later rows are the new site', async () => {
  const store = await openOn(new MemoryFileSystem());
  const old = store.identity;
  for (let i = 0; i < 3; i++) write(store, `INSERT INTO num VALUES (${i}, 'x')`);
  store.flush();
  const peer = 'ab'.repeat(16) as never;
  store.setCursor(peer, { nonce: old.era, at: 0 as never });
  store.setHeldBy(peer, { held: [[0, 3]], parked: [], refused: [] });
  write(store, `INSERT INTO num VALUES (9, 'later')`);
  store.reidentify();
  const { site, formerSites, era } = store.identity;
  expect(site > old.site).toBe(true);
  expect(formerSites).toEqual([old.site]);
  expect(era).not.toBe(old.era);
  expect(store.cursorOf(peer)).toBeUndefined();
  expect(store.heldBy(peer).held).toEqual([]);
  expect(store.coverage.get(old.site)).toEqual([[0, 3]]);
  expect(store.coverage.get(site)).toEqual([[0, 4]]);
  expect(store.secrets.size).toBe(2);
  const { parts } = store.readPiece(0 as never, { without: [], changesMax: 99 });
  expect(new Map(parts.map((part) => [part.site, [part.span, part.rows.length]]))).toEqual(
    new Map([
      [old.site, [[0, 3], 3]],
      [site, [[0, 4], 1]],
    ]),
  );
  write(store, `UPDATE num SET v = 'y' WHERE id = 1`);
  expect(flushPart(store)).toMatchObject({ site, span: [4, 5], rows: [{ version: 5, colVersion: 2 }] });
  const again = store.identity.site;
  store.reidentify();
  expect(store.identity.formerSites).toEqual([old.site, again]);
  // A random id sorts above another one half of the time.
  for (let i = 0; i < 12; i++) store.reidentify();
  const named = [...store.identity.formerSites, store.identity.site];
  expect(named).toEqual([...named].sort());
  store.close();
});

test('a restored backup gets its lost versions back under the former site', async () => {
  const disk = new MemoryFileSystem();
  let a = await openOn(disk);
  const other = openTestStore();
  write(a, `INSERT INTO num VALUES (1, 'kept')`);
  a.flush();
  a.close();
  const backup = disk.snapshot();
  a = await openOn(disk);
  write(a, `INSERT INTO num VALUES (2, 'after the backup')`);
  mergeParts(other, flushPart(a));
  const old = a.identity.site;
  a.close();
  disk.restore(backup);
  a = await openOn(disk);
  a.reidentify();
  write(a, `INSERT INTO num VALUES (3, 'after the restore')`);
  exchangeAll(a, other);
  expect(contents(a)).toBe(contents(other));
  expect(contents(a)).toContain('after the backup');
  expect(a.coverage.get(old)).toEqual(other.coverage.get(old));
  a.close();
  other.close();
});

test('a marker that does not fit the file makes the replica take a new site id at open', async () => {
  const disk = new MemoryFileSystem();
  const marker = new MemoryMarker();
  let a = await openOn(disk, marker);
  const { site } = a.identity;
  write(a, `INSERT INTO num VALUES (1, 'x')`);
  a.flush();
  expect(marker.content).toEqual({ site, nonces: [a.identity.era], announced: 1 });
  a.close();
  a = await openOn(disk, marker);
  expect(a.identity.site).toBe(site);
  a.close();
  const backup = disk.snapshot();
  a = await openOn(disk, marker);
  write(a, `INSERT INTO num VALUES (2, 'y')`);
  a.flush();
  a.close();
  disk.restore(backup);
  a = await openOn(disk, marker);
  expect(a.identity).toMatchObject({ formerSites: [site] });
  expect(marker.content!.site).toBe(a.identity.site);
  a.close();
  const elsewhere = await openOn(disk, new MemoryMarker());
  expect(elsewhere.identity.formerSites).toHaveLength(2);
  elsewhere.close();
});

test('a crash between the marker and the file changes nothing', async () => {
  const disk = new MemoryFileSystem();
  const marker = new MemoryMarker();
  let a = await openOn(disk, marker);
  const { site } = a.identity;
  a.close();
  const before = disk.snapshot();
  const written: Marker[] = [];
  a = await openOn(disk, {
    read: () => marker.read(),
    write: (content) => written.push(content),
    announce: () => undefined,
    closed: () => undefined,
  });
  a.close();
  expect(written[0]!.nonces).toHaveLength(2);
  marker.write(written[0]!);
  a = await openOn(disk, marker);
  expect(a.identity.site).toBe(site);
  a.close();
  disk.restore(before);
  marker.write(written[0]!);
  a = await openOn(disk, marker);
  expect(a.identity.site).toBe(site);
  a.close();
});

test('writes that never left go to the new site, though they stand under numbers that a lost future used too', async () => {
  const disk = new MemoryFileSystem();
  let a = await openOn(disk);
  const relay = openTestStore();
  write(a, `INSERT INTO num VALUES (1, 'kept')`);
  pull(relay, a);
  a.setHeldBy(siteOf(relay), relay.acknowledge(siteOf(a)));
  a.close();
  const backup = disk.snapshot();
  a = await openOn(disk);
  for (let id = 2; id < 5; id++) write(a, `INSERT INTO num VALUES (${id}, 'of the lost future')`);
  pull(relay, a);
  const old = siteOf(a);
  a.close();
  disk.restore(backup);
  a = await openOn(disk);
  // More than were lost, and announced: the numbers alone say nothing any more.
  for (let id = 10; id < 16; id++) {
    write(a, `INSERT INTO num VALUES (${id}, 'offline after the restore')`);
    a.flush({ leaving: false });
  }
  expect([a.announced, a.shown]).toEqual([7, 1]);
  expect(relay.acknowledge(old).held).toEqual([[0, 4]]);
  a.reidentify();
  expect(a.coverage.get(old)).toEqual([[0, 1]]);
  exchangeAll(a, relay);
  expect(contents(a)).toBe(contents(relay));
  expect(a.connection.prepare('SELECT count(*) FROM num').get()).toEqual([10]);
  a.close();
  relay.close();
});

test('own versions count as shown before they are read for anybody, and stay so', async () => {
  const disk = new MemoryFileSystem();
  let a = await openOn(disk);
  const all = { changesMax: 9, partsMax: 9 };
  const reads: ((store: Store) => unknown)[] = [
    (store) => store.readPiece(0 as never, { without: [], changesMax: 9 }),
    (store) => store.readOwn([[0, store.announced]], all),
    (store) => store.serveWant(siteOf(store), [[0, store.announced]], all),
    (store) => {
      write(store, `INSERT INTO num VALUES (99, 'x')`);
      return store.flush();
    },
  ];
  for (const [i, read] of reads.entries()) {
    write(a, `INSERT INTO num VALUES (${i}, 'x')`);
    a.flush({ leaving: false });
    expect(a.shown).toBe(i);
    read(a);
    disk.powerLoss();
    a = await openOn(disk);
    expect(a.shown).toBe(a.announced);
  }
  a.close();
});

test('a new site id is there at the next use when the file cannot be opened again at once', async () => {
  const hooked = new HookedFileSystem(new MemoryFileSystem());
  const driver = await createWasmDriver({ fileSystem: hooked });
  const store = openTestStore({ driver, path: '/data.db' });
  write(store, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`);
  store.flush();
  const { site } = store.identity;
  const error = new ReplicationError('STORAGE_FAILED', 'the disk is away');
  hooked.hook = ({ call }) => (call === 'open' ? { kind: 'throw', error } : undefined);
  expect(() => store.reidentify()).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
  expect(() => store.identity).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
  expect(store.storedMax).toBe(1);
  hooked.hook = undefined;
  write(store, `INSERT INTO todo (id, title) VALUES ('b', 'bread')`);
  store.flush();
  expect(store.identity.site > site).toBe(true);
  expect(store.identity.formerSites).toContain(site);
  store.close();
});

test.each<[string, (store: Store) => unknown]>([
  ['its id', ({ identity }) => identity],
  ['its secrets', ({ secrets }) => secrets],
  ['its shown versions', ({ shown }) => shown],
  ['its coverage', ({ coverage }) => coverage],
  ['that nothing waits', (store) => store.flush()],
])('a new site whose file could not be opened at once tells %s, and nothing of the former one', async (_what, told) => {
  const hooked = new HookedFileSystem(new MemoryFileSystem());
  const store = openTestStore({ driver: await createWasmDriver({ fileSystem: hooked }), path: '/data.db' });
  write(store, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`);
  store.flush();
  const before = told(store);
  const error = new ReplicationError('STORAGE_FAILED', 'the disk is away');
  hooked.hook = ({ call }) => (call === 'open' ? { kind: 'throw', error } : undefined);
  expect(() => store.reidentify()).toThrow('the disk is away');
  hooked.hook = undefined;
  const first = told(store);
  store.resume(undefined);
  expect(first).toEqual(told(store));
  if (before !== undefined) expect(first).not.toEqual(before);
  store.close();
});

test('what lies in a copy for others counts as left, so that whoever becomes of it is no surprise', async () => {
  const store = await openOn(new MemoryFileSystem());
  write(store, `INSERT INTO todo (id, title) VALUES ('a', 'milk')`);
  store.flush({ leaving: false });
  expect(store.shown).toBe(0);
  store.copyTo('/backup.db');
  expect(store.shown).toBe(0);
  store.copyForOthers('/image.db');
  expect(store.shown).toBe(store.announced);
  store.close();
});

test('a file that never had a marker keeps its site; one that had and comes without is a copy', async () => {
  const disk = new MemoryFileSystem();
  let a = await openOn(disk);
  const { site } = a.identity;
  a.close();
  const marker = new MemoryMarker();
  a = await openOn(disk, marker);
  expect(a.identity.site).toBe(site);
  a.close();
  marker.content = undefined;
  const changes: unknown[] = [];
  const driver = await createWasmDriver({ fileSystem: disk });
  a = openTestStore({ driver, path: '/data.db', marker, onNewSite: (change) => changes.push(change) });
  expect(changes).toEqual([{ site: a.identity.site, former: site, reason: expect.stringContaining('original') }]);
  a.close();
});

test('a database in memory has no copies, and a file whose site id another tool changed is refused', async () => {
  const store = openTestStore();
  expect(() => store.reidentify()).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  store.close();
  const disk = new MemoryFileSystem();
  const a = await openOn(disk);
  a.connection.exec(`UPDATE crsql_site_id SET site_id = x'000102030405060708090a0b0c0d0e0f' WHERE ordinal = 0`);
  a.close();
  await expect(openOn(disk)).rejects.toThrow(expect.objectContaining({ code: 'DATABASE_CORRUPT' }));
});
