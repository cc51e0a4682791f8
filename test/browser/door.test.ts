/** The browser's door in a real browser, through a relay that is a process of its own. */
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../cli/spawned-command.ts';
import { addRows, countOf, exec, openDatabase, openPage, rowsOf, serveApp, storageOf, syncPage } from './app-pages.ts';
import { launchChromium, launchProfile, profileFolder, removeFolder } from './chromium.ts';
import type { PageServer } from './page-server.ts';

const workshop = new Workshop();
const folder = profileFolder();
let server: PageServer;
let browser: Browser;
let relay: string;

beforeAll(async () => {
  server = await serveApp();
  browser = await launchChromium();
  relay = (await workshop.relay()).url.replace('http', 'ws');
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await workshop.close();
  removeFolder(folder);
});

async function inContext<T>(work: (context: BrowserContext) => Promise<T>): Promise<T> {
  const context = await browser.newContext();
  try {
    return await work(context);
  } finally {
    await context.close();
  }
}

describe.each(['opfs', 'mirror', 'memory'] as const)('one page on %s', (storage) => {
  test('writes, reads, watches, rolls back and refuses with codes', async () => {
    const found = await inContext(async (context) => {
      const page = await openPage(context, server.origin, { storage });
      expect(await storageOf(page)).toEqual({ storage, persisted: storage !== 'memory', owner: true });
      return page.evaluate(async () => {
        const { db, crmesh } = window;
        const codeOf = (work: Promise<unknown>): Promise<unknown> =>
          work.then(
            () => 'done',
            (error: { code: string }) => error.code,
          );
        const seen: number[] = [];
        db.watch<{ n: number }>('SELECT count(*) AS n FROM todo', [], ([row]) => seen.push(row!.n));
        await db.exec('INSERT INTO todo VALUES (?, ?, ?)', ['a', 'milk', 0]);
        const sum = await db.transaction(async (tx) => {
          await tx.exec("INSERT INTO todo VALUES ('b', ?, 1)", [9_007_199_254_740_993n]);
          return (await tx.query<{ n: number }>('SELECT count(*) AS n FROM todo'))[0]!.n;
        });
        const thrown = await codeOf(
          db.transaction(async (tx) => {
            await tx.exec('DELETE FROM todo');
            throw new crmesh.ReplicationError('USAGE', 'no');
          }),
        );
        const codes = [
          await codeOf(db.exec('WRONG')),
          await codeOf(db.exec('DROP TABLE todo')),
          await codeOf(db.query('SELECT ?', [Number.NaN])),
          await codeOf(db.migrate('CREATE TABLE todo (id TEXT PRIMARY KEY)')),
        ];
        const types = await db.query("SELECT typeof(?) AS t, x'01' AS b, ? AS i", [crmesh.real(5), 2n ** 60n]);
        const rows = await db.query('SELECT id, title FROM todo ORDER BY id');
        await db.flushed();
        const pending = (await db.pending()).length;
        await db.close();
        return {
          sum,
          thrown,
          codes,
          types,
          rows,
          pending,
          last: seen.at(-1),
          closed: await codeOf(db.query('SELECT 1')),
        };
      });
    });
    expect(found).toEqual({
      sum: 2,
      thrown: 'USAGE',
      codes: ['SQL_ERROR', 'USE_SCHEMA', 'VALUE_UNSUPPORTED', 'SCHEMA_REFUSED'],
      types: [{ t: 'real', b: new Uint8Array([1]), i: 2n ** 60n }],
      rows: [
        { id: 'a', title: 'milk' },
        { id: 'b', title: '9007199254740993' },
      ],
      pending: 2,
      last: 2,
      closed: 'CLOSED',
    });
  });

  test('two isolated browsers that were offline end equal through a relay', async () => {
    const url = `${relay}/equal-${storage}`;
    await inContext((one) =>
      inContext(async (other) => {
        const [a, b] = [
          await openPage(one, server.origin, { storage }),
          await openPage(other, server.origin, { storage }),
        ];
        await addRows(a, 'a', 20);
        await addRows(b, 'b', 20);
        await syncPage(a, url);
        await syncPage(b, url);
        for (const page of [a, b]) await page.evaluate(() => window.link.pause());
        await exec(a, "UPDATE todo SET title = 'from a' WHERE id < 'a5'");
        await exec(b, 'UPDATE todo SET done = 1');
        await exec(b, "DELETE FROM todo WHERE id = 'b7'");
        for (const page of [a, b]) await page.evaluate(() => window.link.resume());
        for (const page of [a, b, a]) await page.evaluate(() => window.link.synced());
        const rows = await rowsOf(a);
        expect(rows.length).toBe(39);
        expect(await rowsOf(b)).toEqual(rows);
        expect(await a.evaluate(() => window.link.status.traffic.changesEchoed)).toBe(0);
        expect(await a.evaluate(async () => (await window.db.pending()).length)).toBe(0);
      }),
    );
  });
});

