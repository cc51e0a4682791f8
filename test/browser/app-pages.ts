/** Pages of an app that uses the browser's door, and the words that tests say in them. */
import type { BrowserContext, Page } from 'playwright-core';
import type { BrowserDatabase, BrowserOpenOptions } from '../../src/browser.ts';
import { bundleFor } from './bundle.ts';
import type { PageServer } from './page-server.ts';
import { servePages } from './page-server.ts';

export const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER)';

/** Scripts that take away from a worker what a browser may lack. */
export const NO_OPFS = 'delete FileSystemFileHandle.prototype.createSyncAccessHandle';
export const NO_INDEXED_DB = "Object.defineProperty(globalThis, 'indexedDB', { value: undefined })";

declare global {
  interface Window {
    db: BrowserDatabase;
    link: ReturnType<BrowserDatabase['sync']>;
  }
}

export interface AppOptions {
  /** Runs in the worker before anything else: takes away what a browser may lack. */
  readonly beforeWorker?: string;
  /** Files that are not there. */
  readonly missing?: readonly string[];
  readonly policy?: string;
  /** Beside the app's own. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The door, its worker and the engine, served as static files. */
export async function serveApp({
  beforeWorker = '',
  missing = [],
  policy,
  files,
}: AppOptions = {}): Promise<PageServer> {
  const [app, worker] = await Promise.all([
    bundleFor('test/browser/in-browser/app.ts', { minify: true }),
    bundleFor('src/worker.ts', { minify: true }),
  ]);
  const lost = Object.fromEntries(missing.map((path) => [path, undefined]));
  return servePages({ '/app.js': app, '/worker.js': `${beforeWorker};${worker}`, ...files, ...lost }, policy);
}

/** From now on `script` runs in this context's workers before anything else: as if the browser had become another one. */
export async function beforeWorkers(context: BrowserContext, script: string): Promise<void> {
  await context.unrouteAll();
  await context.route(/\/worker[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${script};${await response.text()}` });
  });
}

/** A page with the database open as `db`. */
export async function openPage(
  context: BrowserContext,
  origin: string,
  options: Omit<BrowserOpenOptions, 'worker'> & { readonly name?: string } = {},
): Promise<Page> {
  const page = await context.newPage();
  await page.goto(origin);
  await openDatabase(page, options);
  return page;
}

export async function openDatabase(
  page: Page,
  { name = 'todo', ...options }: Omit<BrowserOpenOptions, 'worker'> & { readonly name?: string } = {},
): Promise<void> {
  await page.addScriptTag({ url: '/app.js', type: 'module' });
  await page.waitForFunction(() => 'crmesh' in window);
  await page.evaluate(
    async ([database, settings]) => {
      window.db = await window.crmesh.open(database, settings);
    },
    [name, { schema: SCHEMA, ...options }] as const,
  );
}

/** Opens a link and waits until everything known now is exchanged. */
export async function syncPage(page: Page, url: string): Promise<void> {
  await page.evaluate(async (address) => {
    window.link = window.db.sync(address);
    await window.link.synced();
  }, url);
}

export async function exec(
  page: Page,
  sql: string,
  parameters: readonly (string | number | null)[] = [],
): Promise<void> {
  await page.evaluate(([text, values]) => window.db.exec(text, values), [sql, parameters] as const);
}

/** `count` rows with ids that begin with `prefix`, one write each. */
export async function addRows(page: Page, prefix: string, count: number): Promise<void> {
  await page.evaluate(
    async ([start, rows]) => {
      for (let i = 0; i < rows; i++) await window.db.exec('INSERT INTO todo VALUES (?, ?, 0)', [`${start}${i}`, 'x']);
    },
    [prefix, count] as const,
  );
}

export async function rowsOf(page: Page): Promise<unknown[]> {
  return page.evaluate(() => window.db.query('SELECT * FROM todo ORDER BY id'));
}

export async function countOf(page: Page): Promise<number> {
  return page.evaluate(async () => (await window.db.query<{ n: number }>('SELECT count(*) AS n FROM todo'))[0]!.n);
}

export async function storageOf(page: Page): Promise<unknown> {
  return page.evaluate(() => ({
    storage: window.db.status.storage,
    persisted: window.db.status.persisted,
    owner: window.db.status.owner,
  }));
}

/** Kills the process of a page, as the system does when memory is short. A killed page cannot be closed any more. */
export async function killPage(page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash');
  const session = await page.context().newCDPSession(page);
  session.send('Page.crash').catch(() => undefined);
  await crashed;
}
