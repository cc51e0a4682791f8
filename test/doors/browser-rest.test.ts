/** A page that the browser freezes finds all that it wanted at the next owner, also what it wanted meanwhile. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { BrowserDatabase } from '../../src/browser-database.ts';
import type { ClientMessage } from '../../src/browser-messages.ts';
import { wireSyncStatus } from '../../src/browser-messages.ts';
import type { DatabaseOwner } from '../../src/browser-owner.ts';
import { until } from '../replica/wired.ts';
import type { ServedTab } from './served-tab.ts';
import { TabWorkshop } from './served-tab.ts';

const workshop = new TabWorkshop();
/** Of no use to any link: each waits, or is paused. */
const nobody = createServer((_request, response) => response.writeHead(503).end());
let address: string;

beforeAll(async () => {
  vi.stubGlobal('reportError', (error: unknown) => expect.fail(String(error)));
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(nobody.address() as AddressInfo).port}/todo`;
});

afterEach(() => workshop.close());

afterAll(() => nobody.close());

const count = (db: BrowserDatabase): Promise<unknown> => db.query('SELECT count(*) AS n FROM todo');

test('a page that is frozen before its first owner is opened by the next', async () => {
  const tab = workshop.tab();
  tab.freeze();
  tab.thaw();
  await tab.serve(await workshop.owner());
  await tab.db.exec("INSERT INTO todo VALUES ('after')");
  expect(await count(tab.db)).toEqual([{ n: 1 }]);
});

/** A tab with a link that is paused, or waits for nobody. */
async function linkedTab(owner: DatabaseOwner): Promise<{ tab: ServedTab; link: ReturnType<BrowserDatabase['sync']> }> {
  const tab = workshop.tab();
  await tab.serve(owner);
  return { tab, link: tab.db.sync(address) };
}

test.each([
  ['resumed', 'pause', 'resume', false],
  ['paused', 'resume', 'pause', true],
] as const)(
  'a link that is %s while its page rests is so at the next owner',
  async (_what, before, meanwhile, paused) => {
    const { tab, link } = await linkedTab(await workshop.owner());
    link[before]();
    await count(tab.db);
    expect(link.status.state === 'paused').toBe(!paused);
    tab.freeze();
    link[meanwhile]();
    tab.thaw();
    await tab.serve(await workshop.owner());
    await count(tab.db);
    expect(link.status.state === 'paused').toBe(paused);
  },
);

test('a link that another page has there already, paused as it was, is resumed all the same', async () => {
  const first = await workshop.owner();
  const [{ tab: resting, link }, { tab: other, link: otherLink }] = [await linkedTab(first), await linkedTab(first)];
  link.pause();
  for (const { db } of [resting, other]) await count(db);
  for (const tab of [resting, other]) tab.freeze();
  link.resume();
  const next = await workshop.owner();
  other.thaw();
  await other.serve(next);
  await count(other.db);
  expect(otherLink.status.state).toBe('paused');
  resting.thaw();
  await resting.serve(next);
  for (const { db } of [resting, other]) await count(db);
  expect([link, otherLink].map(({ status }) => status.state)).not.toContain('paused');
});

test('what an owner told before it heard of a switch does not turn it back', async () => {
  const { status } = await workshop.owner();
  const tab = workshop.tab();
  const owner = tab.channel();
  owner.post({ type: 'connected', status, owner: false });
  await tab.db.opened;
  const link = tab.db.sync(address);
  const syncs = (): Extract<ClientMessage, { type: 'sync' }>[] => tab.said.filter((message) => message.type === 'sync');
  await until(async () => syncs().length === 1);
  const event = wireSyncStatus({ ...link.status, state: 'paused' });
  owner.post({ type: 'link', link: syncs()[0]!.link, name: 'status', event });
  link.resume();
  await until(async () => link.status.state === 'paused');
  tab.freeze();
  tab.thaw();
  tab.channel().post({ type: 'connected', status, owner: false });
  await until(async () => syncs().length === 2);
  expect(syncs()[1]).toMatchObject({ paused: false });
  // Other pages may have the link there already.
  await until(async () => tab.said.filter(({ type }) => type === 'resume').length === 2);
});
