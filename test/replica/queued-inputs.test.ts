/** What a link queues for the loop: no more than is merged soon, and it ends with its session (R1). */
import { afterEach, expect, it } from 'vitest';
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
