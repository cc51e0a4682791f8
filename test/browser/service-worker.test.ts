/** A service worker is a replica of its own: driven by the browser's events, peer of the tab, relay for the page. */
import type { Browser, BrowserContext, CDPSession, Page, Worker } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import { Workshop } from '../cli/spawned-command.ts';
import { until } from '../replica/wired.ts';
import { countOf, exec, openPage, rowsOf, SCHEMA, syncPage } from './app-pages.ts';
import { bundleFor } from './bundle.ts';
import { launchChromium } from './chromium.ts';
import type { PageServer } from './page-server.ts';
import { servePages } from './page-server.ts';

const workshop = new Workshop();
const KINDS = { module: '/sw-module.js', classic: '/sw-classic.js' } as const;
let server: PageServer;
let browser: Browser;
let relay: string;
let names = 0;
let context: BrowserContext;
const opened: Database[] = [];

beforeAll(async () => {
  const entry = 'test/browser/in-browser/service-worker.ts';
  const [app, worker, module, classic] = await Promise.all([
    bundleFor('test/browser/in-browser/app.ts', { minify: true }),
    bundleFor('src/worker.ts', { minify: true }),
    bundleFor(entry, { minify: true }),
    bundleFor(entry, { minify: true, classic: true }),
  ]);
  server = await servePages({
    '/app.js': app,
    '/worker.js': worker,
    [KINDS.module]: module,
    [KINDS.classic]: classic,
  });
  browser = await launchChromium();
  relay = (await workshop.relay()).url;
}, 120_000);

afterEach(async () => {
  await context?.close();
  for (const db of opened.splice(0)) await db.close();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await workshop.close();
});

/** Another replica, on Node, at the same database of the relay. */
async function otherReplica(url: string): Promise<{ db: Database; add: (id: string) => Promise<void> }> {
  const db = await open(':memory:', { schema: SCHEMA });
  opened.push(db);
  const link = db.sync(url);
  const add = async (id: string): Promise<void> => {
    await db.exec('INSERT INTO todo VALUES (?, ?, 0)', [id, 'other']);
    await link.synced();
  };
  return { db, add };
}

/** A page that the service worker controls. */
async function installed(
  kind: keyof typeof KINDS,
  url?: string,
  schema?: string,
  mode: 'leaf' | 'peer' = 'leaf',
): Promise<{ page: Page; worker: Worker }> {
  const parameters = new URLSearchParams({
    mode,
    ...(url === undefined ? {} : { url }),
    ...(schema === undefined ? {} : { schema }),
  });
  context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.origin);
  const started = context.waitForEvent('serviceworker');
  await page.evaluate(
    async ([script, type]) => {
      await navigator.serviceWorker.register(script, { type });
      await navigator.serviceWorker.ready;
    },
    [`${KINDS[kind]}?${parameters.toString()}`, kind] as const,
  );
  return { page, worker: await started };
}

const idsIn = (worker: Worker): Promise<string[]> =>
  worker.evaluate(async () => {
    const rows = await (await globalThis.replica.database()).query<{ id: string }>('SELECT id FROM todo ORDER BY id');
    return rows.map(({ id }) => id);
  });

const addIn = (worker: Worker, id: string): Promise<unknown> =>
  worker.evaluate(
    async (one) => (await globalThis.replica.database()).exec('INSERT INTO todo VALUES (?, ?, 0)', [one, 'worker']),
    id,
  );

const hasTab = (worker: Worker, has: boolean): Promise<void> =>
  until(async () => (await worker.evaluate(() => globalThis.replica.hasTab)) === has);

/** A change of a site that is none here, posted to the api of the page's service worker. */
async function postOne(page: Page): Promise<void> {
  const siteId = '00112233445566778899aabbccddeeff';
  const change = {
    table: 'todo',
    pk: 'AQsBYQ==',
    cid: 'title',
    val: 'of the page',
    colVersion: 1,
    cl: 1,
    seq: 0,
    siteId,
  };
  const part = { siteId, seqStart: 0, seqEnd: 1, changes: [change] };
  const status = await page.evaluate(async (body) => {
    const headers = { 'content-type': 'application/json' };
    return (await fetch('/api/todo/changes', { method: 'POST', headers, body: JSON.stringify(body) })).status;
  }, part);
  expect(status).toBe(200);
}

