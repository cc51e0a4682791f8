/** A peer that asks without end, and reads or waits for nothing: what it makes a replica hold stays bounded (P6). */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { coverageOf } from '../../src/core/coverage.ts';
import type { ReplicationError } from '../../src/core/errors.ts';
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import type { Link } from '../../src/replica/replica-port.ts';
import type { MergeInput } from '../../src/store/store-port.ts';
import { CLOSE_LOST } from '../../src/transport/close-code.ts';
import type { FramePort, FramePortListener } from '../../src/transport/frame-port.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Node } from './world.ts';
import { eventually, GRANT_ALL, helloOf, newId, World } from './world.ts';

const SITE = '5a'.repeat(16) as SiteId;
const OTHER = '6b'.repeat(16) as SiteId;
const ERA = '5e'.repeat(16) as EraNonce;
const LIMITS = { creditBytes: 4_000, messageBytesMax: 64_000, bufferedBytesMax: 4_000, unreadAnswerBytesMax: 4_000 };

const HELLO = helloOf({ site: SITE, era: ERA, mode: 'peer' });

/** The replica's end of a connection to somebody who reads nothing of it. */
class UnreadPort implements FramePort {
  readonly description = 'unread';
  readonly #codec = createCodec({ limits: DEFAULT_LIMITS });
  bufferedBytes = 0;
  closedWith: string | undefined;
  /** What is buffered goes with the connection. */
  isCut = false;
  broken = false;
  #listener: FramePortListener | undefined;

  listen(listener: FramePortListener): void {
    this.#listener = listener;
  }

  send(frame: Uint8Array): void {
    if (this.broken) throw new Error('this connection cannot be written to');
    this.bufferedBytes += frame.length;
  }

  close(code: number, reason: string): void {
    this.closedWith ??= reason;
    this.isCut ||= code === CLOSE_LOST;
  }

  says(message: Message): void {
    this.#listener?.onFrame(this.#codec.encode(message));
  }
}

/** The i-th write of a site that is not here. */
function tagOfOther(i: number, bytes: number): MergeInput {
  const pk = encodePackedKey([`${newId()} ${randomBytes(bytes / 2).toString('hex')}`]);
  const row = { table: 'tag', pk, cid: '-1', val: null, colVersion: 1, cl: 1, seq: 0, version: i + 1 };
  const span = [i, i + 1] as const;
  return { parts: [{ site: OTHER, span, rows: [row] }], claims: coverageOf(OTHER, [span]) };
}

/** Its connection takes what it was sent, a while after the turn in which it was. */
class ReadingPort extends UnreadPort {
  override send(frame: Uint8Array): void {
    super.send(frame);
    setTimeout(() => (this.bufferedBytes -= frame.length), 1);
  }
}

interface Fed {
  readonly node: Node;
  readonly links: readonly Link[];
}

