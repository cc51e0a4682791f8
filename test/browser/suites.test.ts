/** The database contract and the store's tests hold in a worker of a real browser, on each storage. */
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleFor } from './bundle.ts';
import { launchProfile, profileFolder, removeFolder } from './chromium.ts';
import type { TestResult } from './in-browser/vitest.ts';
import type { PageServer } from './page-server.ts';
import { servePages } from './page-server.ts';

const folder = profileFolder();
let context: BrowserContext;
let server: PageServer;

beforeAll(async () => {
  const [contract, store, storage, transport] = await Promise.all([
    bundleFor('test/browser/in-browser/contract-suite.ts', { forTests: true }),
    bundleFor('test/browser/in-browser/store-suite.ts', { forTests: true }),
    bundleFor('test/browser/in-browser/storage-suite.ts', { forTests: true }),
    bundleFor('test/browser/in-browser/transport-suite.ts', { forTests: true }),
  ]);
  server = await servePages({
    '/contract.js': contract,
    '/store.js': store,
    '/storage.js': storage,
    '/transport.js': transport,
  });
  context = await launchProfile(folder);
}, 120_000);

afterAll(async () => {
  await context?.close();
  await server?.close();
  removeFolder(folder);
});

/** Runs the suite at `script` in a dedicated worker of a page of its own. */
async function resultsOf(script: string): Promise<TestResult[]> {
  const page = await context.newPage();
  try {
    await page.goto(server.origin);
    const answer = await page.evaluate(
      (url) =>
        new Promise<{ results?: TestResult[]; failure?: string }>((resolve) => {
          const worker = new Worker(url, { type: 'module' });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message, lineno }) => resolve({ failure: `${message} (line ${lineno})` });
        }),
      script,
    );
    if (answer.results === undefined) throw new Error(answer.failure);
    return answer.results;
  } finally {
    await page.close();
  }
}

describe.each(['opfs', 'mirror'])('on %s', (storage) => {
  test.each([
    ['the database contract holds', 'contract', 70],
    ["the store's tests hold", 'store', 50],
  ])(
    '%s',
    async (_name, suite, atLeast) => {
      const results = await resultsOf(`/${suite}.js?storage=${storage}`);
      expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
      expect(results.length).toBeGreaterThanOrEqual(atLeast);
    },
    120_000,
  );
});

test('the storages keep their own promises', async () => {
  const results = await resultsOf('/storage.js');
  expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(results.length).toBeGreaterThanOrEqual(15);
}, 60_000);

test('the transports between tabs and workers keep the laws of the frame port', async () => {
  const results = await resultsOf('/transport.js');
  expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(results.length).toBeGreaterThanOrEqual(24);
}, 60_000);
