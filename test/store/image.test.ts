/** What an image holds: everything that any replica of the database may know, and nothing that is one replica's own. */
import { expect, test } from 'vitest';
import type { SiteId } from '../../src/core/site-id.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';
import { checkImage } from '../../src/store/image-check.ts';
import { stripImage } from '../../src/store/image.ts';
import { flushPart, mergeParts, openTestStore, siteOf, write } from './test-store.ts';

const PEER = 'ab'.repeat(16) as SiteId;
/** Tables of what one replica remembers about itself and its peers. */
const OWN_TABLES = ['crmesh_self', 'crmesh_former', 'crmesh_held', 'crmesh_refused', 'crmesh_era', 'crmesh_note'];

test('an image has rows and coverage of its source, one cursor into it, and nothing that is its own', async () => {
  const disk = new MemoryFileSystem();
  const driver = await createWasmDriver({ fileSystem: disk });
  const other = openTestStore();
  write(other, `INSERT INTO num VALUES (2, 'of another')`);
  const source = openTestStore({ driver, path: '/data.db' });
  mergeParts(source, flushPart(other));
  write(source, `INSERT INTO num VALUES (1, 'own')`);
  source.flush();
  source.setHeldBy(PEER, { held: [[0, 1]], parked: [], refused: [[1, 2]] });
  source.setCursor(PEER, { nonce: source.identity.era, at: 7 as never });
  source.copyForOthers('/image.db');
  const { announced, storedMax, identity } = source;
  const cursor = { nonce: identity.era, at: storedMax };
  const image = driver.open('/image.db');
  stripImage(image, { site: identity.site, cursor, announced });

  const count = (table: string): unknown => image.prepare(`SELECT count(*) FROM ${table}`).get()?.[0];
  const found = image.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all().map(String);
  const own = OWN_TABLES.filter((table) => found.includes(table));
  expect(own).toEqual(expect.arrayContaining(['crmesh_self', 'crmesh_held', 'crmesh_era']));
  expect(own.filter((table) => count(table) !== 0)).toEqual([]);
  expect(image.prepare('SELECT nonce, c FROM crmesh_cursor').all()).toEqual([[cursor.nonce, cursor.at]]);
  image.close();

  const adopter = openTestStore({ driver, path: '/image.db' });
  expect(adopter.connection.prepare('SELECT count(*) FROM num').get()).toEqual([2]);
  expect([siteOf(source), siteOf(other)]).not.toContain(siteOf(adopter));
  expect(adopter.coverage).toEqual(source.coverage);
  expect(adopter.cursorOf(siteOf(source))).toEqual(cursor);
  for (const store of [adopter, source, other]) store.close();
});

test('an image is compacted in a file beside it, which goes; a disk without room for it refuses', async () => {
  const disk = new MemoryFileSystem();
  const driver = await createWasmDriver({ fileSystem: disk });
  const store = openTestStore({ driver, path: '/data.db' });
  for (let i = 0; i < 40; i++) write(store, `INSERT INTO num VALUES (${i}, '${'x'.repeat(100_000)}')`);
  store.flush();
  const { announced, storedMax, identity } = store;
  const source = { site: identity.site, cursor: { nonce: identity.era, at: storedMax }, announced };
  const namesAfter = (path: string, roomBytes: number): string[] => {
    store.copyForOthers(path);
    const connection = driver.open(path);
    const used = [...disk.snapshot().live.values()].reduce((sum, { size }) => sum + size, 0);
    disk.capacityBytes = used + roomBytes;
    try {
      stripImage(connection, source);
    } finally {
      disk.capacityBytes = Infinity;
      connection.close();
    }
    return [...disk.snapshot().live.keys()].filter((name) => name.startsWith(path));
  };
  expect(() => namesAfter('/small.db', 1_000_000)).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
  expect(namesAfter('/image.db', Infinity)).toEqual(['/image.db']);
  expect([...disk.snapshot().live.keys()].filter((name) => name.includes('temporary'))).toEqual([]);
  store.close();
});

test.each([
  ['nothing more', '', undefined],
  ['a trigger', 'CREATE TRIGGER t AFTER INSERT ON num BEGIN DELETE FROM todo; END', 'the trigger t'],
  ['a view', 'CREATE VIEW v AS SELECT 1', 'the view v'],
  ['a table', 'CREATE TABLE other (x)', 'the table other'],
  ['a column', 'ALTER TABLE tag ADD COLUMN extra', 'the table tag'],
])('an image that holds %s, beside what this database has, is taken or refused', async (_, sql, foreign) => {
  const driver = await createWasmDriver({ fileSystem: new MemoryFileSystem() });
  const source = openTestStore({ driver, path: '/data.db' });
  source.copyForOthers('/image.db');
  const { identity, announced, storedMax } = source;
  const copy = driver.open('/image.db');
  stripImage(copy, { site: identity.site, cursor: { nonce: identity.era, at: storedMax }, announced });
  copy.close();
  const image = driver.open('/image.db');
  const own = openTestStore();
  if (sql !== '') image.exec(sql);
  const check = (): void => checkImage(image, own.connection);
  if (foreign === undefined) check();
  else
    expect(check).toThrow(
      expect.objectContaining({ code: 'IMAGE_REFUSED', message: expect.stringContaining(foreign) }),
    );
  image.close();
  for (const store of [source, own]) store.close();
});

test('a database that is no image is refused as one', async () => {
  const driver = await createWasmDriver({ fileSystem: new MemoryFileSystem() });
  openTestStore({ driver, path: '/data.db' }).close();
  const connection = driver.open('/data.db');
  const own = openTestStore();
  expect(() => checkImage(connection, own.connection)).toThrow(expect.objectContaining({ code: 'IMAGE_REFUSED' }));
  connection.close();
  own.close();
});