/** The debugging protocol of a page that has nothing to do with the app. */
async function protocol(): Promise<{ session: CDPSession; registrationId: string }> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const found = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const ours = registrations.find(({ scopeURL }) => scopeURL.startsWith(server.origin));
      if (ours !== undefined) resolve(ours.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  return { session, registrationId: await found };
}

describe.each(['module', 'classic'] as const)('a %s service worker with no tab', (kind) => {
  test('syncs with the relay at fetch, sync, periodicsync and push, both ways', async () => {
    const url = `${relay}/events-${names++}`;
    const other = await otherReplica(url);
    const { page, worker } = await installed(kind, kind === 'module' ? url : url.replace('http', 'ws'));
    const { session, registrationId } = await protocol();
    const target = { origin: server.origin, registrationId };
    const has = (id: string): Promise<void> => until(async () => (await idsIn(worker)).includes(id));
    await other.add('zero');
    await page.evaluate(() => fetch('/?anything'));
    await has('zero');
    await page.close();
    await other.add('one');
    await session.send('ServiceWorker.dispatchSyncEvent', { ...target, tag: 'crmesh todo', lastChance: false });
    await has('one');
    await other.add('two');
    await session.send('ServiceWorker.dispatchPeriodicSyncEvent', { ...target, tag: 'news' });
    await has('two');
    await other.add('three');
    await session.send('ServiceWorker.deliverPushMessage', { ...target, data: '' });
    await has('three');
    await addIn(worker, 'from the worker');
    await session.send('ServiceWorker.dispatchSyncEvent', { ...target, tag: 'crmesh todo', lastChance: false });
    await until(async () => (await other.db.query('SELECT id FROM todo')).length === 5);
    const status = await worker.evaluate(() => globalThis.replica.status());
    expect(status).toMatchObject({ storage: 'mirror', persisted: true, tab: false });
  }, 60_000);
});

