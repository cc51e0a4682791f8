/** What a link queues for the loop: no more than is merged soon, and it ends with its session (R1). */
import { afterEach, describe, expect, it } from 'vitest';
import type { Node, Wire } from './world.ts';
import { eventually, World } from './world.ts';

const COUNT = 'SELECT count(*) FROM todo';

const world = new World();
afterEach(() => world.close());

/** A leaf with as many transactions of two changes that it has not sent yet. */
async function leafWith(transactions: number): Promise<Node> {
  const leaf = await world.node({ limits: { pieceChangesMax: 2 } });
  for (let i = 0; i < transactions; i++) {
    leaf.write(`INSERT INTO todo VALUES ('${i}', 'title', 0)`);
    leaf.replica.flush();
  }
  return leaf;
}

it('no more is decoded than a few groups hold, however much has arrived', async () => {
  const leaf = await leafWith(40);
  const server = await world.node({ limits: { groupChangesMax: 2 } });
  const waiting: number[] = [];
  server.replica.onCommit(() => waiting.push(server.replica.waitingChanges));
  world.connect(leaf, server);
  await eventually(() => server.rows(COUNT)[0]?.[0] === 40, 'everything is merged');
  expect(Math.max(...waiting)).toBeLessThanOrEqual(6);
});

it('nothing that a session queued is merged after its end', async () => {
  const leaf = await leafWith(6);
  const server = await world.node({ limits: { groupChangesMax: 2 } });
  const commits: unknown[] = [];
  const wires: Wire[] = [];
  server.replica.onCommit(() => {
    commits.push(server.rows(COUNT)[0]?.[0]);
    // One group is merged, others wait behind it.
    wires[0]?.server()?.close();
  });
  wires.push(world.connect(leaf, server));
  await eventually(() => wires[0]?.server()?.state === 'closed', 'the link ends');
  expect(server.replica.waitingChanges).toBe(0);
  expect(commits).toEqual([1]);
});

it('a write does not wait until all is merged that another link has sent before', async () => {
  const bulk = await leafWith(40);
  const live = await world.node();
  const server = await world.node({ limits: { groupChangesMax: 2 } });
  const found: number[] = [];
  let written = false;
  world.connect(live, server);
  server.replica.onCommit(() => {
    if (!written) {
      live.write("INSERT INTO todo VALUES ('live', 'title', 0)");
      live.replica.wrote();
    }
    written = true;
    if (server.rows("SELECT 1 FROM todo WHERE id = 'live'").length > 0) found.push(Number(server.rows(COUNT)[0]?.[0]));
  });
  world.connect(bulk, server);
  await eventually(() => server.rows(COUNT)[0]?.[0] === 41, 'everything is merged');
  expect(found[0]).toBeLessThan(20);
});

/** A transaction of 5,000 changes, of which each input takes a turn. */
function writeMuch(node: Node, name: string): void {
  node.write(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
    INSERT INTO todo SELECT '${name} ' || i, 'title', 0 FROM n`);
  node.replica.flush();
}

it('a merge is put off for what took long to decode once, however many links send much', async () => {
  const server = await world.node();
  const leaves = await Promise.all(Array.from({ length: 4 }, () => world.node()));
  const wires = leaves.map((leaf) => world.connect(leaf, server));
  await eventually(() => wires.every(({ client }) => client.live), 'all links are live');
  const resume = server.replica.suspend();
  leaves.forEach((leaf, i) => writeMuch(leaf, `leaf ${i}`));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const waiting: number[] = [];
  server.replica.onCommit(() => waiting.push(server.replica.waitingChanges));
  resume();
  await eventually(() => server.rows(COUNT)[0]?.[0] === 10_000, 'everything is merged');
  expect(Math.max(...waiting)).toBeLessThanOrEqual(10_000);
});

describe('beside a bulk transfer', () => {
  /** A server that stands still while a leaf sends it three transactions, larger than a turn, and another one ten small ones. */
  async function busyServer(): Promise<{ readonly server: Node; readonly resume: () => void }> {
    const [bulk, live, server] = [await world.node(), await world.node(), await world.node()];
    const wires = [world.connect(bulk, server), world.connect(live, server)];
    await eventually(() => wires.every(({ client }) => client.live), 'both links are live');
    const resume = server.replica.suspend();
    for (let i = 0; i < 3; i++) writeMuch(bulk, `bulk ${i}`);
    for (let i = 0; i < 10; i++) {
      live.write(`INSERT INTO todo VALUES ('live ${i}', 'title', 0)`);
      live.replica.flush();
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { server, resume };
  }

  /** Rows that each commit from now on leaves behind. */
  function rowsByCommit({ replica, rows }: Node): unknown[] {
    const counts: unknown[] = [];
    replica.onCommit(() => counts.push(rows(COUNT)[0]?.[0]));
    return counts;
  }

  it('who sends little is merged first, all of it and in a commit of its own', async () => {
    const { server, resume } = await busyServer();
    const counts = rowsByCommit(server);
    resume();
    await eventually(() => server.rows(COUNT)[0]?.[0] === 7_510, 'everything is merged');
    expect(counts.slice(0, 2)).toEqual([10, 2_510]);
  });

  it('own writes are announced before anything is decoded of what has arrived', async () => {
    const { server, resume } = await busyServer();
    const waiting: number[] = [];
    server.replica.onCommit(() => waiting.push(server.replica.waitingChanges));
    server.write("INSERT INTO todo VALUES ('own', 'title', 0)");
    const counts = rowsByCommit(server);
    resume();
    await eventually(() => server.rows(COUNT)[0]?.[0] === 7_511, 'everything is merged');
    expect([counts[0], counts[1], waiting[0]]).toEqual([1, 11, 0]);
  });
});
