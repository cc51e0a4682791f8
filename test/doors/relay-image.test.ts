/** First sync by image: a real relay, real files, and connections that break at any byte. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { Database, SyncProgress } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import type { RelayOptions } from '../../src/relay.ts';
import type { Break } from './breaking-proxy.ts';
import { startProxy } from './breaking-proxy.ts';
import type { TestRelay } from './served-relay.ts';
import { callUrl, startRelay } from './served-relay.ts';

const SCHEMA = `
CREATE TABLE item (id INTEGER PRIMARY KEY NOT NULL, name TEXT, amount REAL);
-- local
CREATE TABLE draft (id INTEGER PRIMARY KEY, text TEXT);
`;
const ROWS = 3_000;
/** Small databases go by image too. */
const LIMITS = { imageChangesMin: 1_000 };

const root = mkdtempSync(join(tmpdir(), 'crmesh-image-'));
const opened: { close(): Promise<void> }[] = [];
let files = 0;
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

async function replica(path = join(root, `${files++}.db`)): Promise<Database> {
  const db = await open(path, { schema: SCHEMA, log: SILENT });
  opened.push(db);
  return db;
}

async function insert(db: Database, from: number, to: number): Promise<void> {
  await db.transaction(async (tx) => {
    for (let id = from; id < to; id++) await tx.exec('INSERT INTO item VALUES (?, ?, ?)', [id, `name ${id}`, id / 8]);
  });
}

const items = (db: Database): Promise<unknown[]> => db.query('SELECT * FROM item ORDER BY id');

/** A relay whose database `shop` has rows of two sites. */
async function shop(options: RelayOptions = {}, limits = LIMITS): Promise<TestRelay & { readonly writer: Database }> {
  const relay = await startRelay({ limits, ...options });
  opened.push(relay);
  const writer = await replica();
  await insert(writer, 0, ROWS);
  await writer.exec('DELETE FROM item WHERE id % 100 = 7');
  await writer.sync(`${relay.url}/shop`, token(options)).synced();
  return { ...relay, writer };
}

const token = ({ token: secret }: RelayOptions): { token: string } | undefined =>
  secret === undefined ? undefined : { token: secret };

describe('GET /:dbid/image', () => {
  test('is the database without what is one replica’s own, and opens as a new replica', async () => {
    const { url, dir, relay } = await shop();
    const inRelay = relay.database('shop')!;
    await inRelay.exec("INSERT INTO draft VALUES (1, 'private words')");
    const answer = await fetch(`${url}/shop/image`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    const plain = inflateRawSync(bytes);
    expect(plain.includes('private words')).toBe(false);
    expect(plain.includes('name 12')).toBe(true);
    const path = join(root, 'by-hand.db');
    writeFileSync(path, plain);
    const copies = [await replica(path)];
    writeFileSync(join(root, 'by-hand-2.db'), plain);
    copies.push(await replica(join(root, 'by-hand-2.db')));
    const sites = new Set([...copies, inRelay].map((db) => db.siteId));
    expect(sites.size).toBe(3);
    for (const copy of copies) expect(await items(copy)).toEqual(await items(inRelay));
    expect(readdirSync(dir).filter((name) => name.includes('.image-'))).toHaveLength(1);
  });

  test('is the same until much has changed; ranges, If-Range and If-None-Match are kept', async () => {
    const { url, writer } = await shop();
    const first = await fetch(`${url}/shop/image`);
    const etag = first.headers.get('etag')!;
    const bytes = Buffer.from(await first.arrayBuffer());
    const again = (headers: Record<string, string>): ReturnType<typeof callUrl> =>
      callUrl('GET', `${url}/shop/image`, { headers });
    expect((await again({ 'if-none-match': etag })).status).toBe(304);
    const rest = await fetch(`${url}/shop/image`, { headers: { range: 'bytes=1000-', 'if-range': etag } });
    expect(rest.status).toBe(206);
    expect(rest.headers.get('content-range')).toBe(`bytes 1000-${bytes.length - 1}/${bytes.length}`);
    expect(Buffer.from(await rest.arrayBuffer()).equals(bytes.subarray(1000))).toBe(true);
    expect((await again({ range: 'bytes=1000-', 'if-range': '"another"' })).status).toBe(200);
    expect((await again({ range: `bytes=${bytes.length}-`, 'if-range': etag })).status).toBe(416);
    await insert(writer, 10_000, 12_000);
    await writer.flushed({ tier: 'relay' });
    expect((await again({ 'if-none-match': etag })).status).toBe(200);
  });

  test('is for callers that may read all; others get 403', async () => {
    const authorize: RelayOptions['authorize'] = ({ token: given }) => {
      return { read: given === 'reader' ? 'all' : 'none', write: 'all', schema: true, mode: 'peer' };
    };
    const relay = await startRelay({ authorize });
    opened.push(relay);
    await relay.call('PUT', '/shop', { body: SCHEMA, headers: { 'content-type': 'text/plain' } });
    expect(await relay.call('GET', '/shop/image', { token: 'writer' })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    });
    expect((await relay.call('GET', '/shop/image', { token: 'reader' })).status).toBe(200);
  });
});

