/** The board (examples/board) as it is built and served beside the demo's relay, in real browsers. */
import axe from 'axe-core';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import sirv from 'sirv';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { boardSchema } from '../../examples/board/src/schema.ts';
import { open } from '../../src/node.ts';
import { Workshop } from '../cli/spawned-command.ts';
import { until } from '../replica/wired.ts';
import { beforeWorkers, NO_INDEXED_DB, NO_OPFS } from './app-pages.ts';
import {
  addTask,
  cardsOf,
  inSync,
  nameWindow,
  openBoard,
  pendingIs,
  renameTask,
  setOnline,
  storedRows,
} from './board-windows.ts';
import { launchChromium } from './chromium.ts';

declare global {
  interface Window {
    axe: typeof axe;
  }
}

const tasksSql = 'SELECT id, title, lane, city, changed FROM task ORDER BY id';
const workshop = new Workshop();
let browser: Browser;
let board: string;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  browser = await launchChromium();
  const demo = workshop.stay(['demo', '--rows', '3000', '--port', '0']);
  await demo.line();
  board = String((await demo.line())['board']);
}, 120_000);

afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

afterAll(async () => {
  await browser?.close();
  await workshop.close();
});

/** A browser of its own: nothing is shared with the others but the relay. */
async function newBrowser(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  contexts.push(context);
  return context;
}

async function newWindow(name: string): Promise<Page> {
  const page = await openBoard(await newBrowser(), board);
  await inSync(page);
  await nameWindow(page, name);
  await pendingIs(page, 0);
  return page;
}

async function equalCards(a: Page, b: Page): Promise<void> {
  await until(async () => JSON.stringify(await cardsOf(a)) === JSON.stringify(await cardsOf(b)));
}

describe('two browsers', { timeout: 120_000 }, () => {
  test('write apart, count what waits, come back and show and hold the same', async () => {
    const [ada, bo] = [await newWindow('Ada'), await newWindow('Bo')];
    await setOnline(ada, false);
    await setOnline(bo, false);
    await addTask(ada, 'from Ada', 'Du');
    await addTask(ada, 'also from Ada', 'Sa');
    await addTask(bo, 'from Bo', 'Sa');
    await pendingIs(ada, 2);
    await pendingIs(bo, 1);
    expect(await ada.locator('.waits').count()).toBe(2);
    expect((await cardsOf(bo)).map(({ title }) => title)).not.toContain('from Ada');

    await setOnline(ada, true);
    await setOnline(bo, true);
    await equalCards(ada, bo);
    await pendingIs(ada, 0);
    await pendingIs(bo, 0);
    expect(await cardsOf(ada)).toMatchObject([
      { title: 'also from Ada', author: 'Ada', lane: 'todo' },
      { title: 'from Ada', author: 'Ada', lane: 'todo' },
      { title: 'from Bo', author: 'Bo', lane: 'todo' },
    ]);
    expect(await ada.locator('.waits').count()).toBe(0);
    expect(await storedRows(ada, tasksSql)).toEqual(await storedRows(bo, tasksSql));
    const counted = 'SELECT count(*) AS n, sum(length(name)) AS letters FROM city';
    expect(await storedRows(ada, counted)).toEqual(await storedRows(bo, counted));
  });

  test('that edit one task apart end with one text, and with its author', async () => {
    const [cleo, dan] = [await newWindow('Cleo'), await newWindow('Dan')];
    await addTask(cleo, 'the same task', 'Du');
    await dan.getByRole('textbox', { name: 'Text of the same task' }).waitFor();
    await setOnline(cleo, false);
    await setOnline(dan, false);
    await renameTask(cleo, 'the same task', 'a text of Cleo');
    await renameTask(dan, 'the same task', 'b text of Dan');
    await dan.getByRole('button', { name: 'Move b text of Dan to Doing' }).click();
    await dan.locator('[data-lane=doing] .card').first().waitFor();
    await setOnline(cleo, true);
    await setOnline(dan, true);
    await equalCards(cleo, dan);
    // At equal counts of writes the greater text wins; Dan wrote the task twice, so its last change is his.
    expect(await cardsOf(cleo)).toContainEqual(
      expect.objectContaining({ title: 'b text of Dan', lane: 'doing', author: 'Dan' }),
    );
    expect(await cleo.getByTestId('last-change').textContent()).toContain('Dan');

    await cleo.getByRole('button', { name: 'Remove b text of Dan' }).click();
    await until(async () => (await cardsOf(dan)).every(({ title }) => title !== 'b text of Dan'));
  });

  test('do not lose what one types in a task that another moves or writes meanwhile', async () => {
    const [gil, hal] = [await newWindow('Gil'), await newWindow('Hal')];
    await addTask(gil, 'typed by two', 'Du');
    const ofHal = hal.getByRole('textbox', { name: 'Text of typed by two' });
    await ofHal.fill('half a sent');
    await gil.getByRole('button', { name: 'Move typed by two to Doing' }).click();
    await gil.getByRole('textbox', { name: 'Text of half a sent' }).waitFor();
    await equalCards(gil, hal);

    // Hal stands in the field and types nothing: leaving it writes nothing.
    await hal.getByRole('textbox', { name: 'Text of half a sent' }).focus();
    await renameTask(gil, 'half a sent', 'whole');
    await hal.getByRole('textbox', { name: 'Text of whole' }).waitFor();
    await hal.getByLabel('Your name').focus();
    await equalCards(gil, hal);
    expect(await cardsOf(hal)).toContainEqual(expect.objectContaining({ title: 'whole', author: 'Gil' }));
  });

  test('keep what was written offline over a reload, and stay offline', async () => {
    const page = await newWindow('Eve');
    await setOnline(page, false);
    await addTask(page, 'before the reload', 'Du');
    await page.reload();
    await page.getByRole('textbox', { name: 'Text of before the reload' }).waitFor();
    await pendingIs(page, 1);
    expect(await page.getByRole('switch').getAttribute('aria-checked')).toBe('false');
    expect(await page.getByTestId('storage').textContent()).toMatch(/Persisted in this browser \((?:opfs|mirror)\)/);
    await setOnline(page, true);
    await pendingIs(page, 0);
  });
});

