/** What comes behind an input that was not taken must not stand for it: no cursor, no claim, no acknowledgement. */
import { afterEach, describe, expect, it } from 'vitest';
import { coverageOf } from '../../src/core/coverage.ts';
import type { Part } from '../../src/core/part.ts';
import type { Node, Wire } from './world.ts';
import { eventually, SCHEMA, World } from './world.ts';

const WIDER = `${SCHEMA} CREATE TABLE photo (id TEXT PRIMARY KEY NOT NULL, name TEXT);`;

describe('behind an input that was not taken', () => {
  const world = new World();
  afterEach(() => world.close());

  it('a later window of the same group does not move the cursor', async () => {
    const a = await world.node({ schema: WIDER });
    const b = await world.node({ limits: { parkedChangesMax: 2 } });
    await live(world.connect(b, a));
    const before = b.store.cursorOf(a.store.identity.site);

    const resume = b.replica.suspend();
    a.write("INSERT INTO photo VALUES ('p1', 'x'), ('p2', 'y'), ('p3', 'z')");
    a.replica.flush();
    a.write("INSERT INTO todo VALUES ('t1', 'kept', 0)");
    a.replica.flush();
    const link = b.replica.links[0]!;
    await delivered();
    resume();
    await eventually(() => link.state === 'closed', 'the link ends');

    expect(b.logged.map(({ fields }) => fields['code'])).toContain('PARKED_FULL');
    expect(b.store.cursorOf(a.store.identity.site)).toEqual(before);
    expect(b.store.coverage.get(a.store.identity.site)).toBeUndefined();
    b.replica.migrate(WIDER);
    await live(world.connect(b, a));
    expect(b.rows('SELECT id FROM photo ORDER BY id')).toEqual(a.rows('SELECT id FROM photo ORDER BY id'));
    expect(b.rows('SELECT id FROM todo')).toEqual([['t1']]);
  });

  it('what a session has brought is dropped when it ends before the merge', async () => {
    const [a, b] = [await world.node(), await world.node()];
    const wire = world.connect(b, a);
    await live(wire);
    const before = b.store.cursorOf(a.store.identity.site);
    const resume = b.replica.suspend();
    a.write("INSERT INTO todo VALUES ('t1', 'on its way', 0)");
    a.replica.flush();
    await delivered();
    wire.cut();
    await delivered();
    resume();
    await eventually(() => wire.client.state === 'closed', 'the link ends');
    await delivered();
    expect(b.rows('SELECT id FROM todo')).toEqual([]);
    expect(b.store.cursorOf(a.store.identity.site)).toEqual(before);
    await live(world.connect(b, a));
    expect(b.rows('SELECT id FROM todo')).toEqual([['t1']]);
  });

  it('a later mark of the same group does not move the cursor when the disk is full', async () => {
    const a = await world.node();
    const b = await world.node();
    await live(world.connect(b, a));
    const link = b.replica.links[0]!;
    b.write("INSERT INTO todo VALUES ('b1', 'mine', 0)");
    b.replica.flush();
    const resume = b.replica.suspend();
    const free = fillDisk(b);
    a.write(`INSERT INTO todo SELECT 'a' || value, hex(randomblob(2000)), 0 FROM (${numbers(100)})`);
    a.replica.flush();
    await eventually(() => a.rows('SELECT count(*) FROM todo')[0]?.[0] === 101, 'a takes the part of b');
    await delivered();
    resume();
    await eventually(() => link.state === 'closed', 'the link ends');
    expect(b.logged.map(({ fields }) => fields['code'])).toContain('STORAGE_FULL');

    free();
    await live(world.connect(b, a));
    expect(b.rows('SELECT count(*) FROM todo')).toEqual([[101]]);
  });

  it('merges wait while own writes cannot be announced, whoever asked for the flush', async () => {
    const a = await world.node();
    const b = await world.node();
    await live(world.connect(b, a));
    const link = b.replica.links[0]!;
    b.write("INSERT INTO todo VALUES ('b1', 'mine', 0)");
    b.connection.exec('PRAGMA query_only = 1');
    expect(() => b.replica.flush()).toThrow('readonly');
    a.write("INSERT INTO todo VALUES ('a1', 'theirs', 0)");
    a.replica.flush();
    await delivered();
    expect(link.state).toBe('open');

    b.connection.exec('PRAGMA query_only = 0');
    b.replica.wrote();
    await eventually(() => a.rows('SELECT count(*) FROM todo')[0]?.[0] === 2, 'a takes the part of b');
    await eventually(() => b.rows('SELECT count(*) FROM todo')[0]?.[0] === 2, 'b takes the part of a');
    expect(b.logged.map(({ fields }) => fields['code'])).not.toContain('INVARIANT');
  });

  it.each([0, 7, 14])('nothing of an input larger than a group is applied when change %i is invalid', async (place) => {
    const a = await world.node();
    const b = await world.node({ limits: { groupChangesMax: 5 } });
    const part = tagsOf(a, 15);
    const rows = part.rows.map((row, i) => (i === place ? { ...row, cl: 0 } : row));
    const claims = coverageOf(part.site, part.claims);
    const refused = await b.replica.submit({ parts: [{ ...part, rows }], claims });
    expect(refused).toMatchObject({ outcome: 'invalid', invalid: [{ index: place }] });
    expect(b.rows('SELECT count(*) FROM tag')).toEqual([[0]]);
    expect(b.store.coverage.size).toBe(0);
    expect(await b.replica.submit({ parts: [part], claims })).toMatchObject({ outcome: 'applied', applied: 15 });
    expect(b.store.coverage.get(part.site)).toEqual(part.claims);
  });

  it('no claim is taken of an input that the parking place had no room for, whichever piece it was', async () => {
    const a = await world.node({ schema: WIDER });
    const b = await world.node({ limits: { groupChangesMax: 5, parkedChangesMax: 3 } });
    a.write("INSERT INTO photo VALUES ('p1', 'x'), ('p2', 'y'), ('p3', 'z'), ('p4', 'z')");
    const part = tagsOf(a, 15);
    const refused = await b.replica.submit({ parts: [part], claims: coverageOf(part.site, part.claims) });
    expect(refused).toMatchObject({ outcome: 'invalid', invalid: [{ code: 'PARKED_FULL' }] });
    expect(b.store.coverage.size).toBe(0);
  });
});

/** The own part of a node that has `count` tags, one change each, behind what it wrote before. */
function tagsOf({ store, connection }: Node, count: number): Part {
  connection.exec(`INSERT INTO tag SELECT 'tag' || value FROM (${numbers(count)})`);
  return store.flush()!.part!;
}

async function live(wire: Wire): Promise<void> {
  await eventually(() => wire.client.live, 'the link is live');
}

/** Everything that was sent has arrived. */
async function delivered(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** No page can be added from now on, until the returned function is called. */
function fillDisk({ connection }: Node): () => void {
  connection.exec(`PRAGMA max_page_count = ${String(connection.prepare('PRAGMA page_count').get()?.[0])}`);
  return () => connection.exec('PRAGMA max_page_count = 1000000');
}

function numbers(count: number): string {
  return `WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ${count}) SELECT value FROM n`;
}
