/** First sync by image in a page: a real relay, every storage, connections and pages that end at any byte. */
import { randomBytes } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import type { Break, BreakingProxy } from '../doors/breaking-proxy.ts';
import { startProxy } from '../doors/breaking-proxy.ts';
import type { TestRelay } from '../doors/served-relay.ts';
import { startRelay } from '../doors/served-relay.ts';
import { until } from '../replica/wired.ts';
import { addRows, countOf, killPage, openDatabase, openPage, SCHEMA, serveApp } from './app-pages.ts';
import { launchChromium } from './chromium.ts';
import type { PageServer } from './page-server.ts';

const ROWS = 3_000;

let server: PageServer;
let browser: Browser;
let context: BrowserContext;
let relay: TestRelay;
let writer: Database;
let imageBytes: number;
const proxies: BreakingProxy[] = [];

beforeAll(async () => {
  server = await serveApp();
  browser = await launchChromium();
  relay = await startRelay({ limits: { imageChangesMin: 1_000 } });
  writer = await open(':memory:', { schema: SCHEMA });
  // Text that cannot be compressed, so that an image has some MiB.
  await writer.transaction(async (tx) => {
    for (let id = 0; id < ROWS; id++) {
      await tx.exec('INSERT INTO todo VALUES (?, ?, 0)', [`row ${id}`, randomBytes(900).toString('base64')]);
    }
  });
  await writer.sync(`${relay.url}/shop`).synced();
  const answer = await fetch(`${relay.url}/shop/image`);
  imageBytes = (await answer.arrayBuffer()).byteLength;
}, 120_000);

afterEach(async () => {
  await context?.close();
  for (const proxy of proxies.splice(0)) await proxy.close();
});

afterAll(async () => {
  await browser?.close();
  await writer?.close();
  await relay?.close();
  await server?.close();
});

async function proxyThat(next: () => Break): Promise<BreakingProxy> {
  const proxy = await startProxy(relay.url, next);
  proxies.push(proxy);
  return proxy;
}

type Storage = 'opfs' | 'mirror' | 'memory';

async function emptyPage(storage: Storage): Promise<Page> {
  context = await browser.newContext();
  return openPage(context, server.origin, { storage, limits: { retryFirstMs: 1, retryMaxMs: 20 } });
}

declare global {
  interface Window {
    /** Of the image, as the link told them. */
    received: number[];
    failures: string[];
  }
}

/** Opens the link; what it tells is kept in the page. */
async function begin(page: Page, { url }: { readonly url: string }): Promise<void> {
  await page.evaluate((address) => {
    window.received = [];
    window.failures = [];
    window.link = window.db.sync(address);
    window.link.on('progress', ({ image }) => void (image !== undefined && window.received.push(image.receivedBytes)));
    window.link.on('error', ({ code }) => void window.failures.push(code));
  }, `${url}/shop`);
}

const synced = (page: Page): Promise<void> => page.evaluate(() => window.link.synced());
const firstSyncOf = (page: Page): Promise<unknown> => page.evaluate(() => window.link.status.firstSync);
const sitesOf = (page: Page): Promise<string> => page.evaluate(() => window.db.siteId);

describe.each(['opfs', 'mirror', 'memory'] as const)('an empty page on %s', (storage) => {
  test('begins with the image, then goes on by rows, both ways', async () => {
    const page = await emptyPage(storage);
    const before = await sitesOf(page);
    await begin(page, relay);
    await synced(page);
    expect(await firstSyncOf(page)).toMatchObject({ by: 'image', phase: 'done', bytes: imageBytes });
    expect(await page.evaluate(() => window.received.at(-1))).toBe(imageBytes);
    // What was written since the image was made.
    expect(await page.evaluate(() => window.link.status.traffic.changesReceived)).toBeLessThan(ROWS);
    expect(await sitesOf(page)).not.toBe(before);
    expect(await page.evaluate(() => window.db.query('SELECT * FROM todo ORDER BY id'))).toEqual(
      await writer.query('SELECT * FROM todo ORDER BY id'),
    );
    await addRows(page, `of ${storage} `, 3);
    await synced(page);
    await until(
      async () => (await writer.query('SELECT 1 FROM todo WHERE id LIKE ?', [`of ${storage} %`])).length === 3,
    );
    expect(await page.evaluate(() => window.db.pending())).toEqual([]);
  }, 60_000);
});