describe('a peer without measure', () => {
  const world = new World();
  afterEach(() => world.close());

  async function joined(): Promise<{ readonly node: Node; readonly port: UnreadPort; readonly link: Link }> {
    const node = await world.node({ limits: LIMITS });
    node.write("INSERT INTO tag VALUES ('a')");
    const port = new UnreadPort();
    const link = node.replica.attach(port, { role: 'server', hello: HELLO, grant: GRANT_ALL });
    await eventually(() => link.state === 'open', 'the link opens');
    return { node, port, link };
  }

  it.each<[string, Message]>([
    ['question', { type: 'beat', era: ERA, n: 0, live: false, sentBytes: 0, grantedBytes: 0, ask: 1 }],
    ['pull', { type: 'pull' }],
    ['want', { type: 'want', site: SITE, ranges: [[0, 9]] }],
  ])('is left when it repeats a %s and reads no answer', async (_name, asked) => {
    const { port, link } = await joined();
    port.says({ type: 'pull' });
    await eventually(() => link.live || link.state === 'closed' || port.bufferedBytes > 0, 'the feed starts');
    const bytesMax = LIMITS.bufferedBytesMax + 4 * LIMITS.creditBytes + 2 * LIMITS.messageBytesMax;
    for (let i = 0; i < 4_000 && link.state !== 'closed'; i++) {
      port.says(asked.type === 'beat' ? { ...asked, ask: i } : asked);
      if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
      expect(port.bufferedBytes).toBeLessThan(bytesMax);
    }
    if (asked.type !== 'want') expect(port.closedWith).toBe('LIMIT_EXCEEDED');
  });

  it.each(['close', 'write'] as const)('cannot keep the end of its link from being told (%s)', async (way) => {
    const node = await world.node({ limits: LIMITS });
    const port = new UnreadPort();
    const ends: string[] = [];
    const onEnd = ({ code }: ReplicationError): void => void ends.push(code);
    const link = node.replica.attach(port, { role: 'server', hello: HELLO, grant: GRANT_ALL, onEnd });
    await eventually(() => link.state === 'open', 'the link opens');
    port.says({ type: 'pull' });
    await eventually(() => link.lag === 0 && port.bufferedBytes > 0, 'the feed starts');
    port.broken = true;
    if (way === 'close') link.close();
    else node.write("INSERT INTO tag VALUES ('b')");
    await eventually(() => ends.length > 0, 'the end is told');
    expect(node.replica.links).toEqual([]);
    expect(port.closedWith).toBe(ends[0]);
  });

  it('is left when it sends beyond its credit while a transaction is open', async () => {
    const { node, port, link } = await joined();
    const resume = node.replica.suspend();
    const bytes = new Uint8Array(1_000);
    for (let i = 0; i < 500; i++) port.says({ type: 'ephemeral', bytes });
    expect(port.closedWith).toBe('LIMIT_EXCEEDED');
    resume();
    await eventually(() => link.state === 'closed', 'the link ends');
  });

  it('costs others nothing: of all links the one that holds most ends, even while a transaction is open', async () => {
    const node = await world.node({ limits: { linksBytesMax: 10_000 } });
    const ports = [new UnreadPort(), new UnreadPort()] as const;
    const links = ports.map((port) => node.replica.attach(port, { role: 'server', hello: HELLO, grant: GRANT_ALL }));
    await eventually(() => links.every(({ state }) => state === 'open'), 'the links open');
    const resume = node.replica.suspend();
    const bytes = new Uint8Array(1_000);
    ports[1].says({ type: 'ephemeral', bytes });
    for (let i = 0; i < 9; i++) ports[0].says({ type: 'ephemeral', bytes });
    expect(ports[0].closedWith).toBe('LIMIT_EXCEEDED');
    for (let i = 0; i < 7; i++) ports[1].says({ type: 'ephemeral', bytes });
    expect(ports[1].closedWith).toBeUndefined();
    resume();
    await eventually(() => links[0]?.state === 'closed', 'the link ends');
    expect(links[1]?.state).toBe('open');
  });

  it('counts when its link has ended until it has read what was sent, and is cut when memory is short', async () => {
    const node = await world.node({ limits: { linksBytesMax: 150_000, bufferedBytesMax: 100_000 } });
    const ports = [new UnreadPort(), new UnreadPort()] as const;
    const links = ports.map((port) => node.replica.attach(port, { role: 'server', hello: HELLO, grant: GRANT_ALL }));
    await eventually(() => links.every(({ state }) => state === 'open'), 'the links open');
    ports[0].bufferedBytes = 100_000;
    links[0]?.close();
    await eventually(() => links[0]?.state === 'closed', 'the link ends');
    expect([ports[0].closedWith, ports[0].isCut]).toEqual(['CLOSED', false]);
    ports[1].bufferedBytes = 60_000;
    links[1]?.sendEphemeral(new Uint8Array(10));
    await eventually(() => ports.some(({ isCut }) => isCut), 'a connection is cut');
    expect([ports[0].isCut, ports[1].isCut, links[1]?.state]).toEqual([true, false, 'open']);
  });

  it('is cut at once where memory is short, though it is not above its own bound: a close would wait for it', async () => {
    const node = await world.node({ limits: { linksBytesMax: 50_000, bufferedBytesMax: 100_000 } });
    const port = new UnreadPort();
    const link = node.replica.attach(port, { role: 'server', hello: HELLO, grant: GRANT_ALL });
    await eventually(() => link.state === 'open', 'the link opens');
    port.bufferedBytes = 60_000;
    link.sendEphemeral(new Uint8Array(10));
    await eventually(() => link.state === 'closed', 'the link ends');
    expect([port.closedWith, port.isCut]).toEqual(['LIMIT_EXCEEDED', true]);
  });

  /** A node and its links, all of which have what there is. */
  async function fed<Port extends UnreadPort>(ports: readonly Port[], limits: Partial<Limits>): Promise<Fed> {
    const node = await world.node({ limits });
    node.write("INSERT INTO tag VALUES ('a')");
    const links = ports.map((port) => node.replica.attach(port, { role: 'server', hello: HELLO, grant: GRANT_ALL }));
    await eventually(() => links.every(({ state }) => state === 'open'), 'the links open');
    for (const port of ports) port.says({ type: 'pull' });
    await eventually(() => links.every(({ lag }) => lag === 0), 'the links are fed');
    return { node, links };
  }

  function commit({ node, bytes }: { readonly node: Node; readonly bytes: number }): void {
    node.write(`INSERT INTO tag VALUES ('${newId()} ${randomBytes(bytes / 2).toString('hex')}')`);
    node.replica.flush();
  }

  it('costs others nothing when it reads nothing, and itself its place: nobody ends, and who reads has all', async () => {
    const ports = [new UnreadPort(), new ReadingPort(), new ReadingPort()];
    const { node, links } = await fed(ports, { linksBytesMax: 30_000, bufferedBytesMax: 20_000 });
    for (let i = 0; i < 20; i++) {
      commit({ node, bytes: 8_000 });
      await eventually(() => links.slice(1).every(({ lag }) => lag === 0), 'those who read have the write');
    }
    expect(ports.map(({ closedWith }) => closedWith)).toEqual([undefined, undefined, undefined]);
    expect(links[0]?.lag).toBeGreaterThan(0);
    expect(ports[0]?.bufferedBytes).toBeLessThan(30_000);
  });

  it('is who holds most where those who read nothing are beyond the bound together, though nobody is beyond his own', async () => {
    const ports = [new UnreadPort(), new ReadingPort()];
    const { node, links } = await fed(ports, { linksBytesMax: 30_000, bufferedBytesMax: 60_000 });
    commit({ node, bytes: 40_000 });
    await eventually(() => links[0]?.state === 'closed', 'the link ends');
    await eventually(() => links[1]?.lag === 0, 'the other has the write');
    expect(ports.map(({ closedWith }) => closedWith)).toEqual(['LIMIT_EXCEEDED', undefined]);
  });

  it('costs itself its place also where what is passed on to it comes from others, bit by bit', async () => {
    const ports = [new UnreadPort(), new ReadingPort()];
    const { node, links } = await fed(ports, { linksBytesMax: 30_000, bufferedBytesMax: 100_000 });
    for (let i = 0; i < 12; i++) {
      await node.replica.submit(tagOfOther(i, 4_000));
      await eventually(() => links[1]?.lag === 0, 'who reads has the write');
    }
    expect(links[0]?.lag).toBeGreaterThan(0);
    expect(ports[0]?.bufferedBytes).toBeLessThan(30_000);
    expect(ports.map(({ closedWith }) => closedWith)).toEqual([undefined, undefined]);
  });

  it.each<[string, (ports: readonly ReadingPort[]) => Promise<Fed>]>([
    ['one commit for all', (ports) => fed(ports, { linksBytesMax: 200_000 })],
    [
      'pieces for all that come at once',
      async (ports) => {
        const node = await world.node({ limits: { linksBytesMax: 200_000 } });
        commit({ node, bytes: 30_000 });
        const attach = (port: FramePort): Link =>
          node.replica.attach(port, { role: 'server', hello: HELLO, grant: GRANT_ALL });
        const links = ports.map(attach);
        await eventually(() => links.every(({ state }) => state === 'open'), 'the links open');
        for (const port of ports) port.says({ type: 'pull' });
        return { node, links };
      },
    ],
  ])('is nobody who reads: %s, together beyond the bound, end no link', async (_what, joins) => {
    const ports = Array.from({ length: 20 }, () => new ReadingPort());
    const { node, links } = await joins(ports);
    commit({ node, bytes: 30_000 });
    await eventually(() => links.every(({ lag }) => lag === 0), 'all have all');
    expect(ports.map(({ closedWith }) => closedWith)).toEqual(ports.map(() => undefined));
  });
});