describe.each(['ws', 'http'])('an empty replica over %s', (protocol) => {
  test('begins with the image, then goes on by rows, both ways', async () => {
    const relay = await shop({ token: 'secret' });
    const address = `${relay.url.replace('http', protocol)}/shop`;
    const db = await replica();
    const before = db.siteId;
    const told: SyncProgress[] = [];
    const link = db.sync(address, { token: 'secret' });
    link.on('progress', (progress) => told.push(progress));
    await link.synced();
    expect(link.status.firstSync).toMatchObject({ by: 'image', phase: 'done' });
    expect(told.some(({ phase, image }) => phase === 'image' && image!.receivedBytes === image!.bytes)).toBe(true);
    expect(link.status.traffic).toMatchObject({ changesReceived: 0, changesEchoed: 0 });
    expect(db.siteId).not.toBe(before);
    expect(await items(db)).toEqual(await items(relay.writer));
    await insert(db, 50_000, 50_010);
    await db.flushed({ tier: 'relay' });
    await insert(relay.writer, 60_000, 60_010);
    await relay.writer.flushed({ tier: 'relay' });
    await link.synced();
    const writers = relay.writer.sync(address, { token: 'secret' });
    await writers.synced();
    expect(await items(db)).toEqual(await items(relay.writer));
    expect(link.status.traffic.changesEchoed).toBe(0);
    expect(db.coverage()).toEqual(relay.relay.database('shop')!.coverage());
  });
});

