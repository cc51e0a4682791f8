/** The README's page for Vite, as a reader would have it: crmesh installed, not linked; built, and in development. */
import { once } from 'node:events';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, sep } from 'node:path';
import type { Browser } from 'playwright-core';
import sirv from 'sirv';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build, createServer as createVite } from 'vite';
import { Workshop } from '../cli/spawned-command.ts';
import { readText, root } from '../house/house.ts';
import { launchChromium } from './chromium.ts';

const workshop = new Workshop();
const folder = workshop.path('-app');
let browser: Browser;

/** The README's block of a language that has a word. */
function blockOf(language: string, word: string): string {
  const blocks = readText('README.md').matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'));
  return Array.from(blocks, ([, text]) => text!).find((text) => text.includes(word))!;
}

/** A part of the package, as npm would put it. */
function install(part: string): void {
  const to = join(folder, 'node_modules', 'crmesh', part);
  mkdirSync(dirname(to), { recursive: true });
  cpSync(join(root, part), to, {
    recursive: true,
    filter: (path) => !path.startsWith(join(root, 'dist', 'board') + sep),
  });
}

beforeAll(async () => {
  browser = await launchChromium();
  const { url } = await workshop.relay();
  for (const part of ['package.json', 'dist']) install(part);
  writeFileSync(join(folder, 'index.html'), blockOf('html', '<script').replaceAll('127.0.0.1:8787', new URL(url).host));
  writeFileSync(join(folder, 'vite.config.js'), blockOf('js', 'optimizeDeps'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies: { crmesh: '*' } }));
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await workshop.close();
});

/** What the page shows in a browser that has nothing yet, and goes on syncing. */
async function shown(url: string, plants: string): Promise<string> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(url);
  await page.getByText(plants, { exact: true }).waitFor();
  return page.locator('ul').innerText();
}

test('the page runs in development, and built by Vite from plain files, and both share the plants', async () => {
  const vite = await createVite({ root: folder, logLevel: 'silent', server: { port: 0, host: '127.0.0.1' } });
  await vite.listen();
  const { port } = vite.httpServer!.address() as AddressInfo;
  expect(await shown(`http://127.0.0.1:${port}/`, 'basil')).toBe('basil');
  await vite.close();

  await build({ root: folder, base: './', logLevel: 'silent' });
  const files = sirv(join(folder, 'dist'));
  const server = createServer((message, answer) => files(message, answer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const built = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  expect(await shown(built, 'basil, basil')).toBe('basil, basil');
  server.closeAllConnections();
  server.close();
}, 60_000);
