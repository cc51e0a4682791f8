/** Which storage a page gets in which browser, what it says when there is none or no room, and what it needs to start. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../cli/spawned-command.ts';
import type { AppOptions } from './app-pages.ts';
import {
  addRows,
  beforeWorkers,
  countOf,
  NO_INDEXED_DB,
  NO_OPFS,
  exec,
  openDatabase,
  openPage,
  SCHEMA,
  serveApp,
  storageOf,
  syncPage,
} from './app-pages.ts';
import { launchChromium, launchProfile, profileFolder, removeFolder } from './chromium.ts';
import type { PageServer } from './page-server.ts';

const workshop = new Workshop();
let browser: Browser;
const opened: { close(): Promise<unknown> }[] = [];

/** Another machine by its name, so that its pages are not secure as those of this one are. */
const INSECURE_HOST = 'machine.test';

beforeAll(async () => {
  browser = await launchChromium(`--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`);
}, 60_000);

afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

afterAll(async () => {
  await browser?.close();
  await workshop.close();
});

async function served(options?: AppOptions): Promise<PageServer> {
  const server = await serveApp(options);
  opened.push(server);
  return server;
}

/** Private: nothing of it is on the disk. */
async function privateContext(): Promise<BrowserContext> {
  const context = await browser.newContext();
  opened.push(context);
  return context;
}

const REFUSED_OPFS =
  "StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('not in this window', 'SecurityError'))";
const REFUSED_INDEXED_DB =
  "IDBFactory.prototype.open = () => { throw new DOMException('not in this window', 'InvalidStateError') }";
const FAILING_INDEXED_DB =
  "IDBFactory.prototype.open = () => { throw new DOMException('an internal error', 'UnknownError') }";
/** Private windows may have such a clock: no time passes between two looks. */
const COARSE_CLOCK = 'performance.now = () => 0';
/** What a page takes in Chromium's private windows on a slow machine. */
const SLOW_OPFS = `{
  const { write } = FileSystemSyncAccessHandle.prototype;
  FileSystemSyncAccessHandle.prototype.write = function (...given) {
    for (const end = performance.now() + 0.6; performance.now() < end;);
    return write.apply(this, given);
  };
}`;
const NO_LOCKS = "Object.defineProperty(WorkerNavigator.prototype, 'locks', { value: undefined })";

describe('where a browser has', () => {
  test.each([
    ['everything, in a private window', COARSE_CLOCK, 'opfs', true],
    ['private files that are slow', SLOW_OPFS, 'mirror', true],
    ['slow private files and no IndexedDB', `${SLOW_OPFS};${NO_INDEXED_DB}`, 'opfs', true],
    ['no private files', NO_OPFS, 'mirror', true],
    ['private files that it refuses', REFUSED_OPFS, 'mirror', true],
    ['no private files and no IndexedDB', `${NO_OPFS};${NO_INDEXED_DB}`, 'memory', false],
    ['neither that it allows', `${REFUSED_OPFS};${REFUSED_INDEXED_DB}`, 'memory', false],
    ['no shared workers', `${COARSE_CLOCK};delete globalThis.SharedWorker`, 'opfs', true],
  ] as const)('%s, tabs share the best that is left', async (_what, beforeWorker, storage, persisted) => {
    const { origin } = await served({ beforeWorker });
    const context = await privateContext();
    await context.addInitScript('delete globalThis.SharedWorker');
    const [a, b] = [await openPage(context, origin), await openPage(context, origin)];
    expect(await storageOf(a)).toEqual({ storage, persisted, owner: true });
    expect(await storageOf(b)).toEqual({ storage, persisted, owner: false });
    await addRows(a, 'a', 2);
    await addRows(b, 'b', 2);
    expect(await Promise.all([a, b].map(countOf))).toEqual([4, 4]);
    await Promise.all([a.close(), b.close()]);
    expect(await countOf(await openPage(context, origin))).toBe(persisted ? 4 : 0);
  });

  test('no locks, a tab has the database for itself', async () => {
    const { origin } = await served({ beforeWorker: `${COARSE_CLOCK};${NO_LOCKS}` });
    const page = await openPage(await privateContext(), origin);
    expect(await storageOf(page)).toMatchObject({ storage: 'opfs', owner: true });
    await addRows(page, 'a', 2);
    expect(await countOf(page)).toBe(2);
  });
});

