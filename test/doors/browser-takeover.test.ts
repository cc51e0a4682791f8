/** What a page asks in the moment in which another owner takes its database over. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { BrowserDatabase } from '../../src/browser-database.ts';
import type { ClientMessage, OwnerMessage } from '../../src/browser-messages.ts';
import { channelOver } from '../../src/browser-messages.ts';
import type { DatabaseOwner } from '../../src/browser-owner.ts';
import { TabWorkshop } from './served-tab.ts';

type Postable = Parameters<typeof channelOver>[0];

const report = (error: unknown): never => expect.fail(String(error));
const workshop = new TabWorkshop();
const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  await workshop.close();
});

interface PageOfOwner {
  readonly db: BrowserDatabase;
  readonly heard: OwnerMessage[];
  /** The returned function lets the page go. */
  readonly attach: (owner: DatabaseOwner) => () => void;
}

function makePage(): PageOfOwner {
  const { port1, port2 } = new MessageChannel();
  const heard: OwnerMessage[] = [];
  port1.on('message', (messages: OwnerMessage[]) => heard.push(...messages));
  const page = channelOver<OwnerMessage, ClientMessage>(port1 as unknown as Postable, { report });
  opened.push({ close: () => port1.close() });
  const attach = (owner: DatabaseOwner): (() => void) => {
    const channel = channelOver<ClientMessage, OwnerMessage>(port2 as unknown as Postable, { report });
    return owner.attach(channel, { owner: false, onLeave: async () => {} });
  };
  return { db: new BrowserDatabase(page, () => {}), heard, attach };
}

/** A page of an owner that has gone, and of the next one, which it has not heard of yet. */
async function takenOver(before?: (next: DatabaseOwner) => Promise<void>): Promise<PageOfOwner> {
  const page = makePage();
  const leave = page.attach(await workshop.owner());
  await page.db.opened;
  const next = await workshop.owner();
  await before?.(next);
  leave();
  page.attach(next);
  return page;
}

const count = async (db: BrowserDatabase): Promise<unknown> => db.query('SELECT count(*) AS n FROM todo');

test('a transaction that the page was told is lost holds up nobody', async () => {
  const { db } = await takenOver();
  await expect(db.transaction((tx) => tx.exec("INSERT INTO todo VALUES ('lost')"))).rejects.toMatchObject({
    code: 'LINK_LOST',
  });
  await db.exec("INSERT INTO todo VALUES ('after')");
  expect(await count(db)).toEqual([{ n: 1 }]);
});

test('nor does one whose turn had not come', async () => {
  const other = makePage();
  let goOn: (() => void) | undefined;
  let first: Promise<unknown> | undefined;
  const { db } = await takenOver(async (next) => {
    other.attach(next);
    await other.db.opened;
    await new Promise<void>((begun) => {
      first = other.db.transaction(async (tx) => {
        await tx.exec("INSERT INTO todo VALUES ('before')");
        begun();
        await new Promise<void>((resolve) => (goOn = resolve));
      });
    });
  });
  await expect(db.transaction((tx) => tx.exec("INSERT INTO todo VALUES ('lost')"))).rejects.toMatchObject({
    code: 'LINK_LOST',
  });
  const after = db.exec("INSERT INTO todo VALUES ('after')");
  goOn?.();
  await Promise.all([first, after]);
  expect(await count(db)).toEqual([{ n: 2 }]);
});

test('a watch is one watch, and ends whole', async () => {
  const { db, heard } = await takenOver();
  const onError = report;
  const countsTo = (rows: number): Promise<() => void> =>
    new Promise((resolve) => {
      const stop = db.watch<{ n: number }>(
        'SELECT count(*) AS n FROM todo',
        [],
        ([row]) => row!.n === rows && resolve(stop),
        {
          onError,
        },
      );
    });
  const stop = await countsTo(0);
  stop();
  const before = heard.filter(({ type }) => type === 'rows').length;
  await db.exec("INSERT INTO todo VALUES ('one')");
  await countsTo(1);
  await db.exec("INSERT INTO todo VALUES ('two')");
  await countsTo(2);
  const watches = heard
    .slice()
    .filter(({ type }) => type === 'rows')
    .slice(before)
    .map((message) => Object(message).watch);
  expect(new Set(watches).size).toBe(2);
});
