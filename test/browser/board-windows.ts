/** Windows of the built board, and the words in which tests say what somebody does and sees there. */
import type { BrowserContext, Page } from 'playwright-core';
import { bundleFor } from './bundle.ts';

/** A card as it is seen; '(you)' is left out, since it differs on purpose. */
export interface Card {
  readonly title: string;
  readonly lane: string;
  readonly city: string;
  readonly author: string;
}

export async function openBoard(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('.lanes').waitFor();
  return page;
}

export const inSync = (page: Page): Promise<void> =>
  page.locator('[data-testid=sync][data-mood=good]').waitFor({ timeout: 60_000 });

/** Waits until so many rows wait to be sent. */
export const pendingIs = (page: Page, count: number): Promise<void> =>
  page.locator(`[data-testid=pending][data-count="${count}"]`).waitFor();

export async function setOnline(page: Page, online: boolean): Promise<void> {
  const toggle = page.getByRole('switch', { name: 'Online' });
  if ((await toggle.getAttribute('aria-checked')) !== String(online)) await toggle.click();
  if (online) await inSync(page);
  else await page.locator('[data-testid=sync]', { hasText: 'Offline' }).waitFor();
}

export async function nameWindow(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Your name').press('Enter');
}

/** Types a task and the beginning of a city, takes the first one that is offered. */
export async function addTask(page: Page, title: string, city: string): Promise<void> {
  await page.getByLabel('Task', { exact: true }).fill(title);
  await page.getByLabel('City', { exact: true }).fill(city);
  await page.getByRole('option').first().waitFor();
  await page.getByLabel('City', { exact: true }).press('Enter');
  await page.getByRole('button', { name: 'Add task' }).click();
  await page.getByRole('textbox', { name: `Text of ${title}` }).waitFor();
}

export async function renameTask(page: Page, from: string, to: string): Promise<void> {
  const text = page.getByRole('textbox', { name: `Text of ${from}` });
  await text.fill(to);
  await text.press('Enter');
  await page.getByRole('textbox', { name: `Text of ${to}` }).waitFor();
}

export async function cardsOf(page: Page): Promise<Card[]> {
  // In one step: a card may move meanwhile.
  const cards = await page.evaluate(() =>
    Array.from(document.querySelectorAll('.card'), (card) => ({
      title: card.querySelector('textarea')!.value,
      lane: card.closest<HTMLElement>('.lane')!.dataset['lane']!,
      city: card.querySelector('.city')!.textContent,
      author: card.querySelector('.person > :last-child')!.textContent.replace(/ \(you\)$/, ''),
    })),
  );
  return cards.sort((a, b) => (a.title < b.title ? -1 : 1));
}

/** Rows as they lie in the window's own database, asked for as a second page of the same origin would. */
export async function storedRows(page: Page, sql: string): Promise<unknown[]> {
  const door = await bundleFor('test/browser/in-browser/app.ts', { minify: true, classic: true });
  if (!(await page.evaluate(() => 'crmesh' in window))) await page.evaluate(door);
  const relay = new URL(new URL(page.url()).searchParams.get('relay')!, page.url());
  const name = `${relay.host} ${relay.pathname.split('/').at(-1)}`;
  const worker = page.workers()[0]!.url();
  return page.evaluate(
    async ([database, script, text]) => {
      const start = (): Worker => new Worker(script, { type: 'module' });
      // The board's own worker has the database and the engine.
      const db = await window.crmesh.open(database, { worker: start, engine: 'about:blank' });
      const rows = await db.query(text);
      await db.close();
      return rows;
    },
    [name, worker, sql] as const,
  );
}
