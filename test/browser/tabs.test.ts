/** Tabs of one browser share a database; whoever holds it may be closed or killed at any moment. */
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../cli/spawned-command.ts';
import { addRows, countOf, exec, killPage, openPage, serveApp, storageOf, syncPage } from './app-pages.ts';
import { launchProfile, profileFolder, removeFolder } from './chromium.ts';
import type { PageServer } from './page-server.ts';

const workshop = new Workshop();
const folder = profileFolder();
let server: PageServer;
let context: BrowserContext;
let relay: string;
let names = 0;
const opened: Page[] = [];
const killed = new Set<Page>();

beforeAll(async () => {
  server = await serveApp();
  context = await launchProfile(folder);
  relay = (await workshop.relay()).url.replace('http', 'ws');
}, 120_000);

afterEach(async () => {
  const alive = opened.splice(0).filter((page) => !killed.has(page));
  await Promise.all(alive.map((page) => page.close()));
});

afterAll(async () => {
  await context?.close();
  await server?.close();
  await workshop.close();
  removeFolder(folder);
});

async function tabs(count: number, storage: 'opfs' | 'mirror', name = `tabs-${names++}`): Promise<Page[]> {
  const pages: Page[] = [];
  for (let i = 0; i < count; i++) pages.push(await openPage(context, server.origin, { storage, name }));
  opened.push(...pages);
  return pages;
}

async function kill(page: Page): Promise<void> {
  killed.add(page);
  await killPage(page);
}

const becomesOwner = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => window.db.status.owner, undefined, { timeout: 10_000, polling: 20 });

describe.each(['opfs', 'mirror'] as const)('tabs on %s', (storage) => {
  test('three tabs see one database, and one of them holds it', async () => {
    const pages = await tabs(3, storage);
    const [a, b, c] = pages as [Page, Page, Page];
    expect((await Promise.all(pages.map(storageOf))).map((found) => (found as { owner: boolean }).owner)).toEqual([
      true,
      false,
      false,
    ]);
    await b.evaluate(() => {
      const seen: number[] = [];
      Object.assign(window, { seen });
      window.db.watch<{ n: number }>('SELECT count(*) AS n FROM todo', [], ([row]) => seen.push(row!.n));
    });
    await addRows(a, 'a', 3);
    await addRows(b, 'b', 3);
    await addRows(c, 'c', 3);
    await b.waitForFunction(() => (window as unknown as { seen: number[] }).seen.at(-1) === 9);
    expect(await Promise.all(pages.map(countOf))).toEqual([9, 9, 9]);
    expect(new Set(await Promise.all(pages.map((page) => page.evaluate(() => window.db.siteId)))).size).toBe(1);
  });

  test('a transaction of one tab keeps the others waiting, and a tab that dies in it leaves nothing of it', async () => {
    const [a, b, c] = (await tabs(3, storage)) as [Page, Page, Page];
    await b.evaluate(
      () =>
        new Promise<void>((begun) => {
          void window.db.transaction(async (tx) => {
            await tx.exec("INSERT INTO todo VALUES ('half', 'x', 0)");
            begun();
            await new Promise(() => {});
          });
        }),
    );
    const written = exec(c, "INSERT INTO todo VALUES ('whole', 'x', 0)");
    await kill(b);
    await written;
    expect(await a.evaluate(() => window.db.query('SELECT id FROM todo'))).toEqual([{ id: 'whole' }]);
  });

  test.each([
    ['is killed', kill],
    ['is closed', (page: Page) => page.close()],
    ['lets its database go', (page: Page) => page.evaluate(() => window.db.close())],
  ])('when the owner %s the next tab goes on, with every acknowledged write', async (_how, end) => {
    const pages = await tabs(3, storage);
    for (let round = 0; round < 2; round++) {
      const [owner, next] = pages as [Page, Page];
      await owner.evaluate(() => {
        const hold = window.db.transaction(async (tx) => {
          await tx.exec("INSERT INTO todo VALUES ('half', 'x', 0)");
          await new Promise(() => {});
        });
        hold.catch(() => undefined);
      });
      pages.shift();
      await end(owner);
      await becomesOwner(next);
      await addRows(next, `round ${round} `, 5);
    }
    expect(await countOf(pages[0]!)).toBe(10);
  });

  test('watches and links go on with the next owner; one address is one link', async () => {
    const [a, b] = (await tabs(2, storage)) as [Page, Page];
    const url = `${relay}/shared-${storage}`;
    await syncPage(a, url);
    await syncPage(b, url);
    const links = await b.evaluate(() => window.db.status.links.length);
    expect(links).toBe(1);
    await addRows(a, 'a', 2);
    await b.evaluate(() => window.link.synced());
    await b.evaluate(() => {
      const seen: number[] = [];
      Object.assign(window, { seen });
      window.db.watch<{ n: number }>('SELECT count(*) AS n FROM todo', [], ([row]) => seen.push(row!.n));
    });
    await kill(a);
    await becomesOwner(b);
    await addRows(b, 'b', 2);
    await b.waitForFunction(() => (window as unknown as { seen: number[] }).seen.at(-1) === 4);
    await b.evaluate(() => window.link.synced());
    expect(await b.evaluate(async () => (await window.db.pending()).length)).toBe(0);
  });
});
