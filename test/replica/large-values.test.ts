/** Values so large that rows alone do not bound a message: everything still travels, in messages within the bound. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ReplicationError } from '../../src/core/errors.ts';
import type { Grant } from '../../src/replica/replica-port.ts';
import type { Node, Wire } from './world.ts';
import { eventually, GRANT_ALL, World } from './world.ts';

const LIMITS = { frameBytesMax: 16 << 10, messageBytesMax: 128 << 10, pieceBytesMax: 32 << 10 };
const VALUE_BYTES = 20_000;

describe('large values', () => {
  const world = new World();
  afterEach(() => world.close());

  const nodes = (): Promise<Node[]> => Promise.all([0, 1, 2].map(() => world.node({ limits: LIMITS })));

  it.each(['leaf', 'peer'] as const)('of many transactions travel from a %s through a relay', async (mode) => {
    const [relay, writer, reader] = (await nodes()) as [Node, Node, Node];
    for (let i = 0; i < 30; i++) writer.write(photos(i, 1));
    const up = world.connect(writer, relay, { mode });
    await up.client.synced();
    const down = world.connect(reader, relay);
    await down.client.synced();
    expect(contentOf(reader)).toEqual(contentOf(writer));
    expectBounded(up, down);
  });

  it.each(['leaf', 'peer'] as const)('of one transaction travel from a %s through a relay', async (mode) => {
    const [relay, writer, reader] = (await nodes()) as [Node, Node, Node];
    const [up, down] = [world.connect(writer, relay, { mode }), world.connect(reader, relay)];
    await Promise.all([up.client.synced(), down.client.synced()]);
    writer.write(photos(0, 30));
    await up.client.synced();
    await down.client.synced();
    expect(contentOf(reader)).toEqual(contentOf(writer));
    expect(up.client.unacknowledged).toEqual([]);
    expect(relay.store.coverage.get(writer.store.identity.site)).toEqual([[0, 1]]);
    expectBounded(up, down);
  });

  it('of one transaction that no message holds are not let past a hook that decides by transaction', async () => {
    const [relay, writer] = (await nodes()) as [Node, Node, Node];
    writer.write(photos(0, 30));
    const ends: ReplicationError[] = [];
    const grant: Grant = { ...GRANT_ALL, mode: 'leaf', write: () => 'allow' };
    world.connect(writer, relay, { grant, client: { onEnd: (error) => ends.push(error) } });
    await eventually(() => ends.length > 0, 'the link ends');
    expect(ends).toMatchObject([{ code: 'TOO_LARGE' }]);
    expect(relay.rows('SELECT count(*) FROM todo')).toEqual([[0]]);
  });
});

function photos(from: number, count: number): string {
  const rows = Array.from({ length: count }, (_, i) => `('${from + i}', hex(randomblob(${VALUE_BYTES / 2})), 0)`);
  return `INSERT INTO todo VALUES ${rows.join(', ')}`;
}

function contentOf(node: Node): unknown[][] {
  return node.rows('SELECT id, title FROM todo ORDER BY id');
}

/** The bound is on what is put together from chunks, before and after compression. */
function expectBounded(...wires: readonly Wire[]): void {
  for (const { messages } of wires) {
    for (const { message } of messages) {
      if (message.type === 'chunk')
        expect(message.n).toBeLessThanOrEqual(LIMITS.messageBytesMax / LIMITS.frameBytesMax);
    }
  }
}
