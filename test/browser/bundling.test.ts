/**
 * An app that uses the package is built by Vite, by esbuild and by nothing at all, and then runs from static files under
 * a strict content security policy and without isolation headers. Needs `npm run build`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build as buildWithEsbuild } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { build as buildWithVite, createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../replica/wired.ts';
import { AppFolder, filesIn } from './app-folder.ts';
import { launchChromium } from './chromium.ts';
import { servePages } from './page-server.ts';

const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT)';
/** The app is the same everywhere; what differs is where it finds the package and its service worker. */
const APP = `
const db = await open('todo', { schema: '${SCHEMA}' });
await db.exec('INSERT OR REPLACE INTO todo VALUES (?, ?)', ['1', 'built']);
const rows = await db.query('SELECT title FROM todo');
const registered = await navigator.serviceWorker.register(...serviceWorker);
await navigator.serviceWorker.ready;
Object.assign(window, { found: { rows, storage: db.status.storage, isolated: window.crossOriginIsolated } });
`;
const SERVICE_WORKER = `
self.addEventListener('install', (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
`;
const opened = (engine: string): string => `open('todo', { schema: '${SCHEMA}', api: '/api', engine: ${engine} });`;
const HTML = '<!doctype html><html lang="en"><title>app</title><script type="module" src="./main.js"></script>';

const root = process.cwd();
const apps = new AppFolder();
/** Which of the two depends on how fast a private window is. */
const KEPT = /^(?:opfs|mirror)$/;
let browser: Browser;

beforeAll(async () => {
  browser = await launchChromium();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  apps.remove();
});

async function opensIn(work: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext();
  try {
    await work(await context.newPage());
  } finally {
    await context.close();
  }
}

/** The page has its database on private files, its service worker answers for a replica of its own. */
async function runsFrom(files: Readonly<Record<string, Uint8Array>>, path = '/index.html'): Promise<void> {
  const server = await servePages(files);
  try {
    await opensIn(async (page) => {
      await page.goto(server.origin + path);
      await showsRows(page);
      await until(() => page.evaluate(() => navigator.serviceWorker.controller !== null));
      const dbid = await page.evaluate(
        async () => ((await (await fetch('/api/todo')).json()) as { dbid: string }).dbid,
      );
      expect(dbid).toBe('todo');
    });
  } finally {
    await server.close();
  }
}

async function showsRows(page: Page): Promise<void> {
  const failed = page.waitForEvent('pageerror').then((error) => Promise.reject(error));
  const found = page.waitForFunction(() => (window as unknown as { found?: unknown }).found);
  expect(await (await Promise.race([found, failed])).jsonValue()).toEqual({
    rows: [{ title: 'built' }],
    storage: expect.stringMatching(KEPT),
    isolated: false,
  });
}

describe('Vite', () => {
  const files = {
    'index.html': HTML,
    'main.js': `import { open } from 'crmesh';\nconst serviceWorker = ['/sw.js', { type: 'module' }];\n${APP}`,
    'sw.js': `import { open } from 'crmesh/service-worker';\nimport engine from 'crmesh/crsqlite-sync.wasm?url';\n${SERVICE_WORKER}${opened('engine')}`,
  };

  test('builds the page, its worker, a module service worker, and one copy of the engine', async () => {
    const place = apps.add('vite', files);
    await buildWithVite({
      root: place,
      configFile: false,
      logLevel: 'error',
      build: {
        target: 'es2022',
        rolldownOptions: {
          input: { main: join(place, 'index.html'), sw: join(place, 'sw.js') },
          output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
        },
      },
    });
    const built = filesIn(join(place, 'dist'));
    expect(Object.keys(built).filter((path) => path.endsWith('.wasm'))).toHaveLength(1);
    await runsFrom(built);
  }, 60_000);

  test('serves it while the app is developed', async () => {
    const place = apps.add('vite-server', files);
    const server = await createServer({
      root: place,
      configFile: false,
      logLevel: 'error',
      server: { port: 0, host: '127.0.0.1', fs: { allow: [apps.path, root] } },
      optimizeDeps: { exclude: ['crmesh'] },
    });
    try {
      await server.listen();
      await opensIn(async (page) => {
        await page.goto(server.resolvedUrls!.local[0]!);
        await showsRows(page);
      });
    } finally {
      await server.close();
    }
  }, 60_000);
});

test('esbuild builds the page, its worker and a classic service worker', async () => {
  const place = apps.add('esbuild', {
    'index.html': HTML,
    'main.js': `import { open as openWith } from 'crmesh';
const open = (name, options) => openWith(name, { ...options, engine: '/crsqlite-sync.wasm', worker: () => new Worker('/worker.js', { type: 'module' }) });
const serviceWorker = ['/sw.js'];\n${APP}`,
    'worker.js': "import 'crmesh/worker';",
    'sw.js': `import { open } from 'crmesh/service-worker';\n${SERVICE_WORKER}${opened("'/crsqlite-sync.wasm'")}`,
  });
  const common = {
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2022',
    outdir: join(place, 'dist'),
  } as const;
  const entries = (...names: string[]): string[] => names.map((name) => join(place, name));
  await buildWithEsbuild({ ...common, entryPoints: entries('main.js', 'worker.js'), format: 'esm' });
  await buildWithEsbuild({ ...common, entryPoints: entries('sw.js'), format: 'iife', logLevel: 'error' });
  await runsFrom({ ...filesIn(join(place, 'dist')), '/index.html': readFileSync(join(place, 'index.html')) });
}, 60_000);

test.each([
  ['module', "import { open } from './crmesh/service-worker.js';", "['/sw.js', { type: 'module' }]"],
  ['classic', "importScripts('./crmesh/service-worker-classic.js'); const { open } = crmesh;", "['/sw.js']"],
])(
  'nothing builds it: the files of the package as they are, with a %s service worker',
  async (_kind, doors, registered) => {
    const text = (lines: string): Uint8Array => new TextEncoder().encode(lines);
    const built = Object.entries(filesIn(join(root, 'dist'))).map(
      ([path, bytes]) => [`/crmesh${path}`, bytes] as const,
    );
    await runsFrom({
      ...Object.fromEntries(built),
      '/index.html': text(HTML),
      '/main.js': text(`import { open } from './crmesh/browser.js';\nconst serviceWorker = ${registered};\n${APP}`),
      '/sw.js': text(`${doors}\n${SERVICE_WORKER}${opened("'/crmesh/crsqlite-sync.wasm'")}`),
    });
  },
  60_000,
);
