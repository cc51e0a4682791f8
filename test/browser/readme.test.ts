/** The README's scripts for browsers run as they stand there, against the built package. Needs `npm run build`. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestRelay } from '../doors/served-relay.ts';
import { startRelay } from '../doors/served-relay.ts';
import { until } from '../replica/wired.ts';
import { AppFolder, filesIn } from './app-folder.ts';
import { launchChromium } from './chromium.ts';
import type { PageServer } from './page-server.ts';
import { servePages } from './page-server.ts';

const root = process.cwd();
const HTML = '<!doctype html><html lang="en"><title>app</title><script type="module" src="./page.js"></script>';
const apps = new AppFolder();
let relay: TestRelay;
let server: PageServer;
/** Which of the two depends on how fast a private window is. */
const KEPT = /^(?:opfs|mirror)$/;
let browser: Browser;

beforeAll(async () => {
  relay = await startRelay();
  const [page, serviceWorker] = snippets();
  const place = apps.add('readme', {
    'page.js': `${page!}\nObject.assign(window, { db, link, room, storage, persisted, owner });`,
    'sw.js': serviceWorker!,
  });
  const [outdir, entryPoints] = [join(place, 'out'), ['page.js', 'sw.js'].map((name) => join(place, name))];
  await build({ entryPoints, outdir, bundle: true, format: 'esm', platform: 'browser', target: 'es2022' });
  const worker = readFileSync(join(root, 'dist', 'worker.js'));
  server = await servePages({ ...filesIn(outdir), '/index.html': HTML, '/worker.js': worker });
  browser = await launchChromium();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await relay?.close();
  apps.remove();
});

function snippets(): string[] {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map((match) =>
    match[1]!.replaceAll('http://127.0.0.1:8787', relay.url).replaceAll('ws://127.0.0.1:8787', relay.url),
  );
}

test('the page writes, syncs and tells its state; the service worker answers for a replica of its own', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.origin}/index.html`);
  await page.waitForFunction(() => 'owner' in window);
  const told = await page.evaluate(() => {
    const { storage, persisted, owner } = window as unknown as Record<string, unknown>;
    return { storage, persisted, owner };
  });
  expect(told).toEqual({ storage: expect.stringMatching(KEPT), persisted: true, owner: true });
  await page.waitForFunction(() => document.title === '1 to do');
  const kept = await relay.relay.database('todo')!.query('SELECT title FROM todo');
  expect(kept).toEqual([{ title: 'written in a page' }]);
  const dbid = await page.evaluate(async () => {
    await navigator.serviceWorker.register('/sw.js', { type: 'module' });
    await navigator.serviceWorker.ready;
    while (navigator.serviceWorker.controller === null) await new Promise((resolve) => setTimeout(resolve, 10));
    return ((await (await fetch('/crmesh/todo')).json()) as { dbid: string }).dbid;
  });
  expect(dbid).toBe('todo');
  await until(() =>
    page.evaluate(async () => {
      const { changes } = (await (await fetch('/crmesh/todo/changes')).json()) as { changes: unknown[] };
      return changes.length === 2;
    }),
  );
  await context.close();
}, 60_000);

test('TypeScript gives the page the types of a browser', () => {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'ES2022',
    lib: ['ES2022', 'DOM', 'ESNext.Disposable'],
    module: 'ESNext',
    moduleResolution: 'bundler',
    customConditions: ['browser'],
    types: [],
  };
  const place = apps.add('typed', {
    'tsconfig.json': JSON.stringify({ compilerOptions, include: ['*.ts'] }),
    'sw.ts': "import { open } from 'crmesh/service-worker';\nvoid open('todo').status();",
  });
  writeFileSync(join(place, 'page.ts'), snippets()[0]!);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  let out = '';
  try {
    execFileSync(process.execPath, [tsc, '-p', place], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    out = (error as { readonly stdout: string }).stdout;
  }
  expect(out).toBe('');
}, 60_000);