describe('a window', { timeout: 120_000 }, () => {
  test('shows how far the first load is, and what it holds then', async () => {
    const context = await newBrowser();
    await context.addInitScript(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      new MutationObserver(() => {
        const label = document.querySelector('.first-load label')?.textContent;
        if (label !== undefined) seen.push(label);
      }).observe(document, { subtree: true, childList: true, characterData: true });
    });
    const page = await openBoard(context, board);
    await inSync(page);
    const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    expect(seen[0]).toMatch(/^Bringing the cities here: [\d,]+ of 1\d,\d{3} changes$/);
    await page.locator('.first-load').waitFor({ state: 'detached' });
    await page
      .getByTestId('storage')
      .getByText(/[\d,]{5} cities/)
      .waitFor();
  });

  test('says that nothing is kept where the browser has no storage', async () => {
    const context = await newBrowser();
    await beforeWorkers(context, `${NO_OPFS};${NO_INDEXED_DB}`);
    const page = await openBoard(context, board);
    await inSync(page);
    await addTask(page, 'of one moment', 'Du');
    await page.getByTestId('storage').getByText('Not persisted: gone with the last tab').waitFor();
  });

  test('says in words what a task lacks', async () => {
    const page = await newWindow('Fay');
    await page.getByRole('button', { name: 'Add task' }).click();
    expect(await page.locator('form [role=alert]').textContent()).toBe('Write what is to be done.');
    await page.getByLabel('Task', { exact: true }).fill('nowhere');
    await page.getByRole('button', { name: 'Add task' }).click();
    expect(await page.locator('form [role=alert]').textContent()).toBe('Choose a city from the list.');
  });

  test('of a relay that has no such database says so and leads to its own board', async () => {
    const page = await openBoard(await newBrowser(), `${board}?relay=cities-of-another-run`);
    await page.locator('.refusal').waitFor();
    expect(await page.locator('.refusal').textContent()).toContain('cities-of-another-run');
    await page.getByRole('link', { name: /own board/ }).click();
    await inSync(page);
  });

  test('removes what its browser has of a database that the relay does not have', async () => {
    const context = await newBrowser();
    const stored = (page: Page): Promise<string> =>
      page.evaluate(async () => {
        const root = await navigator.storage.getDirectory();
        const names = (await indexedDB.databases()).map(({ name }) => String(name));
        for await (const name of (await root.getDirectoryHandle('crmesh')).keys()) names.push(decodeURIComponent(name));
        return names.join();
      });
    const page = await openBoard(context, `${board}?relay=cities-of-another-run`);
    const button = page.getByRole('button', { name: /Remove what this browser has/ });
    await button.waitFor();
    expect(await stored(page)).toContain('cities-of-another-run');
    const second = await openBoard(context, `${board}?relay=cities-of-another-run`);
    await button.click();
    await page.locator('.refusal').getByText('a tab has the database').waitFor();
    await page.close();
    await second.getByRole('button', { name: /Remove what this browser has/ }).click();
    await inSync(second);
    expect(await stored(second)).not.toContain('cities-of-another-run');
  });

  test('refuses an address that is none', async () => {
    const page = await (await newBrowser()).newPage();
    await page.goto(`${board}?relay=mailto:nobody`);
    expect(await page.getByRole('heading').textContent()).toBe('That is no address of a relay');
    await page.getByLabel('Relay and database').waitFor();
  });
});

