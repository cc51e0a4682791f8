/**
 * The storages of a browser under load, and how long a tab takes over: `npm run bench:browser -- KILLS`.
 *
 * One Chromium on a fresh profile; each storage in a worker of a page of its own; then tabs whose owner is killed.
 */
import type { BrowserContext } from 'playwright-core';
import { addRows, countOf, killPage, openPage, serveApp } from '../test/browser/app-pages.ts';
import { bundleFor } from '../test/browser/bundle.ts';
import { launchProfile, profileFolder, removeFolder } from '../test/browser/chromium.ts';
import { servePages } from '../test/browser/page-server.ts';

const kills = Number(process.argv[2] ?? 20);
const folder = profileFolder();
const context = await launchProfile(folder);
try {
  await measureStorages(context);
  for (const storage of ['opfs', 'mirror'] as const) await measureTakeOver(context, storage);
} finally {
  await context.close();
  removeFolder(folder);
}

async function measureStorages(browser: BrowserContext): Promise<void> {
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
      console.log(JSON.stringify({ storage, step, ...(answer as object) }));
    }
  }
  await server.close();
}

/** From the kill of the owner to the next tab's first answered write. */
async function measureTakeOver(browser: BrowserContext, storage: 'opfs' | 'mirror'): Promise<void> {
  const server = await serveApp();
  const options = { storage, name: `bench-${storage}` };
  const times: number[] = [];
  let owner = await openPage(browser, server.origin, options);
  for (let i = 0; i < kills; i++) {
    const next = await openPage(browser, server.origin, options);
    await addRows(owner, `${i} a `, 3);
    await killPage(owner);
    const begin = performance.now();
    await next.waitForFunction(() => window.db.status.owner, undefined, { polling: 5 });
    await addRows(next, `${i} b `, 1);
    times.push(performance.now() - begin);
    owner = next;
  }
  times.sort((a, b) => a - b);
  const [median, longest] = [times[times.length >> 1], times.at(-1)].map((ms) => Math.round(ms ?? 0));
  console.log(JSON.stringify({ storage, kills, median, longest, rows: await countOf(owner), expected: 4 * kills }));
  await server.close();
}
