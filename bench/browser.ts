/**
 * The storages of a browser under load, and how long a tab takes over: `npm run bench:browser -- KILLS`.
 *
 * One Chromium on a fresh profile and one private window; each storage in a worker of a page of its own; then tabs whose
 * owner is killed, and tabs whose owner is frozen.
 */
import type { BrowserContext, Page } from 'playwright-core';
import { loadEngineModule } from '../src/sqlite/wasm/engine-module.ts';
import { NodeFileSystem } from '../src/sqlite/wasm/node-file-system.ts';
import { addRows, countOf, killPage, openPage, SCHEMA, serveApp } from '../test/browser/app-pages.ts';
import { bundleFor } from '../test/browser/bundle.ts';
import { launchChromium, launchPlain, launchProfile, profileFolder, removeFolder } from '../test/browser/chromium.ts';
import { servePages } from '../test/browser/page-server.ts';
import { Bench } from './browser-measures.ts';

const ROWS = 10_000;
const NAVIGATIONS = 7;
const FIRST_QUERY = `
import './app.js';
const storage = new URLSearchParams(location.search).get('storage');
const db = await window.crmesh.open('first ' + storage, { storage, schema: '${SCHEMA}' });
const rows = await db.query('SELECT * FROM todo ORDER BY id LIMIT 20');
Object.assign(window, { db, first: { ms: performance.now(), rows: rows.length } });`;
const kills = Number(process.argv[2] ?? 20);
const folder = profileFolder();
const context = await launchProfile(folder);
try {
  await measureStorages(context, 'profile');
  await measureNode();
  for (const storage of ['opfs', 'mirror'] as const) await measureFirstQuery(context, storage);
  for (const storage of ['opfs', 'mirror'] as const) await measureTakeOver(context, { storage, after: 'kill' });
} finally {
  await context.close();
  removeFolder(folder);
}
await measurePrivateWindow();
await measureFreeze();

async function measurePrivateWindow(): Promise<void> {
  const browser = await launchChromium();
  await measureStorages(await browser.newContext(), 'private');
  await browser.close();
}

/** In a browser whose pages are hidden and frozen as a user's are. */
async function measureFreeze(): Promise<void> {
  const place = profileFolder();
  const plain = await launchPlain(place);
  for (const storage of ['opfs', 'mirror'] as const) await measureTakeOver(plain.context, { storage, after: 'freeze' });
  await plain.close();
  removeFolder(place);
}

async function measureStorages(browser: BrowserContext, where: 'profile' | 'private'): Promise<void> {
  const script = await bundleFor('bench/browser-storage.ts', { minify: true });
  const server = await servePages({ '/measure.js': script });
  for (const storage of ['opfs', 'mirror', 'memory']) {
    for (const step of ['fill', 'open', 'open']) {
      const page = await browser.newPage();
      await page.goto(server.origin);
      const answer = await page.evaluate(
        (url) =>
          new Promise((resolve) => {
            const worker = new Worker(url, { type: 'module' });
            worker.onmessage = ({ data }) => resolve(data);
            worker.onerror = ({ message }) => resolve({ failure: message });
          }),
        `/measure.js?storage=${storage}&step=${step}`,
      );
      await page.close();
      console.log(JSON.stringify({ where, storage, step, ...(answer as object) }));
    }
  }
  await server.close();
}

/** The same on Node's file system, in this run. */
async function measureNode(): Promise<void> {
  const place = profileFolder();
  const fileSystem = async (): Promise<NodeFileSystem> => new NodeFileSystem();
  for (const step of ['fill', 'open', 'open']) {
    const figures = await new Bench({ fileSystem, module: loadEngineModule, folder: place }).run(step);
    console.log(JSON.stringify({ storage: 'node', step, figures }));
  }
  removeFolder(place);
}

/** From the start of a navigation to the answer of the first query of a database with rows: a new tab, and a reload. */
async function measureFirstQuery(browser: BrowserContext, storage: 'opfs' | 'mirror'): Promise<void> {
  const html = '<!doctype html><html lang="en"><title>first</title><script type="module" src="first.js"></script>';
  const server = await serveApp({ files: { '/first.html': html, '/first.js': FIRST_QUERY } });
  const url = `${server.origin}/first.html?storage=${storage}`;
  const first = async (page: Page): Promise<number> => {
    const found = await page.waitForFunction(() => (window as { first?: { ms: number } }).first, undefined, {
      polling: 5,
    });
    return (await found.jsonValue())!.ms;
  };
  const page = await browser.newPage();
  await page.goto(url);
  await first(page);
  await page.evaluate(
    (rows) =>
      window.db.transaction(async (tx) => {
        for (let i = 0; i < rows; i++) await tx.exec('INSERT INTO todo VALUES (?, ?, 0)', [`row ${i}`, `title ${i}`]);
      }),
    ROWS,
  );
  await page.close();
  const [navigations, reloads]: [number[], number[]] = [[], []];
  for (let i = 0; i < NAVIGATIONS; i++) {
    const next = await browser.newPage();
    await next.goto(url);
    navigations.push(await first(next));
    await next.reload();
    reloads.push(await first(next));
    await next.close();
  }
  const figures = { navigation: summaryOf(navigations), reload: summaryOf(reloads) };
  console.log(JSON.stringify({ storage, firstQueryMs: figures, rows: ROWS }));
  await server.close();
}

function summaryOf(times: readonly number[]): { readonly median: number; readonly longest: number } {
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  return { median: sorted[sorted.length >> 1]!, longest: sorted.at(-1)! };
}

interface TakeOver {
  readonly storage: 'opfs' | 'mirror';
  /** What becomes of the owner. */
  readonly after: 'kill' | 'freeze';
}

/** From the end of the owner to the next tab's first answered write. */
async function measureTakeOver(browser: BrowserContext, { storage, after }: TakeOver): Promise<void> {
  const server = await serveApp();
  const options = { storage, name: `bench-${storage}` };
  const times: number[] = [];
  let owner = await openPage(browser, server.origin, options);
  for (let i = 0; i < kills; i++) {
    const next = await openPage(browser, server.origin, options);
    await addRows(owner, `${i} a `, 3);
    const begin = performance.now();
    if (after === 'kill') await killPage(owner);
    else await freezePage(owner);
    await next.waitForFunction(() => window.db.status.owner, undefined, { polling: 5 });
    await addRows(next, `${i} b `, 1);
    times.push(performance.now() - begin);
    owner = next;
  }
  const rows = await countOf(owner);
  console.log(JSON.stringify({ storage, after, times: kills, ...summaryOf(times), rows, expected: 4 * kills }));
  await server.close();
}

async function freezePage(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
}
