import { afterEach, describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import { SPAN_ANY } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { GRANT_ALL, World, eventually } from './world.ts';

const DEAD = 'de'.repeat(16) as SiteId;

function titleOf(id: string, title: string): Change {
  return { table: 'todo', pk: encodePackedKey([id]), cid: 'title', val: title, colVersion: 1, cl: 1, seq: 0 };
}

const ROWS = 'SELECT id, title FROM todo ORDER BY id';

describe('a relay that was wiped', () => {
  const world = new World();
  afterEach(() => world.close());

  /** A leaf that holds its own row and one of an author who is gone for good. */
  async function survivor(): Promise<Awaited<ReturnType<World['node']>>> {
    const [relay, dead, leaf] = [await world.node(), await world.node(), await world.node()];
    dead.write(`INSERT INTO todo (id, title) VALUES ('1', 'of a dead author')`);
    leaf.write(`INSERT INTO todo (id, title) VALUES ('2', 'own')`);
    const wires = [world.connect(dead, relay), world.connect(leaf, relay)];
    await Promise.all(wires.map(({ client }) => client.synced()));
    await eventually(() => leaf.rows(ROWS).length === 2, 'the leaf holds both rows');
    for (const { cut } of wires) cut();
    return leaf;
  }

  it('is refilled by its leaf, rows of dead authors included, and passes them on', async () => {
    const leaf = await survivor();
    const [wiped, newcomer] = [await world.node(), await world.node()];
    const wire = world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 2, 'the relay is refilled');
    expect(wire.messages.filter(({ message }) => message.type === 'pullall')).toHaveLength(1);
    expect(wiped.logged.some(({ level, message }) => level === 'warn' && message.includes('vouched refill'))).toBe(
      true,
    );
    const other = world.connect(newcomer, wiped);
    await other.client.synced();
    expect(newcomer.rows(ROWS)).toEqual(leaf.rows(ROWS));
  });

  it('gets rows back that its leaf has without any claim, since its first refill never ended', async () => {
    const [leaf, wiped] = [await world.node(), await world.node()];
    const body = { site: DEAD, span: [0, 9] as const, rows: [titleOf('1', 'of a dead author')] };
    leaf.store.merge([{ parts: [body], claims: new Map() }]);
    expect(leaf.store.coverage.size).toBe(0);
    world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 1, 'the relay is refilled');
    expect(wiped.store.coverage.has(DEAD)).toBe(false);
  });

  it('gets rows back that its leaf has of it without any claim, in this session or a later one', async () => {
    const [leaf, wiped] = [await world.node(), await world.node()];
    const { site } = wiped.store.identity;
    const body = { site: DEAD, span: [0, 9] as const, rows: [titleOf('1', 'of a dead author')] };
    const cursor = { peer: site, cursor: { nonce: 'ab'.repeat(16) as EraNonce, at: 9 as StoreVersion } };
    leaf.store.merge([{ parts: [body], claims: new Map(), cursor }]);
    expect(leaf.store.isOnlySource(site)).toBe(true);
    world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 1, 'the relay is refilled');
    expect(leaf.store.isOnlySource(site)).toBe(false);
  });

  it('pulls nothing back that it gave itself, though it has holes where it gave rows', async () => {
    const [relay, leaf] = [await world.node(), await world.node()];
    const body = { site: DEAD, span: SPAN_ANY, rows: [titleOf('1', 'of a dead author')] };
    relay.store.merge([{ parts: [body], claims: new Map() }]);
    for (let i = 0; i < 3; i++) {
      const wire = world.connect(leaf, relay);
      await wire.client.synced();
      expect(leaf.rows(ROWS)).toEqual(relay.rows(ROWS));
      expect(wire.messages.filter(({ message }) => message.type === 'pullall')).toEqual([]);
      wire.cut();
      await eventually(() => wire.client.state === 'closed', 'the link ends');
      relay.write(`UPDATE todo SET title = 'again ${i}'`);
    }
    expect(leaf.store.unclaimed.size).toBeGreaterThan(0);
  });

  it('books its rows as of any version of their site, since the leaf cannot know better', async () => {
    const leaf = await survivor();
    const wiped = await world.node();
    world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 2, 'the relay is refilled');
    const own = `(SELECT ord FROM crmesh_site WHERE site = x'${leaf.store.identity.site}')`;
    const spans = wiped.rows(`SELECT lo, hi FROM crmesh_book WHERE site <> ${own}`);
    expect(spans).toEqual([[...SPAN_ANY]]);
  });

  it('returns nothing of it to the leaf that delivered it', async () => {
    const leaf = await survivor();
    const wiped = await world.node();
    const wire = world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 2, 'the relay is refilled');
    await wire.client.synced();
    const returned = wire.messages.flatMap(({ from, message }) =>
      from === 'server' && message.type === 'window' ? message.parts.flatMap(({ body }) => body.rows) : [],
    );
    expect(returned).toEqual([]);
  });

  it('takes no claim of the leaf for the dead author', async () => {
    const leaf = await survivor();
    const wiped = await world.node();
    world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 2, 'the relay is refilled');
    const sites = [...wiped.store.coverage.keys()];
    expect(sites.every((site) => site === leaf.store.identity.site || site === wiped.store.identity.site)).toBe(true);
  });

  it('sends the same rows no second time when the leaf comes back', async () => {
    const leaf = await survivor();
    const wiped = await world.node();
    const first = world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 2, 'the relay is refilled');
    await first.client.synced();
    first.cut();
    const again = world.connect(leaf, wiped);
    await again.client.synced();
    expect(again.client.traffic.changesSent).toBe(0);
  });

  it('pulls nothing for what a leaf wrote itself and has not sent yet', async () => {
    const [relay, leaf] = [await world.node(), await world.node()];
    leaf.write(`INSERT INTO todo (id, title) VALUES ('1', 'written offline')`);
    const wire = world.connect(leaf, relay);
    await wire.client.synced();
    expect(relay.rows(ROWS)).toEqual(leaf.rows(ROWS));
    expect(wire.messages.filter(({ message }) => message.type === 'pullall')).toEqual([]);
  });

  it('only says what is missing where the grant does not vouch', async () => {
    const leaf = await survivor();
    const wiped = await world.node();
    const wire = world.connect(leaf, wiped, { grant: { ...GRANT_ALL, vouch: false } });
    await wire.client.synced();
    await eventually(() => (wire.server()?.lacking ?? 0) > 0, 'the relay knows what it lacks');
    expect(wire.messages.filter(({ message }) => message.type === 'pullall')).toEqual([]);
    expect(wiped.rows(ROWS)).toEqual([['2', 'own']]);
  });
});
