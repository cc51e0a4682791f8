/** Clusters for tests of applications: real replicas and relays under faults that a seed decides. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Cluster, ClusterOptions } from '../../src/testkit/cluster.ts';
import { createCluster } from '../../src/testkit/cluster.ts';

const schema = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, size REAL);';

async function clusterOf(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const cluster = await createCluster({ seed: 7, schema, ...options });
  onTestFinished(() => cluster.close());
  return cluster;
}

function expectEqual(cluster: Cluster, rows: number): void {
  const [first, ...others] = Object.values(cluster.contents());
  expect(first!['todo']).toHaveLength(rows);
  for (const other of others) expect(other).toEqual(first);
}

describe('a cluster', () => {
  test('brings what one replica writes to the others, and a watch hears of it', async () => {
    const cluster = await clusterOf({ replicas: 3 });
    const [a, b] = [cluster.replica('a'), cluster.replica('b')];
    const seen: unknown[] = [];
    b.watch('SELECT count(*) AS n FROM todo', [], ([row]) => seen.push(row?.['n']));
    await a.exec('INSERT INTO todo VALUES (?, ?, 5.0)', ['x', 'milk']);
    await a.transaction(async (tx) => {
      await tx.exec('INSERT INTO todo VALUES (?, ?, 1)', ['y', 'tea']);
    });
    await cluster.settle();
    expect(seen.at(-1)).toBe(2);
    expect(await cluster.replica('c').query('SELECT id FROM todo ORDER BY id')).toEqual([{ id: 'x' }, { id: 'y' }]);
    expect(cluster.contents()).toMatchObject({
      relay1: { todo: ["'x', 'milk', 5.0", "'y', 'tea', 1.0"] },
      a: { todo: ["'x', 'milk', 5.0", "'y', 'tea', 1.0"] },
    });
    expect(cluster.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('time stands still until it is moved; a promise is waited for in its time', async () => {
    const cluster = await clusterOf({ network: { latencyMs: 1_000, jitterMs: 0 } });
    const { db } = cluster.replica('a');
    const begin = cluster.now;
    await db.exec("INSERT INTO todo VALUES ('x', 'milk', 1)");
    expect(cluster.now).toBe(begin);
    await cluster.until(db.flushed({ tier: 'relay' }));
    expect(cluster.now - begin).toBeGreaterThanOrEqual(4_000);
    await cluster.advance(60_000);
    expect(cluster.now - begin).toBeGreaterThanOrEqual(64_000);
    const never = new Promise<void>(() => undefined);
    await expect(cluster.until(never, { withinMs: 1_000 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('replicas that are parted differ, and are equal after the healing; relays stay equal with each other', async () => {
    const cluster = await clusterOf({ replicas: ['ann', 'bob', 'eve'], relays: ['paris', 'rome'] });
    await cluster.settle();
    cluster.partition(['ann'], ['paris', 'rome']);
    await cluster.replica('ann').exec("INSERT INTO todo VALUES ('x', 'from ann', 1)");
    await cluster.replica('bob').exec("INSERT INTO todo VALUES ('y', 'from bob', 1)");
    await expect(cluster.settle({ withinMs: 90_000 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await cluster.replica('eve').query('SELECT id FROM todo')).toEqual([{ id: 'y' }]);
    expect(await cluster.replica('ann').query('SELECT id FROM todo')).toEqual([{ id: 'x' }]);
    cluster.heal();
    await cluster.settle();
    expectEqual(cluster, 2);
  });

  test.each([
    ['a slow network', { latencyMs: 400, jitterMs: 200, bytesPerMs: 2 }],
    ['a network that loses, repeats and reorders', { lost: 0.05, repeated: 0.05, reordered: 0.05 }],
  ])('%s delays, and changes nothing', async (_name, network) => {
    const cluster = await clusterOf({ replicas: 3, network });
    for (let i = 0; i < 30; i++) {
      const name = cluster.random.pick(['a', 'b', 'c']);
      await cluster.replica(name).exec('INSERT INTO todo VALUES (?, ?, ?)', [`${i}`, name, i / 2]);
      if (cluster.random.chance(0.2)) cluster.disconnect(name);
      await cluster.advance(cluster.random.below(3_000));
    }
    await cluster.settle();
    expectEqual(cluster, 30);
  });

  test('the same seed gives the same run, another one another', async () => {
    const run = async (seed: number): Promise<string> => {
      const cluster = await clusterOf({ seed, network: { lost: 0.1 }, replicas: 2 });
      for (const name of ['a', 'b']) await cluster.replica(name).exec("INSERT INTO todo VALUES ('x', ?, 1)", [name]);
      await cluster.advance(20_000);
      cluster.replica('a').crash({ power: true });
      await cluster.replica('a').start();
      await cluster.settle();
      const sites = ['a', 'b'].map((name) => cluster.replica(name).db.siteId);
      return JSON.stringify([cluster.now, sites, cluster.contents(), cluster.log]);
    };
    expect(await run(11)).toBe(await run(11));
    expect(await run(11)).not.toBe(await run(12));
  });
});

describe('faults of a machine', () => {
  test('what the relay acknowledged survives the end of its process and the loss of its power', async () => {
    const cluster = await clusterOf();
    const [a, relay] = [cluster.replica('a'), cluster.relay('relay1')];
    for (const [i, power] of [false, true, true, false].entries()) {
      await a.exec('INSERT INTO todo VALUES (?, ?, 1)', [`${i}`, 'milk']);
      await cluster.until(a.db.flushed({ tier: 'relay' }));
      relay.crash({ power });
      await relay.start();
      expect(await relay.db.query('SELECT id FROM todo')).toHaveLength(i + 1);
    }
    await cluster.settle();
    expectEqual(cluster, 4);
  });

  test('a replica that crashed is another database after its start; its old one answers nothing', async () => {
    const cluster = await clusterOf();
    const a = cluster.replica('a');
    await a.exec("INSERT INTO todo VALUES ('x', 'milk', 1)");
    await a.db.flushed();
    const { db } = a;
    a.crash({ power: true });
    expect(() => a.db).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await expect(db.query('SELECT * FROM todo')).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:CLOSED|STORAGE_FAILED)$/) as string,
    });
    await a.start();
    expect(a.db).not.toBe(db);
    expect(await a.query('SELECT id FROM todo')).toEqual([{ id: 'x' }]);
    await a.stop();
    await a.start();
    await cluster.settle();
    expectEqual(cluster, 1);
  });

  test.each([['left'], ['restored']] as const)(
    'a file of yesterday is put back (what lies beside it: %s)',
    async (beside) => {
      const cluster = await clusterOf({ replicas: 2 });
      const a = cluster.replica('a');
      await a.exec("INSERT INTO todo VALUES ('before', 'milk', 1)");
      await cluster.settle();
      const { siteId } = a.db;
      const yesterday = a.snapshot();
      await a.exec("INSERT INTO todo VALUES ('after', 'tea', 1)");
      await cluster.settle();
      await a.restore(yesterday, { beside });
      await a.exec("INSERT INTO todo VALUES ('later', 'rice', 1)");
      await cluster.settle();
      expect(a.db.siteId).not.toBe(siteId);
      expectEqual(cluster, 3);
    },
  );

  test('a relay that was wiped is filled again by its replicas', async () => {
    const cluster = await clusterOf({ replicas: 2 });
    await cluster.replica('a').exec("INSERT INTO todo VALUES ('x', 'milk', 1)");
    await cluster.replica('b').exec("INSERT INTO todo VALUES ('y', 'tea', 1)");
    await cluster.settle();
    await cluster.relay('relay1').wipe();
    await cluster.settle();
    expectEqual(cluster, 2);
  });

  test('a full disk refuses writes with its code, and takes them again when there is room', async () => {
    const cluster = await clusterOf();
    const a = cluster.replica('a');
    a.setDiskFull(true);
    await expect(a.exec("INSERT INTO todo VALUES ('x', 'milk', 1)")).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    a.setDiskFull(false);
    await a.exec("INSERT INTO todo VALUES ('y', 'tea', 1)");
    await cluster.settle();
    expectEqual(cluster, 1);
  });
});

describe('the rules of an application', () => {
  test("the relay asks the application's authorize function, with the token of each machine", async () => {
    const cluster = await clusterOf({
      replicas: ['owner', 'guest'],
      token: (machine) => `token-of-${machine}`,
      authorize: async ({ token }) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (token === undefined) return { refuse: 'UNAUTHORIZED' };
        return { read: 'all', write: token === 'token-of-owner' ? 'all' : () => 'reject', schema: true, mode: 'leaf' };
      },
    });
    const [owner, guest] = [cluster.replica('owner'), cluster.replica('guest')];
    await owner.exec("INSERT INTO todo VALUES ('x', 'milk', 1)");
    await cluster.settle();
    await guest.exec("INSERT INTO todo VALUES ('y', 'tea', 1)");
    const flushed = cluster.until(guest.db.flushed({ tier: 'relay' }));
    await expect(flushed).rejects.toMatchObject({ code: 'CHANGE_REJECTED' });
    expect(await owner.query('SELECT id FROM todo')).toEqual([{ id: 'x' }]);
    const answer = await cluster.relay('relay1').fetch(new Request('http://relay1/app/changes'));
    expect(answer.status).toBe(401);
  });

  test('the endpoints of a relay answer inside the cluster', async () => {
    const cluster = await clusterOf();
    await cluster.replica('a').exec("INSERT INTO todo VALUES ('x', 'milk', 1)");
    await cluster.settle();
    const answer = await cluster.relay('relay1').fetch(new Request('http://relay1/app/changes'));
    expect(((await answer.json()) as { changes: unknown[] }).changes).toHaveLength(2);
  });

  test('what cannot be is refused with USAGE', async () => {
    const wrong: Partial<ClusterOptions>[] = [
      { replicas: ['a', 'a'] },
      { replicas: ['A b'] },
      { relays: 1.5 },
      { replicas: 101 },
      { network: { lost: 2 } },
      { limits: { linksMax: -1 } },
    ];
    for (const options of wrong) {
      await expect(createCluster({ schema, ...options })).rejects.toMatchObject({ code: 'USAGE' });
    }
    const cluster = await clusterOf();
    expect(() => cluster.replica('z')).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => cluster.partition(['a'], ['z'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
    await expect(cluster.advance(Number.NaN)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