describe.each(['opfs', 'mirror'] as const)('an image on its way to %s', (storage) => {
  test('goes on at the byte where the connection broke', async () => {
    const cuts = [0, 1, 31, Math.floor(imageBytes / 3), 1];
    const page = await emptyPage(storage);
    const proxy = await proxyThat(() => {
      const cut = cuts.shift();
      const arrived = (bytes: number): Promise<void> =>
        until(() => page.evaluate((least) => least === 0 || (window.received.at(-1) ?? 0) >= least, bytes));
      return cut === undefined ? {} : { cutAfter: cut, arrived };
    });
    await begin(page, proxy);
    await synced(page);
    expect(await firstSyncOf(page)).toMatchObject({ by: 'image', phase: 'done' });
    expect(proxy.imageBytes()).toBe(await sizeNow());
    expect(await countOf(page)).toBe(await countAtWriter());
  }, 60_000);

  test.each([
    ['reloaded', reload],
    ['killed', another],
  ])(
    'goes on when the page is %s meanwhile',
    async (_how, end) => {
      let requests = 0;
      const half = Math.floor(imageBytes / 2);
      const proxy = await proxyThat(() =>
        requests++ === 0 ? { cutAfter: half, arrived: () => new Promise(() => {}) } : {},
      );
      const first = await emptyPage(storage);
      await begin(first, proxy);
      await first.waitForFunction((bytes) => (window.received.at(-1) ?? 0) >= bytes, half, { polling: 20 });
      expect(await firstSyncOf(first)).toMatchObject({ by: 'image', phase: 'fetching', bytes: imageBytes });
      const page = await end(first, storage);
      expect(await countOf(page)).toBe(0);
      await begin(page, proxy);
      await synced(page);
      expect(await firstSyncOf(page)).toMatchObject({ by: 'image', phase: 'done' });
      expect(Number(/^bytes=(\d+)-$/.exec(proxy.ranges[1]!)?.[1])).toBeGreaterThan(1_000_000);
      expect(await countOf(page)).toBe(await countAtWriter());
    },
    60_000,
  );

  test('is there whole or not at all, whenever the page is killed', async () => {
    for (const delayMs of [0, 30, 100, 250, 500]) {
      const first = await emptyPage(storage);
      const next = await openPage(context, server.origin, { storage });
      await begin(first, relay);
      await first.waitForFunction((bytes) => window.received.at(-1) === bytes, await sizeNow(), { polling: 5 });
      await first.waitForTimeout(delayMs);
      await killPage(first);
      await next.waitForFunction(() => window.db.status.owner, undefined, { polling: 20 });
      const found = await countOf(next);
      // The image is of some moment; what was written since comes after it by rows.
      expect(found === 0 || found >= ROWS, `${found} rows`).toBe(true);
      await begin(next, relay);
      await synced(next);
      expect(await countOf(next)).toBe(await countAtWriter());
      await context.close();
    }
  }, 90_000);

  test('is refused with IMAGE_REFUSED when a byte of it is damaged, and rows are taken', async () => {
    const proxy = await proxyThat(() => ({ damagedByte: Math.floor(imageBytes / 2) }));
    const page = await emptyPage(storage);
    const before = await sitesOf(page);
    await begin(page, proxy);
    await synced(page);
    expect(await page.evaluate(() => window.failures)).toEqual(['IMAGE_REFUSED']);
    expect(await firstSyncOf(page)).toMatchObject({ by: 'rows', phase: 'done' });
    expect(await sitesOf(page)).toBe(before);
    expect(await countOf(page)).toBe(await countAtWriter());
  }, 60_000);
});

async function reload(page: Page, storage: Storage): Promise<Page> {
  await page.reload();
  await openDatabase(page, { storage });
  return page;
}

/** The tab that takes over. */
async function another(page: Page, storage: Storage): Promise<Page> {
  const next = await openPage(context, server.origin, { storage });
  await killPage(page);
  await next.waitForFunction(() => window.db.status.owner, undefined, { polling: 20 });
  return next;
}

async function countAtWriter(): Promise<number> {
  return (await writer.query<{ n: number }>('SELECT count(*) AS n FROM todo'))[0]!.n;
}

/** The relay may have made another image since. */
async function sizeNow(): Promise<number> {
  return (await (await fetch(`${relay.url}/shop/image`)).arrayBuffer()).byteLength;
}
