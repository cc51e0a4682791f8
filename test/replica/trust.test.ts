import { afterEach, describe, expect, it } from 'vitest';
import type { ReplicationError } from '../../src/core/errors.ts';
import type { Grant, Rejection } from '../../src/replica/replica-port.ts';
import { GRANT_ALL, SCHEMA, World, eventually } from './world.ts';

describe('a link within its grant', () => {
  const world = new World();
  afterEach(() => world.close());

  it('refuses whole versions at the edge, tells the app, and takes the rest', async () => {
    const write: Grant['write'] = (change) => (change.val === 'forbidden' ? 'reject' : 'allow');
    const [relay, leaf] = [await world.node(), await world.node()];
    leaf.write(`INSERT INTO todo (id, title) VALUES ('1', 'fine')`);
    leaf.write(`INSERT INTO todo (id, title) VALUES ('2', 'forbidden')`);
    leaf.write(`INSERT INTO todo (id, title) VALUES ('3', 'fine too')`);
    const rejections: Rejection[] = [];
    const listener = { onRejected: (rejection: Rejection) => rejections.push(rejection) };
    const wire = world.connect(leaf, relay, { grant: { ...GRANT_ALL, mode: 'leaf', write }, client: listener });
    await wire.client.synced();
    expect(relay.rows('SELECT id FROM todo ORDER BY id')).toEqual([['1'], ['3']]);
    expect(rejections).toMatchObject([{ site: leaf.store.identity.site, code: 'CHANGE_REJECTED' }]);
    expect(wire.client.unacknowledged).toEqual([]);
    wire.cut();
    const again = world.connect(leaf, relay, { grant: { ...GRANT_ALL, mode: 'leaf', write } });
    await again.client.synced();
    expect(again.client.traffic.changesSent).toBe(0);
  });

  it('makes a replica whose write was refused no relay’s peer, in open links and later ones', async () => {
    const write: Grant['write'] = (change) => (change.val === 'forbidden' ? 'reject' : 'allow');
    const strict = { ...GRANT_ALL, mode: 'leaf', write } as const;
    const [relay, other, writer] = [await world.node(), await world.node(), await world.node()];
    await world.connect(other, relay, { mode: 'peer' }).client.synced();
    const ends: ReplicationError[] = [];
    const client = { siteKey: 'ab', onEnd: (error: ReplicationError) => ends.push(error) };
    await world.connect(writer, other, { mode: 'peer', client }).client.synced();
    const strictly = world.connect(writer, relay, { grant: strict });
    await strictly.client.synced();
    expect(ends).toEqual([]);
    // It takes nothing from here on: what was sent before the refusal is known stays unread.
    other.replica.suspend();
    writer.write(`INSERT INTO todo (id, title) VALUES ('1', 'forbidden')`);
    await eventually(() => ends.length === 1, 'the open link of a peer ends');
    world.connect(writer, await world.node(), { mode: 'peer', client });
    await eventually(() => ends.length === 2, 'a later one ends');
    const error = { code: 'CHANGE_REJECTED', details: { refused: [[0, 1]], mode: 'leaf' } };
    expect(ends).toMatchObject([error, error]);
    expect(relay.rows('SELECT * FROM todo')).toEqual([]);
    strictly.cut();
    await world.connect(writer, await world.node(), { mode: 'peer' }).client.synced();
  });

  it('lets it be a peer again once the welcome of the relay no longer calls the write refused', async () => {
    const [relay, writer] = [await world.node(), await world.node()];
    writer.write(`INSERT INTO todo (id, title) VALUES ('1', 'fine now')`);
    writer.replica.flush();
    writer.store.setHeldBy(relay.store.identity.site, { held: [], parked: [], refused: [[0, 1]] });
    await world.connect(writer, relay, { mode: 'peer', client: { siteKey: 'ab' } }).client.synced();
    expect(relay.rows('SELECT id FROM todo')).toEqual([['1']]);
  });

  it('refuses a version with a change that is invalid here, and takes the others of the same part', async () => {
    const item = (type: string): string => `${SCHEMA} CREATE TABLE item (id ${type} PRIMARY KEY NOT NULL, name TEXT);`;
    const [relay, leaf] = [await world.node({ schema: item('INTEGER') }), await world.node({ schema: item('TEXT') })];
    leaf.write(`INSERT INTO todo (id, title) VALUES ('1', 'before')`);
    leaf.write(`INSERT INTO item VALUES ('no number', 'x')`);
    leaf.write(`INSERT INTO todo (id, title) VALUES ('2', 'after')`);
    const rejections: Rejection[] = [];
    const wire = world.connect(leaf, relay, { client: { onRejected: (rejection) => rejections.push(rejection) } });
    await wire.client.synced();
    expect(relay.rows('SELECT id FROM todo ORDER BY id')).toEqual([['1'], ['2']]);
    expect(rejections).toMatchObject([{ code: 'CHANGE_INVALID', ranges: [[1, 2]] }]);
    expect(relay.store.acknowledge(leaf.store.identity.site)).toMatchObject({ refused: [[1, 2]] });
  });

  it('ends where the parking place is full, and nothing of the leaf counts as refused', async () => {
    const wider = `${SCHEMA} CREATE TABLE photo (id TEXT PRIMARY KEY NOT NULL, name TEXT);`;
    const relay = await world.node({ limits: { parkedChangesMax: 2 } });
    const leaf = await world.node({ schema: wider });
    leaf.write(`INSERT INTO photo VALUES ('1', 'a'), ('2', 'b'), ('3', 'c')`);
    const ends: ReplicationError[] = [];
    const wire = world.connect(leaf, relay, { client: { onEnd: (error) => ends.push(error) } });
    await eventually(() => ends.length > 0, 'the link ends');
    expect(ends).toMatchObject([{ code: 'PARKED_FULL' }]);
    expect(relay.store.acknowledge(leaf.store.identity.site).refused).toEqual([]);
    expect(wire.client.unacknowledged).toEqual([[0, 1]]);
    relay.replica.migrate(wider);
    await world.connect(leaf, relay).client.synced();
    expect(relay.rows('SELECT count(*) FROM photo')).toEqual([[3]]);
  });

  it('ends with FORBIDDEN when it asks for more than the grant', async () => {
    const [relay, peer] = [await world.node(), await world.node()];
    const ends: ReplicationError[] = [];
    const listener = { onEnd: (error: ReplicationError) => ends.push(error) };
    world.connect(peer, relay, { mode: 'peer', grant: { ...GRANT_ALL, mode: 'leaf' }, client: listener });
    await eventually(() => ends.length > 0, 'the refusal arrives');
    expect(ends).toMatchObject([{ code: 'FORBIDDEN', details: { mode: 'leaf' } }]);
  });

  it('tells live links of what a migration applied: the writer that it is held, readers the changes and claims', async () => {
    const wider = SCHEMA.replace('done INTEGER', 'note TEXT, done INTEGER');
    const [relay, leaf] = [await world.node(), await world.node({ schema: wider })];
    const reader = await world.node({ schema: wider });
    const [up, down] = [world.connect(leaf, relay), world.connect(reader, relay)];
    leaf.write(`INSERT INTO todo (id, title, note) VALUES ('1', 'a', 'parked')`);
    await up.client.synced();
    await down.client.synced();
    const { site } = leaf.store.identity;
    const { site: relaySite } = relay.store.identity;
    expect([leaf.store.heldBy(relaySite).held, reader.store.coverage.get(site)]).toEqual([[], undefined]);
    relay.replica.migrate(wider);
    await eventually(() => reader.rows('SELECT note FROM todo')[0]?.[0] === 'parked', 'the reader sees the change');
    await eventually(() => reader.store.coverage.has(site), 'the reader takes the claim');
    await eventually(() => leaf.store.heldBy(relaySite).held.length > 0, 'the writer hears that it is held');
    expect(leaf.store.heldBy(relaySite).held).toEqual([[0, 1]]);
  });

  it('takes the word of a welcome over what it believed: a relay that lost a write gets it again', async () => {
    const [relay, leaf] = [await world.node(), await world.node()];
    leaf.write(`INSERT INTO todo (id, title) VALUES ('1', 'kept')`);
    const wire = world.connect(leaf, relay);
    await wire.client.synced();
    const { site } = relay.store.identity;
    wire.cut();
    leaf.store.setHeldBy(site, { held: [[0, 1]], parked: [[1, 2]], refused: [[2, 3]] });
    await world.connect(leaf, relay).client.synced();
    expect(leaf.store.heldBy(site)).toEqual({ held: [[0, 1]], parked: [], refused: [] });
  });

  it('parks what this schema does not know and applies it after the migration', async () => {
    const wider = SCHEMA.replace('done INTEGER', 'note TEXT, done INTEGER');
    const [relay, leaf] = [await world.node(), await world.node({ schema: wider })];
    leaf.write(`INSERT INTO todo (id, title, note) VALUES ('1', 'a', 'parked')`);
    const wire = world.connect(leaf, relay);
    await wire.client.synced();
    expect(relay.store.parkedChanges).toBe(1);
    relay.replica.migrate(wider);
    expect(relay.rows('SELECT note FROM todo')).toEqual([['parked']]);
    expect(relay.store.parkedChanges).toBe(0);
    const reader = await world.node({ schema: wider });
    const read = world.connect(reader, relay);
    await read.client.synced();
    expect(reader.rows('SELECT note FROM todo')).toEqual([['parked']]);
  });
});
