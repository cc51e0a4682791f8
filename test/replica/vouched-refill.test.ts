import { afterEach, describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { coverageOf, emptyCoverage } from '../../src/core/coverage.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { SPAN_ANY } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { STORE_VERSION_ZERO } from '../../src/core/version.ts';
import { memoryPortPair } from '../../src/transport/memory-port.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Hello, Message } from '../../src/wire/message.ts';
import type { Node } from './world.ts';
import { GRANT_ALL, SCHEMA, World, eventually } from './world.ts';

const DEAD = 'de'.repeat(16) as SiteId;
const LEAF = '1e'.repeat(16) as SiteId;
const ERA = '5e'.repeat(16) as EraNonce;

const HELLO: Hello = {
  type: 'hello',
  wire: 1,
  session: '51'.repeat(16),
  dbid: 'world',
  site: LEAF,
  formerSites: [],
  era: ERA,
  schemaHash: '',
  shape: {},
  mesh: LEAF,
  digest: new Map(),
  capabilities: [],
  credit: DEFAULT_LIMITS.creditBytes,
  mode: 'leaf',
};

/** A leaf that says what the test says, to see what it hears. */
function leafByHand(relay: Node) {
  const [near, far] = memoryPortPair().ports;
  const [says, hears] = [createCodec({ limits: DEFAULT_LIMITS }), createCodec({ limits: DEFAULT_LIMITS }).forLink()];
  const heard: Message[] = [];
  const link = relay.replica.attach(far, { role: 'server', hello: HELLO, grant: GRANT_ALL });
  near.listen({ onFrame: (frame) => heard.push(hears.decode(frame)), onDrain: () => {}, onClose: () => {} });
  const say = (message: Message): void => near.send(says.encode(message));
  const hear = (type: Message['type']) => eventually(() => heard.some((one) => one.type === type), `a ${type} comes`);
  return { link, heard, say, hear, blobOf: says.blobOf };
}

function titleOf(id: string, title: string): Change {
  return { table: 'todo', pk: encodePackedKey([id]), cid: 'title', val: title, colVersion: 1, cl: 1, seq: 0 };
}

const WIDER = SCHEMA.replace('done INTEGER', 'note TEXT, done INTEGER');
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

  it('gets back what its leaf parked, once the leaf is migrated in the middle of a session', async () => {
    const leaf = await world.node();
    const wiped = await world.node({ schema: WIDER });
    const note = { ...titleOf('1', 'of a dead author'), cid: 'note' };
    const parts = [{ site: DEAD, span: [0, 2] as const, rows: [titleOf('1', 'first'), note] }];
    leaf.store.merge([{ parts, claims: coverageOf(DEAD, [[0, 2]]) }]);
    expect(leaf.store.parkedChanges).toBe(1);
    const wire = world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 1, 'the relay has what the leaf can show');
    await wire.client.synced();
    leaf.replica.migrate(WIDER);
    await eventually(() => wiped.rows('SELECT note FROM todo')[0]?.[0] === note.val, 'the relay has the rest');
    expect(wire.client.state).toBe('open');
  });

  it('is told nothing by a migration that applies nothing', async () => {
    const leaf = await survivor();
    const wiped = await world.node();
    const wire = world.connect(leaf, wiped);
    await eventually(() => wiped.rows(ROWS).length === 2, 'the relay is refilled');
    const statements = () =>
      wire.messages.filter(({ from, message }) => from === 'client' && message.type === 'coverage');
    const before = statements().length;
    leaf.replica.migrate(WIDER);
    await wire.client.synced();
    expect(statements()).toHaveLength(before);
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
      from === 'server' && message.type === 'window' ? message.parts.flatMap(({ body }) => [...body.rows]) : [],
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

  it('returns nothing to the leaf that delivered it, even where another was merged first', async () => {
    const relay = await world.node();
    const { link, heard, say, hear, blobOf } = leafByHand(relay);
    const body = { site: DEAD, span: [0, 9] as const, rows: [titleOf('1', 'of a dead author')] };
    say({ type: 'pull' });
    await hear('beat');
    say({ type: 'coverage', coverage: coverageOf(DEAD, [[0, 9]]) });
    await hear('pullall');
    // Without its base, which was lost, the window is not taken.
    const position = { era: ERA, from: STORE_VERSION_ZERO, to: 1 as StoreVersion, n: 0 };
    say({ type: 'window', ...position, parts: [blobOf(body)], claims: emptyCoverage });
    await eventually(() => link.traffic.changesReceived === 1, 'the window arrives');
    const claims = coverageOf(DEAD, [[0, 9]]);
    await relay.replica.submit({ parts: [body], claims });
    await hear('window');
    expect(heard.filter(({ type }) => type === 'window')).toMatchObject([{ parts: [], claims }]);
    expect(link.traffic.changesEchoed).toBe(0);
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