describe.each(['opfs', 'mirror'] as const)('life of a page on %s', (storage) => {
  test('a reload in the middle of a sync loses nothing and ends equal', async () => {
    const url = `${relay}/reload-${storage}`;
    await inContext((one) =>
      inContext(async (other) => {
        const a = await openPage(one, server.origin, { storage });
        await a.evaluate(() =>
          window.db.transaction(async (tx) => {
            for (let i = 0; i < 3_000; i++)
              await tx.exec('INSERT INTO todo VALUES (?, ?, 0)', [`row ${i}`, 'x'.repeat(50)]);
          }),
        );
        await a.evaluate((address) => void (window.link = window.db.sync(address)), url);
        await a.waitForFunction(() => window.link.status.state !== 'connecting');
        await a.reload();
        await openDatabase(a, { storage });
        expect(await countOf(a)).toBe(3_000);
        await syncPage(a, url);
        const b = await openPage(other, server.origin, { storage });
        await b.evaluate((address) => void (window.link = window.db.sync(address)), url);
        await b.waitForFunction(() => window.link.status.traffic.bytesReceived > 0);
        await b.reload();
        await openDatabase(b, { storage });
        await syncPage(b, url);
        expect(await rowsOf(b)).toEqual(await rowsOf(a));
      }),
    );
  });

  test('a thousand edits made offline are kept over a reload and reach the other browser', async () => {
    const url = `${relay}/offline-${storage}`;
    await inContext((one) =>
      inContext(async (other) => {
        const [a, b] = [
          await openPage(one, server.origin, { storage }),
          await openPage(other, server.origin, { storage }),
        ];
        await addRows(a, 'shared ', 20);
        await syncPage(a, url);
        await syncPage(b, url);
        await one.setOffline(true);
        await a.evaluate(() => window.link.pause());
        await a.evaluate(async () => {
          for (let i = 0; i < 1_000; i++) {
            const id = `shared ${i % 20}`;
            if (i % 4 === 0) await window.db.exec('INSERT INTO todo VALUES (?, ?, 0)', [`offline ${i}`, 'x']);
            else await window.db.exec('UPDATE todo SET title = ?, done = ? WHERE id = ?', [`edit ${i}`, i, id]);
          }
        });
        await exec(b, "UPDATE todo SET title = 'of b', done = -1 WHERE id = 'shared 7'");
        await b.evaluate(() => window.link.synced());
        await one.setOffline(false);
        await a.reload();
        await openDatabase(a, { storage });
        expect(await a.evaluate(async () => (await window.db.pending()).length)).toBe(250 + 15);
        await syncPage(a, url);
        await b.evaluate(() => window.link.synced());
        expect(await a.evaluate(async () => (await window.db.pending()).length)).toBe(0);
        const rows = await rowsOf(a);
        expect(rows).toHaveLength(270);
        expect(await rowsOf(b)).toEqual(rows);
      }),
    );
  }, 60_000);

  test('the browser ends and starts again on the same profile: acknowledged writes and the site id are there', async () => {
    const first = await launchProfile(folder);
    const page = await openPage(first, server.origin, { storage, name: `restart-${storage}` });
    await addRows(page, 'r', 25);
    const site = await page.evaluate(() => window.db.siteId);
    await first.close();
    const second = await launchProfile(folder);
    try {
      const again = await openPage(second, server.origin, { storage, name: `restart-${storage}` });
      expect(await countOf(again)).toBe(25);
      expect(await again.evaluate(() => window.db.siteId)).toBe(site);
    } finally {
      await second.close();
    }
  });
});
