/** A page that the browser freezes lets the database go to a tab that lives, and is one of the tabs again when it thaws. */
import type { CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../cli/spawned-command.ts';
import { until } from '../replica/wired.ts';
import { addRows, countOf, exec, openDatabase, openPage, rowsOf, serveApp, syncPage } from './app-pages.ts';
import type { PlainBrowser } from './chromium.ts';
import { launchPlain, profileFolder, removeFolder } from './chromium.ts';
import type { PageServer } from './page-server.ts';

/** A page that is not seen draws nothing to wait for. */
const HIDDEN = { polling: 20 };
const workshop = new Workshop();
const folder = profileFolder();
let server: PageServer;
let browser: PlainBrowser;
let relay: string;
let names = 0;
const opened: Page[] = [];

beforeAll(async () => {
  server = await serveApp();
  browser = await launchPlain(folder);
  relay = (await workshop.relay()).url.replace('http', 'ws');
}, 120_000);

afterEach(async () => {
  await Promise.all(opened.splice(0).map((page) => page.close()));
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await workshop.close();
  removeFolder(folder);
});

type Storage = 'opfs' | 'mirror' | 'memory';

async function tabs(count: number, storage: Storage): Promise<Page[]> {
  const name = `freeze-${names++}`;
  const pages: Page[] = [];
  for (let i = 0; i < count; i++) pages.push(await openPage(browser.context, server.origin, { storage, name }));
  opened.push(...pages);
  return pages;
}

interface Freezer {
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

/** What the browser does to a tab that is long in the background. */
async function freezerOf(page: Page): Promise<Freezer> {
  await page.evaluate(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    for (const type of ['freeze', 'resume']) document.addEventListener(type, () => heard.push(type));
  });
  const session: CDPSession = await browser.context.newCDPSession(page);
  const turn = async (state: 'frozen' | 'active', event: string): Promise<void> => {
    await session.send('Page.setWebLifecycleState', { state });
    await page.waitForFunction(
      (type) => (window as unknown as { heard: string[] }).heard.at(-1) === type,
      event,
      HIDDEN,
    );
  };
  return { freeze: () => turn('frozen', 'freeze'), thaw: () => turn('active', 'resume') };
}

async function countsSeenBy(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: number[] = [];
    Object.assign(window, { seen });
    window.db.watch<{ n: number }>('SELECT count(*) AS n FROM todo', [], ([row]) => seen.push(row!.n));
  });
}

const seesCount = (page: Page, count: number): Promise<unknown> =>
  page.waitForFunction((n) => (window as unknown as { seen: number[] }).seen.at(-1) === n, count, HIDDEN);

const becomesOwner = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => window.db.status.owner, undefined, HIDDEN);

const isOwner = (page: Page): Promise<boolean> => page.evaluate(() => window.db.status.owner);

