/** What an owner asks a page for a link, a token or a port, is answered by that page alone, for that link and owner. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { DatabaseOwner } from '../../src/browser-owner.ts';
import { until } from '../replica/wired.ts';
import type { ServedTab } from './served-tab.ts';
import { TabWorkshop } from './served-tab.ts';

const workshop = new TabWorkshop();
/** Every token that arrived, with the database it was for. */
let arrived: string[] = [];
const relay = createServer(({ url, headers }, response) => {
  arrived.push(`${url?.split('/')[1]} ${headers.authorization}`);
  response.writeHead(503).end();
});
let origin: string;

beforeAll(async () => {
  vi.stubGlobal('reportError', (error: unknown) => expect.fail(String(error)));
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(relay.address() as AddressInfo).port}`;
});

beforeEach(() => {
  arrived = [];
});

afterEach(() => workshop.close());

afterAll(() => relay.close());

/** Tokens that are given by hand, in the order in which they were asked for. */
function tokensByHand(): { readonly token: () => Promise<string>; readonly asked: ((token: string) => void)[] } {
  const asked: ((token: string) => void)[] = [];
  return { token: () => new Promise((resolve) => asked.push(resolve)), asked };
}

async function takeOver(tab: ServedTab, next: DatabaseOwner): Promise<void> {
  tab.freeze();
  tab.thaw();
  await tab.serve(next);
}

test.each([
  ['that was given', 'the-token'],
  ['that the page is asked for', async () => 'the-token'],
])('a token %s goes with the first connection', async (_what, token) => {
  const tab = workshop.tab();
  await tab.serve(await workshop.owner());
  tab.db.sync(`${origin}/todo`, { token });
  await until(async () => arrived.length > 0);
  expect(arrived).toEqual(['todo Bearer the-token']);
});

test('a token that an earlier owner asked for is not told to the next one, which asks by itself', async () => {
  const tab = workshop.tab();
  await tab.serve(await workshop.owner());
  const { token, asked } = tokensByHand();
  tab.db.sync(`${origin}/todo`, { token });
  await until(async () => asked.length === 1);
  await takeOver(tab, await workshop.owner());
  await until(async () => asked.length === 2);
  asked[0]!('old');
  await tab.db.query('SELECT 1');
  asked[1]!('new');
  await until(async () => arrived.length > 0);
  expect(arrived).toEqual(['todo Bearer new']);
});

test('a port that an earlier owner asked for is closed', async () => {
  const tab = workshop.tab();
  await tab.serve(await workshop.owner());
  const given: ((port: MessagePort) => void)[] = [];
  tab.db.sync(() => new Promise<MessagePort>((resolve) => given.push(resolve)));
  await until(async () => given.length === 1);
  await takeOver(tab, await workshop.owner());
  await until(async () => given.length === 2);
  const { port1, port2 } = new MessageChannel();
  const closed = new Promise((resolve) => port2.addEventListener('close', resolve));
  given[0]!(port1);
  await closed;
  expect(tab.said.filter(({ type }) => type === 'port')).toEqual([]);
});

test('an answer of another page, or for another link, is not taken for the one that was asked', async () => {
  const owner = await workshop.owner();
  const [tab, other] = [workshop.tab(), workshop.tab()];
  await tab.serve(owner);
  const { token, asked } = tokensByHand();
  tab.db.sync(`${origin}/todo`, { token });
  await until(async () => asked.length === 1);
  const [link] = tab.said.flatMap((message) => (message.type === 'sync' ? [message.link] : []));
  // The first question of this owner, whoever was asked.
  const answer = { type: 'token', ask: 1, token: 'wrong' } as const;
  await other.serve(owner);
  other.say({ ...answer, link: link! });
  tab.say({ ...answer, link: link! + 1 });
  for (const { db } of [tab, other]) await db.query('SELECT 1');
  asked[0]!('right');
  await until(async () => arrived.length > 0);
  expect(arrived).toEqual(['todo Bearer right']);
});
