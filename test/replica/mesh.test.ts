/** Several links of one replica: which can be, and what a leaf between two meshes brings. */
import { afterEach, describe, expect, test } from 'vitest';
import type { SyncLink } from '../../src/replica/sync-link.ts';
import type { Wired } from './wired.ts';
import { ALL, TestRelay, until, wire } from './wired.ts';

const opened: Wired[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ db }) => db.close()));
});

async function open(): Promise<Wired> {
  const wired = await wire({ limits: { beatMs: 20, silenceMs: 5_000 } });
  opened.push(wired);
  return wired;
}

async function relays(vouch: boolean): Promise<[TestRelay, TestRelay]> {
  const both: [TestRelay, TestRelay] = [new TestRelay(await open()), new TestRelay(await open())];
  for (const relay of both) relay.grant = { ...ALL, vouch };
  return both;
}

const sync = ({ db }: Wired, relay: TestRelay, mode: 'leaf' | 'peer' = 'leaf'): SyncLink =>
  db.sync('memory', { dial: relay.dial, mode });
const add = ({ db }: Wired, id: string): Promise<unknown> => db.exec("INSERT INTO todo VALUES (?, 'x', 0, 0.5)", [id]);
const ids = async ({ db }: Wired): Promise<unknown[]> =>
  (await db.query('SELECT id FROM todo ORDER BY id')).map((row) => row['id']);
const sent = (links: readonly SyncLink[]): number =>
  links.reduce((sum, { status }) => sum + status.traffic.changesSent, 0);

describe('a leaf on two relays', () => {
  test('of two meshes is refused on the second, with a code and what to do', async () => {
    const [first, second] = await relays(false);
    const leaf = await open();
    await sync(leaf, first).synced();
    const link = sync(leaf, second);
    await expect(link.synced()).rejects.toMatchObject({
      code: 'MESH_MISMATCH',
      message: expect.stringMatching(/mode peer.*--upstream.*pause/),
      details: { meshes: [first.wired.db.siteId, second.wired.db.siteId] },
    });
    expect(link.status.state).toBe('refused');
  });

  test('does not count a link that is paused or closed', async () => {
    const [first, second] = await relays(false);
    const leaf = await open();
    const link = sync(leaf, first);
    await link.synced();
    link.pause();
    const other = sync(leaf, second);
    await other.synced();
    other.close();
    link.resume();
    await link.synced();
    expect(link.status.state).toBe('live');
  });

  test('of one mesh, joined by an upstream, is fine', async () => {
    const [first, second] = await relays(false);
    await sync(second.wired, first, 'peer').synced();
    const leaf = await open();
    const links = [sync(leaf, first), sync(leaf, second)];
    await add(leaf, 'a');
    await Promise.all(links.map((link) => link.synced()));
    expect([await ids(first.wired), await ids(second.wired)]).toEqual([['a'], ['a']]);
  });

  test('is fine as a peer of both, and passes on between them', async () => {
    const [first, second] = await relays(false);
    const peer = await open();
    const links = [sync(peer, first, 'peer'), sync(peer, second, 'peer')];
    await Promise.all(links.map((link) => link.synced()));
    await add(first.wired, 'of the first');
    await until(async () => (await ids(second.wired)).length === 1);
  });

  test('as a peer of one and a leaf of the other is refused where the leaf may not vouch', async () => {
    const [first, second] = await relays(false);
    const replica = await open();
    await sync(replica, first, 'peer').synced();
    await expect(sync(replica, second).synced()).rejects.toMatchObject({ code: 'MESH_MISMATCH' });
  });
});

describe('a leaf that may vouch to two meshes', () => {
  test('brings each what the other has, then and later, and goes quiet', async () => {
    const [first, second] = await relays(true);
    const [leaf, a, b] = [await open(), await open(), await open()];
    await add(a, 'before, of a');
    const links = [sync(a, first), sync(b, second)];
    await Promise.all(links.map((link) => link.synced()));
    const between = [sync(leaf, first), sync(leaf, second)];
    await Promise.all(between.map((link) => link.synced()));
    await until(async () => (await ids(b)).length === 1);
    await add(b, 'later, of b');
    await until(async () => (await ids(a)).length === 2);
    await add(a, 'later, of a');
    await until(async () => (await ids(b)).length === 3);
    await add(leaf, 'of the leaf');
    const all = [leaf, a, b, first.wired, second.wired];
    await until(async () => (await Promise.all(all.map(ids))).every((found) => found.length === 4));
    const quiet = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      return sent([...links, ...between]);
    };
    expect(await quiet()).toBe(await quiet());
  });

  test('carries no more once a link is gone', async () => {
    const [first, second] = await relays(true);
    const leaf = await open();
    const between = [sync(leaf, first), sync(leaf, second)];
    await Promise.all(between.map((link) => link.synced()));
    between[0]!.close();
    await until(() => leaf.replica.links.length === 1);
    await add(second.wired, 'x');
    await between[1]!.synced();
    expect(between[1]!.status.traffic.changesSent).toBe(0);
    expect(await ids(first.wired)).toEqual([]);
  });

  test('claims nothing for others: what it brought has no claim of theirs', async () => {
    const [first, second] = await relays(true);
    const [leaf, a] = [await open(), await open()];
    await add(a, 'of a');
    await sync(a, first).synced();
    sync(leaf, first);
    sync(leaf, second);
    await until(async () => (await ids(second.wired)).length === 1);
    expect(second.wired.store.coverage.has(a.db.siteId)).toBe(false);
  });
});

describe('the name of a mesh', () => {
  test('is that of the upstream, all the way down', async () => {
    const [root, middle] = await relays(false);
    const last = new TestRelay(await open());
    await sync(middle.wired, root, 'peer').synced();
    await sync(last.wired, middle, 'peer').synced();
    const leaf = await open();
    const links = [sync(leaf, root), sync(leaf, last)];
    await Promise.all(links.map((link) => link.synced()));
    expect(links.map(({ status }) => status.state)).toEqual(['live', 'live']);
  });
});