describe.each(['opfs', 'mirror'] as const)('a frozen tab on %s', (storage) => {
  test('that holds the database gives it up with every acknowledged write, and its watch and link live on after', async () => {
    const [a, b, c] = (await tabs(3, storage)) as [Page, Page, Page];
    await syncPage(a, `${relay}/frozen-${storage}`);
    await countsSeenBy(a);
    await addRows(a, 'a', 3);
    expect(await isOwner(a)).toBe(true);
    const { freeze, thaw } = await freezerOf(a);
    await freeze();
    await becomesOwner(b);
    await addRows(b, 'b', 2);
    await addRows(c, 'c', 2);
    expect(await Promise.all([b, c].map(countOf))).toEqual([7, 7]);
    await thaw();
    await seesCount(a, 7);
    await addRows(a, 'again ', 2);
    await seesCount(a, 9);
    await a.evaluate(() => window.link.synced());
    expect(await a.evaluate(async () => (await window.db.pending()).length)).toBe(0);
    expect(await isOwner(a)).toBe(false);
    expect(await Promise.all([b, c].map(countOf))).toEqual([9, 9]);
  });

  test('keeps what was acknowledged of writes that go on until then', async () => {
    const [a, b] = (await tabs(2, storage)) as [Page, Page];
    const { freeze, thaw } = await freezerOf(a);
    await a.evaluate(() => {
      const acknowledged: string[] = [];
      const write = async (): Promise<void> => {
        for (let i = 0; ; i++) {
          await window.db.exec('INSERT INTO todo VALUES (?, ?, 0)', [`a${i}`, 'x']);
          acknowledged.push(`a${i}`);
        }
      };
      const stopped = write().catch((error: { readonly code: string }) => error.code);
      Object.assign(window, { acknowledged, stopped });
    });
    await until(async () => (await countOf(b)) > 5);
    await freeze();
    await becomesOwner(b);
    const kept = new Set((await rowsOf(b)).map((row) => (row as { readonly id: string }).id));
    await thaw();
    const { acknowledged, code } = await a.evaluate(async () => {
      const written = window as unknown as { acknowledged: string[]; stopped: Promise<string> };
      return { acknowledged: written.acknowledged, code: await written.stopped };
    });
    expect(code).toBe('LINK_LOST');
    expect(acknowledged.length).toBeGreaterThan(3);
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  });

  test("that is the next in line stands in nobody's way", async () => {
    const [a, b, c] = (await tabs(3, storage)) as [Page, Page, Page];
    await addRows(a, 'a', 3);
    const { freeze, thaw } = await freezerOf(b);
    await freeze();
    opened.splice(opened.indexOf(a), 1);
    await a.close();
    await becomesOwner(c);
    await addRows(c, 'c', 2);
    await thaw();
    expect(await Promise.all([b, c].map(countOf))).toEqual([5, 5]);
  });

  test('in a statement that does not end gives the database up, too', async () => {
    const [a, b] = (await tabs(2, storage)) as [Page, Page];
    await addRows(a, 'a', 3);
    const { freeze, thaw } = await freezerOf(a);
    await a.evaluate(() => {
      const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)';
      const outcome = window.db.exec(`${numbers} INSERT INTO todo SELECT 'endless', max(i), 0 FROM n`).then(
        () => 'ended',
        (error: { readonly code: string }) => error.code,
      );
      Object.assign(window, { outcome });
    });
    await freeze();
    await becomesOwner(b);
    await addRows(b, 'b', 2);
    await thaw();
    expect(await a.evaluate(() => (window as unknown as { outcome: Promise<string> }).outcome)).toBe('LINK_LOST');
    expect(await Promise.all([a, b].map(countOf))).toEqual([5, 5]);
  });

  test('in a transaction leaves nothing of it, and hears so', async () => {
    const [a, b] = (await tabs(2, storage)) as [Page, Page];
    const { freeze, thaw } = await freezerOf(b);
    await b.evaluate(
      () =>
        new Promise<void>((begun) => {
          const held = window.db.transaction(async (tx) => {
            await tx.exec("INSERT INTO todo VALUES ('half', 'x', 0)");
            begun();
            await new Promise<void>((resume) => document.addEventListener('resume', () => resume()));
            await tx.exec("INSERT INTO todo VALUES ('other half', 'x', 0)");
          });
          const outcome = held.then(
            () => 'committed',
            (error: { readonly code: string }) => error.code,
          );
          Object.assign(window, { outcome });
        }),
    );
    await freeze();
    await exec(a, "INSERT INTO todo VALUES ('whole', 'x', 0)");
    await thaw();
    expect(await b.evaluate(() => (window as unknown as { outcome: Promise<string> }).outcome)).toBe('LINK_LOST');
    expect(await b.evaluate(() => window.db.query('SELECT id FROM todo'))).toEqual([{ id: 'whole' }]);
  });

  test('that is alone goes on by itself, and stays offline where it was', async () => {
    const [page] = await tabs(1, storage);
    await page!.evaluate((url) => {
      window.link = window.db.sync(url);
      window.link.pause();
    }, `${relay}/alone-${storage}`);
    await page!.waitForFunction(() => window.link.status.state === 'paused', undefined, HIDDEN);
    await addRows(page!, 'a', 3);
    const { freeze, thaw } = await freezerOf(page!);
    await freeze();
    await thaw();
    await addRows(page!, 'b', 1);
    expect(await countOf(page!)).toBe(4);
    expect(await isOwner(page!)).toBe(true);
    expect(await page!.evaluate(() => window.link.status.state)).toBe('paused');
  });
});

test('a frozen tab in whose memory alone the database lies keeps it', async () => {
  const [a, b] = (await tabs(2, 'memory')) as [Page, Page];
  await addRows(a, 'a', 3);
  const { freeze, thaw } = await freezerOf(a);
  await freeze();
  const counted = countOf(b);
  await thaw();
  expect(await counted).toBe(3);
  expect(await isOwner(a)).toBe(true);
});

test('a page that a browser without freezing keeps for its back button lets the database go, too', async () => {
  const name = `freeze-${names++}`;
  const a = await browser.context.newPage();
  opened.push(a);
  await a.addInitScript('delete Document.prototype.onfreeze');
  await a.goto(server.origin);
  await openDatabase(a, { name });
  const b = await openPage(browser.context, server.origin, { name });
  opened.push(b);
  const turn = (type: string): Promise<unknown> =>
    a.evaluate((event) => window.dispatchEvent(new PageTransitionEvent(event, { persisted: true })), type);
  await addRows(a, 'a', 2);
  await turn('pagehide');
  await becomesOwner(b);
  await turn('pageshow');
  await addRows(a, 'again ', 2);
  expect(await Promise.all([a, b].map(countOf))).toEqual([4, 4]);
});
