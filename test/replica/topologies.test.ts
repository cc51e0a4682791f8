import { afterEach, describe, expect, it } from 'vitest';
import { coverageToJson } from '../../src/core/coverage.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Node, Wire } from './world.ts';
import { World, eventually, newId } from './world.ts';

const TABLES = ['SELECT * FROM todo ORDER BY id', 'SELECT * FROM tag ORDER BY name'];

function contents(node: Node): string {
  return JSON.stringify(TABLES.map((sql) => node.rows(sql)));
}

function allEqual(nodes: readonly Node[]): boolean {
  const [first, ...others] = nodes.map((node) => JSON.stringify([contents(node), coverageToJson(node.store.coverage)]));
  return others.every((other) => other === first);
}

function add(node: Node, title: string): void {
  node.write(`INSERT INTO todo (id, title) VALUES ('${newId()}', '${title}')`);
}

function echoes(wires: readonly Wire[]): number {
  return wires.reduce((sum, { client, server }) => {
    return sum + client.traffic.changesEchoed + (server()?.traffic.changesEchoed ?? 0);
  }, 0);
}

/** No message but beats moves once nothing is new. */
async function expectQuiet(wires: readonly Wire[]): Promise<void> {
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));
  await settle();
  const before = wires.map(({ messages }) => messages.length);
  await settle();
  const since: Message[] = wires.flatMap(({ messages }, i) => messages.slice(before[i]).map(({ message }) => message));
  expect(since.filter(({ type }) => type !== 'beat')).toEqual([]);
}

describe('replicas in a world of real stores', () => {
  const world = new World();
  afterEach(() => world.close());

  it('flow together through a relay and go quiet (star)', async () => {
    const [relay, ...leaves] = [await world.node(), await world.node(), await world.node(), await world.node()];
    for (const leaf of leaves) add(leaf, 'written before the link');
    const wires = leaves.map((leaf) => world.connect(leaf, relay));
    await Promise.all(wires.map(({ client }) => client.synced()));
    for (let i = 0; i < 20; i++) add(leaves[i % 3]!, `live ${i}`);
    leaves[0].write(`UPDATE todo SET done = 1`);
    leaves[0].write(`DELETE FROM todo WHERE title = 'live 3'; INSERT INTO tag VALUES ('a'), ('b')`);
    await eventually(() => allEqual([relay, ...leaves.map((leaf) => leaf)]), 'a star converges');
    expect(relay.rows('SELECT count(*) FROM todo')).toEqual([[22]]);
    await expectQuiet(wires);
    expect(echoes(wires)).toBe(0);
    expect(world.nodes.flatMap(({ logged }) => logged.filter(({ level }) => level === 'error'))).toEqual([]);
  });

  it('pass changes along a line of three relays, never back', async () => {
    const relays = [await world.node(), await world.node(), await world.node()];
    const [left, right] = [await world.node(), await world.node()];
    const wires = [
      world.connect(relays[0]!, relays[1]!, { mode: 'peer' }),
      world.connect(relays[1]!, relays[2]!, { mode: 'peer' }),
      world.connect(left, relays[0]!),
      world.connect(right, relays[2]!),
    ];
    for (let i = 0; i < 10; i++) {
      add(left, `left ${i}`);
      add(right, `right ${i}`);
    }
    await eventually(
      () => allEqual([...relays, left, right]) && right.rows('SELECT * FROM todo').length === 20,
      'line',
    );
    await expectQuiet(wires);
    expect(echoes(wires)).toBe(0);
  });

  it('converge in a mesh of four with cycles, with writers everywhere, and go quiet', async () => {
    const nodes = [await world.node(), await world.node(), await world.node(), await world.node()];
    const pairs = [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 0],
      [0, 2],
    ] as const;
    const wires = pairs.map(([a, b]) => world.connect(nodes[a]!, nodes[b]!, { mode: 'peer' }));
    for (let i = 0; i < 40; i++) {
      add(nodes[i % 4]!, `mesh ${i}`);
      if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    nodes[2]!.write(`UPDATE todo SET title = 'same'`);
    nodes[3]!.write(`UPDATE todo SET title = 'same'`);
    await eventually(() => allEqual(nodes) && nodes[0]!.rows('SELECT * FROM todo').length === 40, 'mesh converges');
    await expectQuiet(wires);
    expect(echoes(wires)).toBe(0);
  });

  it('catch up after a cut, by what was missed and no more', async () => {
    const [relay, a, b] = [await world.node(), await world.node(), await world.node()];
    const first = world.connect(a, relay);
    const other = world.connect(b, relay);
    for (let i = 0; i < 50; i++) add(a, `before ${i}`);
    await Promise.all([first.client.synced(), other.client.synced()]);
    await eventually(() => allEqual([relay, a, b]), 'equal before the cut');
    other.cut();
    await eventually(() => other.client.state === 'closed', 'the cut is noticed');
    for (let i = 0; i < 5; i++) add(a, `missed ${i}`);
    add(b, 'written offline');
    const again = world.connect(b, relay);
    await again.client.synced();
    await eventually(() => allEqual([relay, a, b]), 'equal after the cut');
    expect(again.client.traffic.changesReceived).toBe(10);
    expect(again.client.traffic.changesSent).toBe(2);
  });

  it('take a transaction that is larger than a group, piece by piece', async () => {
    const limits = { groupChangesMax: 50, pieceChangesMax: 30 };
    const [relay, a, b] = [await world.node({ limits }), await world.node({ limits }), await world.node({ limits })];
    a.write(
      `INSERT INTO todo (id, title) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, 'row ' || i FROM n`,
    );
    const wires = [world.connect(a, relay), world.connect(b, relay)];
    await Promise.all(wires.map(({ client }) => client.synced()));
    await eventually(() => allEqual([relay, a, b]) && b.rows('SELECT * FROM todo').length === 200, 'large');
    await expectQuiet(wires);
    expect(echoes(wires)).toBe(0);
  });
});