describe('an image that does not arrive as it was sent', () => {
  /** Through a proxy that breaks things; retries come at once. */
  async function adopter(relay: TestRelay, next: () => Promise<Break> | Break) {
    const path = join(root, `${files++}.db`);
    const arrived = (bytes: number): Promise<void> =>
      vi.waitFor(() => expect(bytes === 0 || sizeOf(`${path}-image`) >= 32 + bytes).toBe(true), 30_000);
    const proxy = await startProxy(relay.url, async () => ({ arrived, ...(await next()) }));
    opened.push(proxy);
    const db = await open(path, { schema: SCHEMA, log: SILENT, limits: { retryFirstMs: 1, retryMaxMs: 5 } });
    opened.push(db);
    const link = db.sync(`${proxy.url.replace('http', 'ws')}/shop`);
    const errors: string[] = [];
    link.on('error', ({ code }) => errors.push(code));
    return { proxy, db, link, errors, leftOver: () => leftOvers(path) };
  }

  const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const leftOvers = (path: string): string[] =>
    readdirSync(root).filter((name) => name.startsWith(`${basename(path)}-`) && /-(?:image|adopting)/.test(name));

  test('goes on at the byte where the connection broke', async () => {
    const relay = await shop();
    const { bytes } = await imageOf(relay);
    const cuts = [0, 1, 31, Math.floor(bytes / 3), Math.floor(bytes / 3), 1];
    const { proxy, db, link, leftOver } = await adopter(relay, () => {
      const cut = cuts.shift();
      return cut === undefined ? {} : { cutAfter: cut };
    });
    await link.synced();
    expect(link.status.firstSync).toMatchObject({ by: 'image', phase: 'done', receivedBytes: bytes });
    expect(await items(db)).toEqual(await items(relay.writer));
    expect(proxy.ranges).toHaveLength(7);
    expect(new Set(proxy.ranges).size).toBeGreaterThan(5);
    expect(proxy.imageBytes()).toBe(bytes);
    const { bytesReceived } = link.status.traffic;
    expect(bytesReceived).toBeGreaterThan(bytes);
    expect(bytesReceived - bytes).toBeLessThan(bytes);
    expect(leftOver()).toEqual([]);
  });

  test('is taken once, however often the link is paused and resumed while it is checked', async () => {
    const relay = await shop();
    const { proxy, db, link, errors, leftOver } = await adopter(relay, () => ({}));
    let pauses = 0;
    link.on('progress', ({ image }) => {
      if (image === undefined || image.receivedBytes < image.bytes || pauses === 4) return;
      pauses += 1;
      link.pause();
      link.resume();
    });
    await link.synced();
    expect(pauses).toBe(4);
    expect(errors).toEqual([]);
    expect(link.status.firstSync).toMatchObject({ by: 'image', phase: 'done' });
    expect(await items(db)).toEqual(await items(relay.writer));
    expect(proxy.imageBytes()).toBe((await imageOf(relay)).bytes);
    expect(leftOver()).toEqual([]);
  });

  test('begins again when the relay has another image by then', async () => {
    const relay = await shop();
    const { bytes, etag } = await imageOf(relay);
    let requests = 0;
    const { proxy, db, link } = await adopter(relay, async () => {
      requests += 1;
      if (requests === 1) return { cutAfter: Math.floor(bytes / 2) };
      if (requests > 2) return {};
      await insert(relay.writer, 20_000, 22_000);
      await relay.writer.flushed({ tier: 'relay' });
      return {};
    });
    await link.synced();
    expect(link.status.firstSync).toMatchObject({ by: 'image', phase: 'done' });
    expect(proxy.ranges[1]).toMatch(/^bytes=\d+-$/);
    expect((await imageOf(relay)).etag).not.toBe(etag);
    expect(proxy.imageBytes()).toBeGreaterThan(Math.floor(bytes * 1.4));
    expect(await items(db)).toEqual(await items(relay.writer));
  });

  test('is refused with IMAGE_REFUSED when a byte of it is damaged, and rows are taken', async () => {
    const relay = await shop();
    const { bytes } = await imageOf(relay);
    const { db, link, errors, leftOver } = await adopter(relay, () => ({ damagedByte: Math.floor(bytes / 2) }));
    const before = db.siteId;
    await link.synced();
    expect(errors).toEqual(['IMAGE_REFUSED']);
    expect(link.status.firstSync).toMatchObject({ by: 'rows', why: expect.stringContaining('hash') as string });
    expect(link.status.traffic.changesReceived).toBeGreaterThan(ROWS);
    expect(db.siteId).toBe(before);
    expect(await items(db)).toEqual(await items(relay.writer));
    expect(leftOver()).toEqual([]);
  });

  test('is given up for rows when nothing of it ever comes', async () => {
    const relay = await shop();
    const { db, link } = await adopter(relay, () => ({ cutAfter: 0 }));
    await link.synced();
    expect(link.status.firstSync).toMatchObject({ by: 'rows' });
    expect(await items(db)).toEqual(await items(relay.writer));
  });

  test('goes on in the next run of the program', async () => {
    const relay = await shop();
    const { bytes } = await imageOf(relay);
    const half = Math.floor(bytes / 2);
    const first = await adopter(relay, () => ({ cutAfter: half }));
    const path = join(root, `${files - 1}.db`);
    await new Promise<void>((resolve) => first.link.on('error', () => resolve()));
    await first.db.close();
    expect(first.leftOver()).toEqual([`${basename(path)}-image`]);
    const proxy = await startProxy(relay.url, () => ({}));
    opened.push(proxy);
    const db = await replica(path);
    await db.sync(`${proxy.url}/shop`).synced();
    expect(proxy.ranges[0]).toMatch(/^bytes=\d+-$/);
    expect(await items(db)).toEqual(await items(relay.writer));
    expect(first.leftOver()).toEqual([]);
  });
});

