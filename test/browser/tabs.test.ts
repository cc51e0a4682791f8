/** Tabs of one browser share a database; whoever holds it may be closed or killed at any moment. */
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PageMeeting, StorageKind } from '../../src/browser.ts';
import { Workshop } from '../cli/spawned-command.ts';
import { until } from '../replica/wired.ts';
import {
  addRows,
  countOf,
  exec,
  killPage,
  openDatabase,
  openPage,
  rowsOf,
  serveApp,
  storageOf,
  syncPage,
} from './app-pages.ts';
import { launchProfile, profileFolder, removeFolder } from './chromium.ts';
import type { PageServer } from './page-server.ts';

declare global {
  interface Window {
    meeting: PageMeeting;
    other: Window;
  }
}

const COUNTS_FOUR = `window.db.query('SELECT count(*) AS n FROM todo').then(([row]) => row.n === 4)`;
const workshop = new Workshop();
const folder = profileFolder();
let server: PageServer;
let context: BrowserContext;
let relay: string;
let names = 0;
const opened: Page[] = [];
const killed = new Set<Page>();

beforeAll(async () => {
  // A module of WebAssembly that has nothing in it.
  server = await serveApp({ files: { '/hollow.wasm': '\0asm\x01\0\0\0' } });
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

async function tabs(count: number, storage: StorageKind, name = `tabs-${names++}`): Promise<Page[]> {
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

  test('a tab that opens while the owner goes is opened by the next owner', async () => {
    const name = `tabs-${names++}`;
    const [a] = await tabs(1, storage, name);
    // Whoever brings a schema waits for it.
    await a!.evaluate(
      () =>
        new Promise<void>((begun) => {
          void window.db.transaction(async (tx) => {
            await tx.query('SELECT 1');
            begun();
            await new Promise(() => {});
          });
        }),
    );
    const b = await context.newPage();
    opened.push(b);
    await b.goto(server.origin);
    const open = openDatabase(b, { storage, name });
    const connected = (): Promise<boolean> =>
      a!.evaluate(async (one) => {
        const { held = [] } = await navigator.locks.query();
        return held.filter((lock) => lock.name?.startsWith(`crmesh ${one} `)).length === 2;
      }, name);
    await until(connected);
    await b.waitForTimeout(300);
    await kill(a!);
    await open;
    expect(await b.evaluate(() => window.db.status.owner)).toBe(true);
    expect(await countOf(b)).toBe(0);
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

  test('a statement that does not end keeps the others waiting for its time, and then they are answered', async () => {
    const [a, b] = (await tabs(2, storage)) as [Page, Page];
    const endless = a.evaluate(() =>
      window.db
        .query('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n', [], {
          timeoutMs: 1_000,
        })
        .then(
          () => 'ended',
          (error: { readonly code: string }) => error.code,
        ),
    );
    await addRows(b, 'waits ', 3);
    expect(await endless).toBe('QUERY_TIMEOUT');
    expect(await Promise.all([a, b].map(countOf))).toEqual([3, 3]);
    expect(await b.evaluate(() => window.db.status.owner)).toBe(false);
  });

  test('an owner that stands still keeps the others waiting, and then they are answered', async () => {
    const [a, b] = (await tabs(2, storage)) as [Page, Page];
    const [worker] = a.workers();
    const still = worker!.evaluate(() => {
      const end = Date.now() + 2_000;
      while (Date.now() < end);
    });
    const written = addRows(b, 'waits ', 3);
    await Promise.all([still, written]);
    expect(await Promise.all([a, b].map(countOf))).toEqual([3, 3]);
    expect(await b.evaluate(() => window.db.status.owner)).toBe(false);
  });
});

test('a tab that cannot take over says so everywhere, and the next one takes over', async () => {
  const name = `tabs-${names++}`;
  const [a] = await tabs(1, 'opfs', name);
  const b = await openPage(context, server.origin, { storage: 'opfs', name, engine: '/hollow.wasm' });
  opened.push(b);
  const [c] = await tabs(1, 'opfs', name);
  await syncPage(b, `${relay}/no-owner`);
  await addRows(a!, 'a', 3);
  const outcome = b.evaluate(async () => {
    const codeOf = (error: unknown): string => (error as { readonly code: string }).code;
    const { db, link } = window;
    const watched = new Promise<string>((resolve) => {
      db.watch('SELECT 1 FROM todo', [], () => {}, { onError: (error) => resolve(codeOf(error)) });
    });
    const linked = new Promise<string>((resolve) => void link.on('error', (error) => resolve(codeOf(error))));
    const codes = [await watched, await linked];
    const state = [link.status.state, codeOf(link.status.lastError), db.status.links.length];
    const asked = await db.query('SELECT 1 FROM todo').then(() => 'answered', codeOf);
    await db.close();
    return { codes, state, asked };
  });
  await a!.close();
  const failed = 'ENGINE_FAILED';
  expect(await outcome).toEqual({ codes: [failed, failed], state: ['closed', failed, 0], asked: failed });
  await until(async () => b.workers().length === 0);
  await becomesOwner(c!);
  expect(await countOf(c!)).toBe(3);
});

describe('pages without a server', () => {
  test('two databases of one origin meet in a room, and part', async () => {
    const [a] = await tabs(1, 'opfs');
    const [b] = await tabs(1, 'mirror');
    const meet = (page: Page): Promise<void> =>
      page.evaluate(async () => {
        window.meeting = window.db.meet('a room');
        await window.meeting.synced();
      });
    await addRows(a!, 'a', 2);
    await Promise.all([meet(a!), meet(b!)]);
    await addRows(b!, 'b', 2);
    for (const page of [a!, b!]) await page.waitForFunction(COUNTS_FOUR);
    expect(await a!.evaluate(() => window.meeting.members)).toBe(1);
    await b!.evaluate(() => window.meeting.close());
    await a!.waitForFunction(() => window.meeting.members === 0);
  });

  test('a database serves whoever holds the other end of a port, a page of another origin too', async () => {
    const [page] = await tabs(1, 'opfs', 'served');
    await addRows(page!, 'a', 2);
    const popup = page!.waitForEvent('popup');
    await page!.evaluate(() => void (window.other = window.open(location.href.replace('127.0.0.1', 'localhost'))!));
    const other = await popup;
    opened.push(other);
    await openDatabase(other, { name: 'served' });
    const received = other.evaluate(async () => {
      const { ports } = await new Promise<MessageEvent>((resolve) => window.addEventListener('message', resolve));
      const link = window.db.sync(() => ports[0]!);
      await link.synced();
      await window.db.exec("INSERT INTO todo VALUES ('back', 'x', 0)");
      await link.synced();
    });
    await page!.evaluate(async () => {
      const { port1, port2 } = new MessageChannel();
      window.other.postMessage('a port', '*', [port2]);
      await window.db.accept(port1);
    });
    await received;
    expect(await rowsOf(page!)).toHaveLength(3);
    expect(await rowsOf(other)).toEqual(await rowsOf(page!));
  });

  test.each([['owner'], ['other tab']])(
    'a handle of a link that is none disturbs no other call of the %s',
    async (who) => {
      const [first, second] = await tabs(2, 'mirror');
      const page = who === 'owner' ? first! : second!;
      const outcome = await page.evaluate(async () => {
        const use = (link: typeof window.link): void => {
          link.pause();
          link.resume();
          link.sendEphemeral(new Uint8Array(1));
        };
        const failures: string[] = [];
        const refused = window.db.sync('ws://h/%zz');
        refused.on('error', ({ code }) => void failures.push(code));
        use(refused);
        const one = await window.db.exec("INSERT INTO todo VALUES ('one', 'x', 0)");
        const closed = window.db.sync('ws://127.0.0.1:9/todo');
        closed.close();
        use(closed);
        const two = await window.db.exec("INSERT INTO todo VALUES ('two', 'x', 0)");
        return { failures, changes: [one.changes, two.changes] };
      });
      expect(outcome).toEqual({ failures: ['USAGE'], changes: [1, 1] });
      expect(await Promise.all([first!, second!].map(countOf))).toEqual([2, 2]);
    },
  );

  test('of calls of one turn, those whose arguments cannot be copied to the worker fail with a code, alone', async () => {
    const [page] = await tabs(1, 'memory');
    const outcome = await page!.evaluate(async () => {
      const { db } = window;
      const codeOf = (error: unknown): string => (error as { readonly code: string }).code;
      const notText = (() => 'SELECT 1') as unknown as string;
      const watched = new Promise<string>((resolve) => {
        db.watch(notText, [], () => {}, { onError: (error) => resolve(codeOf(error)) });
      });
      const linked = new Promise<string>((resolve) => {
        db.sync(new URL('ws://127.0.0.1:9/todo') as unknown as string).on('error', ({ code }) => resolve(code));
      });
      const calls = [
        db.exec("INSERT INTO todo VALUES ('one', 'x', 0)").then(({ changes }) => changes),
        db.query(notText).then(() => 'answered', codeOf),
        db.flushed({ tier: notText as 'local' }).then(() => 'answered', codeOf),
        db.query('SELECT id FROM todo').then((rows) => rows.length),
      ];
      return { calls: await Promise.all(calls), watched: await watched, linked: await linked };
    });
    const refused = 'VALUE_UNSUPPORTED';
    expect(outcome).toEqual({ calls: [1, refused, refused, 1], watched: refused, linked: refused });
  });

  test('what is no port is refused with a code', async () => {
    const [page] = await tabs(1, 'memory');
    const code = await page!.evaluate(() =>
      window.db.accept({} as MessagePort).then(
        () => 'accepted',
        (error: { readonly code: string }) => error.code,
      ),
    );
    expect(code).toBe('USAGE');
  });
});