describe('a page that is not secure', () => {
  const insecurePage = async (): Promise<[BrowserContext, string]> => {
    const { origin } = await served();
    return [await privateContext(), origin.replace('127.0.0.1', INSECURE_HOST)];
  };

  test('has the mirror, for one tab at a time: the last one that opened it writes', async () => {
    const [context, origin] = await insecurePage();
    const a = await openPage(context, origin);
    expect(await a.evaluate(() => [isSecureContext, 'locks' in navigator, 'randomUUID' in crypto])).toEqual([
      false,
      false,
      false,
    ]);
    expect(await storageOf(a)).toEqual({ storage: 'mirror', persisted: true, owner: true });
    await addRows(a, 'a', 2);
    const b = await openPage(context, origin);
    expect(await storageOf(b)).toMatchObject({ owner: true });
    await addRows(b, 'b', 2);
    const code = await a.evaluate(() =>
      window.db.exec("INSERT INTO todo VALUES ('late', 'x', 0)").then(
        () => 'written',
        (error: { readonly code: string }) => error.code,
      ),
    );
    expect(code).toBe('FILE_LOCKED');
    await Promise.all([a.close(), b.close()]);
    expect(await countOf(await openPage(context, origin))).toBe(4);
  });

  test('syncs with a relay that allows its origin, as the same site again', async () => {
    const [context, origin] = await insecurePage();
    const { url } = await workshop.relay(['--origin', origin]);
    const page = await openPage(context, origin);
    await addRows(page, 'a', 2);
    await syncPage(page, `${url}/not-secure`);
    const secure = await openPage(await privateContext(), origin.replace(INSECURE_HOST, '127.0.0.1'));
    await syncPage(secure, `${url}/not-secure`);
    expect(await countOf(secure)).toBe(2);
    await page.reload();
    await openDatabase(page);
    await exec(page, "INSERT INTO todo VALUES ('after', 'x', 0)");
    await syncPage(page, `${url}/not-secure`);
    await secure.evaluate(() => window.link.synced());
    expect(await countOf(secure)).toBe(3);
  });

  test('hears that it has no private files', async () => {
    const [context, origin] = await insecurePage();
    const page = await context.newPage();
    await page.goto(origin);
    const failed = await failureOf(page, { storage: 'opfs' });
    expect(failed).toMatchObject({ code: 'USAGE' });
    expect(failed.message).toContain("no storage 'opfs'");
  });
});

describe('a database stays where it began', () => {
  test.each([
    ['in private files that have become slow', COARSE_CLOCK, SLOW_OPFS, 'opfs'],
    ['on the mirror beside private files that have become fast', SLOW_OPFS, COARSE_CLOCK, 'mirror'],
  ] as const)('%s', async (_what, first, then, storage) => {
    const { origin } = await served();
    const context = await privateContext();
    await beforeWorkers(context, first);
    const page = await openPage(context, origin);
    await addRows(page, 'a', 2);
    await page.close();
    await beforeWorkers(context, then);
    const again = await openPage(context, origin);
    expect(await storageOf(again)).toMatchObject({ storage });
    expect(await countOf(again)).toBe(2);
    const other = await openPage(context, origin, { name: 'another' });
    expect(await storageOf(other)).toMatchObject({ storage: storage === 'opfs' ? 'mirror' : 'opfs' });
  });

  test.each([
    ['beside private files', COARSE_CLOCK],
    ['alone', NO_OPFS],
  ])('and is not taken for missing where IndexedDB, %s, fails', async (_where, browserHas) => {
    const { origin } = await served();
    const context = await privateContext();
    await beforeWorkers(context, SLOW_OPFS);
    const page = await openPage(context, origin);
    await addRows(page, 'a', 2);
    await page.close();
    await beforeWorkers(context, `${browserHas};${FAILING_INDEXED_DB}`);
    const failing = await context.newPage();
    await failing.goto(origin);
    expect(await failureOf(failing, {})).toMatchObject({ code: 'STORAGE_FAILED' });
    await beforeWorkers(context, browserHas);
    const again = await openPage(context, origin);
    expect(await storageOf(again)).toMatchObject({ storage: 'mirror' });
    expect(await countOf(again)).toBe(2);
  });

  test('nor where IndexedDB has a later version of it', async () => {
    const { origin } = await served({ beforeWorker: NO_OPFS });
    const page = await (await privateContext()).newPage();
    await page.goto(origin);
    await page.evaluate(async () => {
      const request = indexedDB.open('crmesh/todo', 2);
      await new Promise((resolve) => (request.onsuccess = resolve));
      request.result.close();
    });
    const failed = await failureOf(page, {});
    expect(failed.code).toBe('STORAGE_FAILED');
    expect(failed.message).toContain('VersionError');
  });

  test('which leaves no trace in the other storage', async () => {
    const { origin } = await served({ beforeWorker: COARSE_CLOCK });
    const page = await openPage(await privateContext(), origin);
    expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0);
  });
});