describe('rows instead of an image', () => {
  const withoutMine = (db: Database): Promise<unknown[]> => db.query('SELECT * FROM item WHERE id >= 0 ORDER BY id');

  async function firstSyncOf(db: Database, relay: TestRelay & { readonly writer: Database }) {
    const link = db.sync(`${relay.url}/shop`);
    await link.synced();
    expect(await withoutMine(db)).toEqual(await withoutMine(relay.writer));
    return link.status.firstSync;
  }

  test('for a database that has rows, of a `-- local` table too', async () => {
    const relay = await shop();
    const [own, local] = [await replica(), await replica()];
    await own.exec("INSERT INTO item VALUES (-1, 'mine', 1)");
    await local.exec("INSERT INTO draft VALUES (1, 'mine')");
    expect(await firstSyncOf(own, relay)).toBeUndefined();
    expect(await firstSyncOf(local, relay)).toBeUndefined();
    expect(await local.query('SELECT text FROM draft')).toEqual([{ text: 'mine' }]);
    expect(await own.query('SELECT name FROM item WHERE id = -1')).toEqual([{ name: 'mine' }]);
  });

  test('for a database of another schema, a small one, and one that is mostly deleted', async () => {
    const large = await shop();
    const other = await open(join(root, `${files++}.db`), { schema: SCHEMA.replace('amount REAL', 'amount TEXT') });
    opened.push(other);
    const link = other.sync(`${large.url}/shop`);
    await link.synced();
    expect(link.status.firstSync).toMatchObject({ by: 'rows' });
    const small = await shop({}, { imageChangesMin: 100_000 });
    expect(await firstSyncOf(await replica(), small)).toMatchObject({ by: 'rows' });
    const deleted = await shop();
    await deleted.writer.exec('DELETE FROM item WHERE id > 3');
    await deleted.writer.flushed({ tier: 'relay' });
    expect(await firstSyncOf(await replica(), deleted)).toMatchObject({ by: 'rows' });
  });

  test('for a caller that may not read images', async () => {
    const authorize: RelayOptions['authorize'] = ({ operation }) =>
      operation === 'image' ? { refuse: 'FORBIDDEN' } : { read: 'all', write: 'all', schema: true, mode: 'peer' };
    const relay = await shop({ authorize });
    expect((await relay.call('GET', '/shop/image')).status).toBe(403);
    expect(await firstSyncOf(await replica(), relay)).toMatchObject({ by: 'rows' });
  });

  test('for a database that gets its first row while the image is on its way', async () => {
    const relay = await shop();
    const db = await replica();
    const proxy = await startProxy(relay.url, async () => {
      await db.exec("INSERT INTO item VALUES (-1, 'mine', 1)");
      return {};
    });
    opened.push(proxy);
    const link = db.sync(`${proxy.url}/shop`);
    await link.synced();
    expect(link.status.firstSync).toMatchObject({ by: 'rows' });
    expect(await db.query('SELECT count(*) AS n FROM item WHERE id = -1')).toEqual([{ n: 1 }]);
    expect(await withoutMine(db)).toEqual(await withoutMine(relay.writer));
  });
});

async function imageOf({ url }: TestRelay): Promise<{ readonly bytes: number; readonly etag: string }> {
  const answer = await fetch(`${url}/shop/image`);
  return { bytes: (await answer.arrayBuffer()).byteLength, etag: answer.headers.get('etag')! };
}