describe.each([
  ['a desktop', { width: 1280, height: 800 }],
  ['a phone', { width: 390, height: 844 }],
] as const)('on %s', { timeout: 120_000 }, (_name, viewport) => {
  test.each(['light', 'dark'] as const)('labels, names, roles and contrast hold in the %s scheme', async (scheme) => {
    const page = await openBoard(await newBrowser({ viewport, colorScheme: scheme }), board);
    await inSync(page);
    await page.getByText('Relay', { exact: true }).click();
    await setOnline(page, false);
    await addTask(page, `${scheme} on ${viewport.width}`, 'Du');
    await page.getByLabel('City', { exact: true }).fill('Sa');
    await page.getByRole('option').first().waitFor();
    await page.evaluate(axe.source);
    const { violations, passes } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
    expect(passes.map(({ id }) => id)).toEqual(expect.arrayContaining(['color-contrast', 'label', 'button-name']));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(viewport.width);
  });

  test('the keyboard reaches everything, in the order it is read, and is seen', async () => {
    const page = await openBoard(await newBrowser({ viewport }), board);
    await inSync(page);
    await addTask(page, `keys on ${viewport.width}`, 'Du');
    await page.locator('body').evaluate(() => (document.activeElement as HTMLElement).blur());
    const reached = await tabbed(page);
    const wanted = ['Your name', 'Online', 'Task', 'City', 'Add task', 'Text of', 'Move', 'Remove', 'Relay'];
    const places = wanted.map((name) => reached.findIndex(({ label }) => label.startsWith(name)));
    expect(places.every((place) => place >= 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(reached.filter(({ outlined }) => !outlined)).toEqual([]);
  });
});

/** Where Tab leads, from the beginning of the page until it leaves it. */
async function tabbed(page: Page): Promise<{ label: string; outlined: boolean }[]> {
  const reached: { label: string; outlined: boolean }[] = [];
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
  });
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement;
      if (element === document.body) return undefined;
      const label = element.ariaLabel ?? element.labels?.[0]?.textContent ?? element.textContent;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { label: label.trim(), outlined: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 };
    });
    if (found === undefined) break;
    reached.push(found);
  }
  return reached;
}

describe('files on any server', { timeout: 120_000 }, () => {
  let server: Server;
  let port: number;

  beforeAll(async () => {
    const files = sirv('dist/board');
    const prefix = '/apps/board';
    server = createServer((message, answer) => {
      const isBelow = message.url?.startsWith(`${prefix}/`) === true;
      if (isBelow) message.url = message.url!.slice(prefix.length);
      if (isBelow) files(message, answer);
      else answer.writeHead(404).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('under a path, on another origin, they are the board of a relay that allows the origin', async () => {
    // With the dot browsers trust it like localhost, and the relay does not know it.
    const origin = `http://localhost.:${port}`;
    const [closed, allowing] = [await workshop.relay(), await workshop.relay(['--origin', origin])];
    const node = await open(':memory:', { schema: boardSchema });
    await node.exec("INSERT INTO city VALUES (1, 'Durban', 'ZA', '02', NULL, -29.8, 31.0)");
    const link = node.sync(`${allowing.url}/cities`);
    await link.synced();

    const address = (relay: string): string => `${origin}/apps/board/?relay=${encodeURIComponent(`${relay}/cities`)}`;
    const refused = await openBoard(await newBrowser(), address(closed.url));
    await refused.locator('[data-testid=sync]', { hasText: 'No connection' }).waitFor();
    const page = await openBoard(await newBrowser(), address(allowing.url));
    await inSync(page);
    await addTask(page, 'from a plain server', 'Durb');
    await pendingIs(page, 0);
    await until(async () => (await node.query('SELECT title FROM task')).length === 1);
    expect(await storedRows(page, tasksSql)).toEqual(await node.query(tasksSql));
    await node.close();
  });
});