describe.each(['a private window', 'a profile'])('without room in %s', (where) => {
  test.each(['opfs', 'mirror'] as const)(
    '%s says STORAGE_FULL, keeps what was answered, and goes on when there is room',
    async (storage) => {
      const { origin } = await served();
      const context = where === 'a profile' ? await profileContext() : await privateContext();
      const page = await context.newPage();
      const protocol = await context.newCDPSession(page);
      // Before the first use: Chromium remembers for half a minute how much room IndexedDB has.
      await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 3_000_000 });
      await page.goto(origin);
      await openDatabase(page, { storage });
      const { written, code } = await fillUp(page);
      expect(code).toBe('STORAGE_FULL');
      expect(await countOf(page)).toBeGreaterThanOrEqual(written);
      await protocol.send('Storage.overrideQuotaForOrigin', { origin });
      await exec(page, "INSERT INTO todo VALUES ('after', 'x', 0)");
      const count = await countOf(page);
      await page.reload();
      await openDatabase(page, { storage });
      expect(await countOf(page)).toBe(count);
      expect(await page.evaluate(() => window.db.query("SELECT id FROM todo WHERE id = 'after'"))).toHaveLength(1);
    },
    60_000,
  );
});

async function profileContext(): Promise<BrowserContext> {
  const folder = profileFolder();
  opened.push({ close: async () => removeFolder(folder) });
  const context = await launchProfile(folder);
  opened.push(context);
  return context;
}

/** Writes what cannot be compressed, until that is refused. */
function fillUp(page: Page): Promise<{ written: number; code: unknown }> {
  return page.evaluate(async () => {
    const text = (): string => crypto.getRandomValues(new Uint8Array(50_000)).join('');
    for (let written = 0; ; written++) {
      try {
        await window.db.exec('INSERT INTO todo VALUES (?, ?, 0)', [`full ${written}`, text()]);
      } catch (error) {
        return { written, code: (error as { readonly code?: unknown }).code };
      }
    }
  });
}

describe('a page that cannot have a database hears why', () => {
  const NO_WASM = "default-src 'self'; script-src 'self'";

  test.each([
    ['the engine is not served', { missing: ['/crsqlite-sync.wasm'] }, 'UNAVAILABLE', 'was answered with 404'],
    ['its policy allows no WebAssembly', { policy: NO_WASM }, 'UNAVAILABLE', 'wasm-unsafe-eval'],
    ['the browser runs no WebAssembly', { beforeWorker: 'delete globalThis.WebAssembly' }, 'UNAVAILABLE', 'lockdown'],
    ['the worker is not served', { missing: ['/worker.js'] }, 'UNAVAILABLE', 'worker.js'],
  ] as const)('%s', async (_why, options, code, said) => {
    const { origin } = await served(options);
    const page = await (await privateContext()).newPage();
    await page.goto(origin);
    const failed = await failureOf(page, {});
    expect(failed.code).toBe(code);
    expect(failed.message).toContain(said);
  });

  test.each([
    ['an unknown storage', { storage: 'disk' }, "not 'disk'"],
    ['an unknown limit', { limits: { frames: 1 } }, 'frames'],
  ])('%s', async (_why, options, said) => {
    const { origin } = await served();
    const page = await (await privateContext()).newPage();
    await page.goto(origin);
    const failed = await failureOf(page, options);
    expect(failed.code).toBe('USAGE');
    expect(failed.message).toContain(said);
  });

  test('a place without workers', async () => {
    const { origin } = await served();
    const page = await (await privateContext()).newPage();
    await page.addInitScript('delete globalThis.Worker');
    await page.goto(origin);
    expect(await failureOf(page, {})).toMatchObject({ code: 'USAGE' });
  });
});

async function failureOf(page: Page, options: object): Promise<{ code: string; message: string }> {
  await page.addScriptTag({ url: '/app.js', type: 'module' });
  await page.waitForFunction(() => 'crmesh' in window);
  return page.evaluate(
    async ([schema, settings]) => {
      try {
        await window.crmesh.open('todo', { schema, ...settings });
        return { code: 'opened', message: '' };
      } catch (error) {
        const { code, message } = error as { readonly code: string; readonly message: string };
        return { code, message };
      }
    },
    [SCHEMA, options] as const,
  );
}
