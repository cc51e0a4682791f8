/** One transaction of more changes than a group holds: taken as it was written, or not at all, and counted as it waits. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import type { ReplicationError } from '../../src/core/errors.ts';
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { Grant, Link } from '../../src/replica/replica-port.ts';
import { SessionLink } from '../../src/replica/session-link.ts';
import type { FramePort } from '../../src/transport/frame-port.ts';
import { memoryPortPair } from '../../src/transport/memory-port.ts';
import { cutIntoChunks } from '../../src/wire/chunks.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Node } from './world.ts';
import { eventually, GRANT_ALL, helloOf, World } from './world.ts';

const SITE = '5a'.repeat(16) as SiteId;
const ROWS = 1_500;
const COUNT = 'SELECT count(*) FROM todo';
const codec = createCodec({ limits: DEFAULT_LIMITS });

const HELLO = helloOf({ site: SITE, era: '5e'.repeat(16) as EraNonce, mode: 'leaf' });

/** One transaction that adds rows of two columns beside their key. */
function changes(): Change[] {
  return Array.from({ length: 2 * ROWS }, (_, seq): Change => {
    const cell = seq % 2 === 0 ? { cid: 'title', val: `title ${seq}` } : { cid: 'done', val: 0 };
    const pk = encodePackedKey([`key ${Math.floor(seq / 2)}`]);
    return { table: 'todo', pk, ...cell, colVersion: 1, cl: 1, seq, version: 1 };
  });
}

/** The message of a leaf that says it is the whole of its version 1. */
function partOf(rows: readonly Change[]): Uint8Array {
  const body = { site: SITE, span: [0, 1] as const, rows };
  return codec.encode({ type: 'part', blob: codec.blobOf(body), claims: [[0, 1]] });
}

interface Joined {
  readonly relay: Node;
  readonly link: Link;
  readonly port: FramePort;
  readonly ends: ReplicationError[];
  /** What the leaf is answered, by type. */
  readonly heard: string[];
}

