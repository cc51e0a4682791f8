/** A database of an origin is removed from each storage, but not under a tab that has it open. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addRows, countOf, killPage, openDatabase, openPage, serveApp } from './app-pages.ts';
import { launchChromium } from './chromium.ts';
import type { PageServer } from './page-server.ts';

let server: PageServer;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  server = await serveApp();
  browser = await launchChromium();
}, 60_000);

beforeEach(async () => {
  context = await browser.newContext();
});

afterEach(() => context.close());

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

/** The code it fails with, if it does. */
const remove = (page: Page, name: string): Promise<string> =>
  page.evaluate(
    (one) =>
      window.crmesh.remove(one).then(
        () => 'removed',
        ({ code }: { readonly code: string }) => code,
      ),
    name,
  );

const siteOf = (page: Page): Promise<string> => page.evaluate(() => window.db.siteId);

/** What is stored for this origin, whatever it is. */
const stored = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => String(name));
    const root = await navigator.storage.getDirectory();
    const pools = await root.getDirectoryHandle('crmesh', { create: true });
    for await (const name of pools.keys()) names.push(name);
    return names.sort();
  });

describe.each(['opfs', 'mirror'] as const)('a database on %s', (storage) => {
  test('that was closed is removed whole, and opened again it is a new one; others stay', async () => {
    const other = await openPage(context, server.origin, { storage, name: 'another' });
    await addRows(other, 'a', 2);
    const page = await openPage(context, server.origin, { storage });
    await addRows(page, 'a', 2);
    const site = await siteOf(page);
    await page.evaluate(() => window.db.close());
    expect(await remove(page, 'todo')).toBe('removed');
    expect(await stored(page)).toEqual([storage === 'opfs' ? 'another' : 'crmesh/another']);
    await openDatabase(page, { storage });
    expect(await countOf(page)).toBe(0);
    expect(await siteOf(page)).not.toBe(site);
    expect(await countOf(other)).toBe(2);
  });

  test('that any tab has open is refused with a code and loses nothing', async () => {
    const [owner, second] = [
      await openPage(context, server.origin, { storage }),
      await openPage(context, server.origin, { storage }),
    ];
    await addRows(second, 'a', 2);
    expect(await Promise.all([owner, second].map((page) => remove(page, 'todo')))).toEqual([
      'FILE_LOCKED',
      'FILE_LOCKED',
    ]);
    await owner.close();
    await second.waitForFunction(() => window.db.status.owner);
    await second.evaluate(() => document.dispatchEvent(new Event('freeze')));
    const third = await openPage(context, server.origin, { storage: 'memory', name: 'of no matter' });
    expect(await remove(third, 'todo')).toBe('FILE_LOCKED');
    await second.evaluate(() => document.dispatchEvent(new Event('resume')));
    expect(await countOf(second)).toBe(2);
  });

  test('whose tab was killed is removed', async () => {
    const page = await openPage(context, server.origin, { storage });
    const other = await openPage(context, server.origin, { storage: 'memory', name: 'of no matter' });
    await addRows(page, 'a', 2);
    await killPage(page);
    expect(await remove(other, 'todo')).toBe('removed');
    expect(await stored(other)).toEqual([]);
  });
});

test('a database that was begun twice, on either storage, is removed from both', async () => {
  const page = await openPage(context, server.origin, { storage: 'opfs' });
  await page.evaluate(() => window.db.close());
  await openDatabase(page, { storage: 'mirror' });
  await page.evaluate(() => window.db.close());
  expect(await stored(page)).toEqual(['crmesh/todo', 'todo']);
  expect(await remove(page, 'todo')).toBe('removed');
  expect(await stored(page)).toEqual([]);
});

test('an image that somebody without a lock keeps open is refused with a code', async () => {
  const page = await openPage(context, server.origin, { storage: 'mirror' });
  await page.evaluate(() => window.db.close());
  await page.evaluate(async () => {
    const kept = indexedDB.open('crmesh/todo');
    await new Promise((resolve) => (kept.onsuccess = resolve));
    Object.assign(window, { kept });
  });
  expect(await remove(page, 'todo')).toBe('FILE_LOCKED');
});

test('nothing is nothing to remove, and what is no name is refused with a code', async () => {
  const page = await openPage(context, server.origin, { name: ':memory:' });
  expect(await remove(page, 'never there')).toBe('removed');
  for (const name of ['', ':memory:', 5 as unknown as string]) expect(await remove(page, name)).toBe('USAGE');
});