describe('a service worker and its page', () => {
  test("the relay's endpoints are answered offline, with codes, and as the other end of a link", async () => {
    const { page, worker } = await installed('module');
    await addIn(worker, 'kept');
    const answers = await page.evaluate(async () => {
      const [described, changes, unknown] = await Promise.all(
        ['/api/todo', '/api/todo/changes', '/api/other'].map((path) => fetch(path)),
      );
      return {
        dbid: ((await described!.json()) as { dbid: string }).dbid,
        changes: ((await changes!.json()) as { changes: unknown[] }).changes.length,
        unknown: [unknown!.status, ((await unknown!.json()) as { code: string }).code],
      };
    });
    expect(answers).toEqual({ dbid: 'todo', changes: 2, unknown: [403, 'FORBIDDEN'] });
    const tab = await openPage(context, server.origin, { name: 'another' });
    await exec(tab, "INSERT INTO todo VALUES ('of the tab', 'x', 0)");
    await syncPage(tab, `${server.origin}/api/todo`);
    expect((await rowsOf(tab)).length).toBe(2);
    expect(await idsIn(worker)).toEqual(['kept', 'of the tab']);
  }, 60_000);

  test('the tab passes each commit on and takes those of the worker; without the tab the worker brings them to the relay', async () => {
    const url = `${relay}/tab-${names++}`;
    const { page, worker } = await installed('module', url);
    const { session, registrationId } = await protocol();
    await page.close();
    const tab = await openPage(context, server.origin, { serviceWorker: true });
    await exec(tab, "INSERT INTO todo VALUES ('of the tab', 'x', 0)");
    await until(async () => (await idsIn(worker)).length === 1);
    expect(await worker.evaluate(() => globalThis.replica.hasTab)).toBe(true);
    await addIn(worker, 'of the worker');
    await until(async () => (await countOf(tab)) === 2);
    await exec(tab, "UPDATE todo SET title = 'changed' WHERE id = 'of the worker'");
    await until(() =>
      worker.evaluate(
        async () =>
          (await (await globalThis.replica.database()).query("SELECT 1 FROM todo WHERE title = 'changed'")).length ===
          1,
      ),
    );
    await tab.close();
    const other = await otherReplica(url);
    await until(async () => {
      await session.send('ServiceWorker.dispatchSyncEvent', {
        origin: server.origin,
        registrationId,
        tag: 'crmesh todo',
        lastChance: false,
      });
      // What the tab wrote comes by a refill, after what the worker wrote itself.
      return (await other.db.query("SELECT id FROM todo WHERE title = 'changed'")).length === 1;
    });
    expect(await other.db.query('SELECT id FROM todo ORDER BY id')).toEqual([
      { id: 'of the tab' },
      { id: 'of the worker' },
    ]);
  }, 60_000);

  test('the worker leaves the relay to tabs that live, and takes it back when the last one is gone', async () => {
    const url = `${relay}/left-${names++}`;
    const other = await otherReplica(url);
    const { page, worker } = await installed('module', url);
    const { session, registrationId } = await protocol();
    await page.close();
    /** One event, until the sync that it asked for has ended. */
    const syncs = async (): Promise<void> => {
      const syncedAt = (): Promise<number | undefined> =>
        worker.evaluate(async () => (await globalThis.replica.status()).syncedAt);
      const before = await syncedAt();
      const target = { origin: server.origin, registrationId };
      await session.send('ServiceWorker.dispatchSyncEvent', { ...target, tag: 'crmesh todo', lastChance: false });
      await until(async () => (await syncedAt()) !== before);
    };
    const [a, b] = [
      await openPage(context, server.origin, { serviceWorker: true }),
      await openPage(context, server.origin, { serviceWorker: true }),
    ];
    await hasTab(worker, true);
    await other.add('first');
    await syncs();
    expect(await idsIn(worker)).toEqual([]);
    await syncPage(a, url);
    await until(async () => (await idsIn(worker)).length === 1);
    await a.close();
    await b.waitForFunction(() => window.db.status.owner);
    await exec(b, "INSERT INTO todo VALUES ('of b', 'x', 0)");
    await until(async () => (await idsIn(worker)).includes('of b'));
    await other.add('second');
    await syncs();
    expect(await idsIn(worker)).toEqual(['first', 'of b']);
    await b.close();
    await hasTab(worker, false);
    await syncs();
    expect(await idsIn(worker)).toEqual(['first', 'of b', 'second']);
  }, 60_000);

  test('a tab that is frozen is none for the worker until it goes on', async () => {
    const { page, worker } = await installed('module');
    await page.close();
    const tab = await openPage(context, server.origin, { serviceWorker: true });
    await hasTab(worker, true);
    await tab.evaluate(() => document.dispatchEvent(new Event('freeze')));
    await hasTab(worker, false);
    await addIn(worker, 'meanwhile');
    await tab.evaluate(() => document.dispatchEvent(new Event('resume')));
    await hasTab(worker, true);
    await until(async () => (await countOf(tab)) === 1);
  });

  test('a sync has what was written before it was asked for, also in the middle of another one', async () => {
    const url = `${relay}/in-step-${names++}`;
    const other = await otherReplica(url);
    // A peer brings what others wrote here, too.
    const { page, worker } = await installed('module', url, undefined, 'peer');
    const found = await worker.evaluate(async () => {
      const { replica } = globalThis;
      const db = await replica.database();
      // Of the page's own fetches.
      await replica.sync();
      const ended: string[] = [];
      const running = replica.sync().then(() => ended.push('running'));
      await db.exec("INSERT INTO todo VALUES ('meanwhile', 'worker', 0)");
      const asked = [replica.sync(), replica.sync()].map((sync) => sync.then(() => ended.push('asked')));
      await running;
      const first = [...ended];
      await Promise.all(asked);
      return { first, ended, unsent: await db.pending() };
    });
    expect(found).toEqual({ first: ['running'], ended: ['running', 'asked', 'asked'], unsent: [] });
    await postOne(page);
    const titles = (): Promise<{ title: string }[]> => other.db.query('SELECT title FROM todo ORDER BY title');
    await until(async () => (await titles()).length === 2);
    expect(await titles()).toEqual([{ title: 'of the page' }, { title: 'worker' }]);
  }, 60_000);

  test('what others posted to a leaf the relay takes as a refill, from one of the next syncs', async () => {
    const url = `${relay}/refilled-${names++}`;
    const other = await otherReplica(url);
    const { page, worker } = await installed('module', url);
    await postOne(page);
    await until(async () => {
      await worker.evaluate(() => globalThis.replica.sync());
      return (await other.db.query('SELECT 1 FROM todo')).length === 1;
    });
    expect(await other.db.query('SELECT title FROM todo')).toEqual([{ title: 'of the page' }]);
  }, 60_000);

  test("another site's form changes nothing", async () => {
    const { worker } = await installed('module');
    await addIn(worker, 'kept');
    const foreign = await context.newPage();
    await foreign.goto(server.origin.replace('127.0.0.1', 'localhost'));
    const answered = foreign.waitForResponse((response) => response.request().method() === 'POST');
    await foreign.evaluate((address) => {
      const form = Object.assign(document.createElement('form'), {
        method: 'POST',
        enctype: 'text/plain',
        action: `${address}/api/todo/schema?allowDestructive=1`,
      });
      const field = Object.assign(document.createElement('textarea'), {
        name: "CREATE TABLE taken (id TEXT PRIMARY KEY NOT NULL, note TEXT DEFAULT '",
        value: "')",
      });
      form.append(field);
      document.body.append(form);
      form.submit();
    }, server.origin);
    const response = await answered;
    expect(response.status()).toBe(403);
    expect(((await response.json()) as { code: string }).code).toBe('FORBIDDEN');
    expect(await idsIn(worker)).toEqual(['kept']);
    const read = await foreign.goto(`${server.origin}/api/todo`);
    expect(read!.status()).toBe(200);
  });

  test('an opening that failed is tried again by the next event, which hears the reason too', async () => {
    const { page, worker } = await installed('module', undefined, 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL');
    const codes = await worker.evaluate(async () => {
      const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;
      const first = await globalThis.replica.database().catch(codeOf);
      return [first, await globalThis.replica.sync().catch(codeOf)];
    });
    expect(codes).toEqual(['SCHEMA_REFUSED', 'SCHEMA_REFUSED']);
    const answer = await page.evaluate(async () => {
      const response = await fetch('/api/todo');
      return [response.status, ((await response.json()) as { code: string }).code];
    });
    expect(answer).toEqual([409, 'SCHEMA_REFUSED']);
  });

  test('open says what is wrong with a name or a path', async () => {
    const { worker } = await installed('module');
    const messages = await worker.evaluate(() => {
      const messageOf = (...args: Parameters<typeof globalThis.openReplica>): string => {
        try {
          globalThis.openReplica(...args);
          return 'opened';
        } catch (error) {
          const { code, message } = error as { readonly code: string; readonly message: string };
          return `${code} ${message}`;
        }
      };
      return [
        messageOf(''),
        messageOf('todo'),
        messageOf('other', { api: '/api' }),
        messageOf('other', { api: '/api/inner' }),
        messageOf('other', { api: 'relative' }),
        messageOf('other', { api: '/ends/' }),
      ];
    });
    expect(messages).toEqual([
      "USAGE open takes the name of a database first: open('todo', { schema, url })",
      "USAGE 'todo' is open here already: call open once",
      "USAGE 'todo' answers below /api already: give 'other' another api",
      "USAGE 'todo' answers below /api already: give 'other' another api",
      "USAGE api is a path without an end, '/crmesh', not 'relative'",
      "USAGE api is a path without an end, '/crmesh', not '/ends/'",
    ]);
  });
});