describe('a transaction of more changes than a group holds', () => {
  const world = new World();
  afterEach(() => world.close());

  /** A leaf without a store at a relay whose groups hold a tenth of the transaction. */
  async function joined(limits: Partial<Limits> = {}, grant: Grant = { ...GRANT_ALL, mode: 'leaf' }): Promise<Joined> {
    const relay = await world.node({ limits: { groupChangesMax: 299, ...limits } });
    const { ports } = memoryPortPair();
    const [ends, heard]: [ReplicationError[], string[]] = [[], []];
    const attached = {
      role: 'server',
      hello: HELLO,
      grant,
      onEnd: (error: ReplicationError) => ends.push(error),
    } as const;
    const link = relay.replica.attach(ports[1], attached);
    const received = codec.forLink();
    const onFrame = (frame: Uint8Array): void => void heard.push(received.decode(frame).type);
    ports[0].listen({ onFrame, onDrain: () => {}, onClose: () => {} });
    await eventually(() => link.state === 'open', 'the link opens');
    return { relay, link, port: ports[0], ends, heard };
  }

  it('is merged group by group, and claimed at its end', async () => {
    const { relay, port, heard } = await joined();
    const counts: unknown[] = [];
    relay.replica.onCommit(() => counts.push(relay.store.coverage.get(SITE)));
    port.send(partOf(changes()));
    await eventually(() => relay.store.coverage.get(SITE) !== undefined, 'all of it is there');
    expect(relay.rows(COUNT)).toEqual([[ROWS]]);
    expect(relay.rows("SELECT id, title, done FROM todo WHERE id = 'key 1499'")).toEqual([
      ['key 1499', 'title 2998', 0],
    ]);
    expect(counts.length).toBe(Math.ceil((2 * ROWS) / 299));
    expect(counts.filter((claimed) => claimed !== undefined)).toEqual([[[0, 1]]]);
    await eventually(() => heard.includes('ack'), 'it is acknowledged');
  });

  it.each<[string, Partial<Change>]>([
    ['leaps', { colVersion: 2 ** 50 }],
    ['is a cell of a row that died', { cid: '-1', val: null, colVersion: 3, cl: 3, pk: encodePackedKey([1.5]) }],
  ])('leaves nothing when its last change %s', async (_how, fault) => {
    const { relay, link, port, heard } = await joined();
    const rows = changes();
    port.send(partOf([...rows.slice(0, -1), { ...rows.at(-1)!, ...fault }]));
    await eventually(() => heard.includes('nack'), 'it is refused');
    expect(relay.rows(COUNT)).toEqual([[0]]);
    expect(relay.store.acknowledge(SITE)).toMatchObject({ held: [], refused: [[0, 1]] });
    expect(link.state).toBe('open');
  });

  it('leaves nothing when its last chunk is malformed, and ends the link with the code', async () => {
    const { relay, link, port, ends } = await joined();
    const whole = partOf(changes());
    const chunks = cutIntoChunks(Uint8Array.of(...whole, 0), 1, 10_000);
    expect(chunks.length).toBeGreaterThan(3);
    for (const chunk of chunks) port.send(codec.encode(chunk));
    await eventually(() => link.state === 'closed', 'the link ends');
    expect(ends.map(({ code }) => code)).toEqual(['FRAME_MALFORMED']);
    expect([relay.rows(COUNT), relay.store.coverage.size]).toEqual([[[0]], 0]);
  });

  it('is refused whole when the grant refuses one change of it', async () => {
    const write: Grant['write'] = ({ val }) => (val === `title ${2 * ROWS - 2}` ? 'reject' : 'allow');
    const { relay, port, heard } = await joined({}, { ...GRANT_ALL, mode: 'leaf', write });
    port.send(partOf(changes()));
    await eventually(() => heard.includes('nack'), 'it is refused');
    expect(relay.rows(COUNT)).toEqual([[0]]);
    expect(relay.store.acknowledge(SITE)).toMatchObject({ held: [], refused: [[0, 1]] });
  });

  it('counts with what it holds while it waits, and with nothing afterwards', async () => {
    const { relay, link, port, heard } = await joined();
    if (!(link instanceof SessionLink)) throw new TypeError('a replica attaches session links');
    const held: number[] = [];
    relay.replica.onCommit(() => held.push(link.heldBytes));
    const part = partOf(changes());
    port.send(part);
    await eventually(() => heard.includes('ack'), 'it is acknowledged');
    expect(Math.min(...held)).toBeGreaterThan(part.length);
    expect(Math.max(...held)).toBeLessThan(100 * 2 * ROWS);
    expect(link.heldBytes).toBe(0);
  });

  it('is not taken where all links together may not hold it', async () => {
    const part = partOf(changes());
    const { relay, link, port, ends } = await joined({ linksBytesMax: part.length + 10_000 });
    port.send(part);
    await eventually(() => link.state === 'closed', 'the link ends');
    expect(ends.map(({ code }) => code)).toEqual(['LIMIT_EXCEEDED']);
    expect(relay.rows(COUNT)).toEqual([[0]]);
  });

  it('waits undecoded where half a message is unfolded already, however few bytes it came in', async () => {
    const codecOfRelay = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
    const { relay, port } = await joined({ messageBytesMax: 64_000 });
    const waiting: number[] = [];
    relay.replica.onCommit(() => waiting.push(relay.replica.waitingChanges));
    for (let n = 0; n < 20; n++) {
      const [first] = changes();
      const rows = [{ ...first!, pk: encodePackedKey([`key ${n}`]), val: 'x'.repeat(20_000), version: n + 1 }];
      const blob = codecOfRelay.blobOf({ site: SITE, span: [n, n + 1], rows });
      expect(blob.bytes.length).toBeLessThan(200);
      port.send(codecOfRelay.encode({ type: 'part', blob, claims: [[n, n + 1]] }));
    }
    await eventually(() => relay.rows(COUNT)[0]?.[0] === 20, 'all of them are merged');
    expect(waiting.length).toBeGreaterThanOrEqual(10);
  });

  it('arrives as it was written, deletes, keys alone and rows that are known included, with the default limits', async () => {
    const [leaf, relay, other] = [await world.node(), await world.node(), await world.node()];
    world.connect(leaf, relay);
    world.connect(other, relay);
    const known = `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 400)`;
    leaf.write(`${known} INSERT INTO todo SELECT 'known ' || i, 'old', 0 FROM n`);
    await eventually(() => other.rows(COUNT)[0]?.[0] === 400, 'the first rows arrive');
    const many = known.replace('400', '12000');
    leaf.write(`BEGIN;
      ${many} INSERT INTO todo SELECT 'key ' || i, 'title ' || i, i % 2 FROM n;
      ${known} INSERT INTO tag SELECT 'tag ' || i FROM n;
      UPDATE todo SET title = 'new' WHERE id LIKE 'known 1%';
      DELETE FROM todo WHERE id LIKE 'known 2%';
      COMMIT`);
    for (const node of [relay, other]) {
      await eventually(() => node.rows('SELECT count(*) FROM tag')[0]?.[0] === 400, 'the keys arrive');
      await eventually(() => node.rows(COUNT)[0]?.[0] === leaf.rows(COUNT)[0]?.[0], 'the rows arrive');
      for (const table of ['todo', 'tag']) {
        expect(node.rows(`SELECT * FROM ${table} ORDER BY 1`)).toEqual(leaf.rows(`SELECT * FROM ${table} ORDER BY 1`));
        const clocks = `SELECT hex(pk), cid, val, col_version, cl FROM crsql_changes WHERE "table" = '${table}' ORDER BY 1, 2`;
        expect(node.rows(clocks)).toEqual(leaf.rows(clocks));
      }
    }
  });
});
