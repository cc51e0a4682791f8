/** Numbers as weapons: the greatest wins, so a leaf may not take the end of the scale for itself. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { coverageOf } from '../../src/core/coverage.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { Rejection } from '../../src/replica/replica-port.ts';
import type { MergeInput } from '../../src/store/store-port.ts';
import { SPAN_ANY } from '../../src/core/part.ts';
import type { Node } from './world.ts';
import { World, eventually } from './world.ts';

const HOSTILE = 'ee'.repeat(16) as SiteId;
const { colVersionMax, causalLengthMax, versionStepMax } = DEFAULT_LIMITS;
const TITLE = `SELECT title FROM todo WHERE id = 'shared'`;

function titleOf(fields: Partial<Change>): Change {
  return {
    table: 'todo',
    pk: encodePackedKey(['shared']),
    cid: 'title',
    val: 'p',
    colVersion: 1,
    cl: 1,
    seq: 0,
    ...fields,
  };
}

/** What a leaf sends as version `version` of its own. */
function ownInput(version: number, fields: Partial<Change>): MergeInput {
  const parts = [{ site: HOSTILE, span: [version - 1, version] as const, rows: [titleOf(fields)] }];
  return { parts, claims: coverageOf(HOSTILE, [[version - 1, version]]), fromLeaf: 'own' };
}

async function outcomes(node: Node, ...changes: readonly Partial<Change>[]): Promise<string[]> {
  const results: string[] = [];
  for (const [i, fields] of changes.entries()) {
    const { outcome, invalid } = await node.replica.submit(ownInput(i + 1, fields));
    results.push(invalid[0]?.code ?? outcome);
  }
  return results;
}

describe('the numbers of a leaf', () => {
  const world = new World();
  afterEach(() => world.close());

  it('leave a cell writable for others, however high they are', async () => {
    const [relay, honest] = [await world.node(), await world.node()];
    const highest = { colVersion: colVersionMax + versionStepMax, cl: causalLengthMax + versionStepMax - 1 };
    expect(await outcomes(relay, highest)).toEqual(['applied']);
    const rejections: Rejection[] = [];
    const wire = world.connect(honest, relay, { client: { onRejected: (rejection) => rejections.push(rejection) } });
    await wire.client.synced();
    expect(honest.rows(TITLE)).toEqual([['p']]);
    for (const sql of [
      `UPDATE todo SET title = 'honest' WHERE id = 'shared'`,
      `DELETE FROM todo WHERE id = 'shared'`,
      `INSERT INTO todo (id, title) VALUES ('shared', 'again')`,
    ]) {
      honest.write(sql);
      await wire.client.synced();
      expect(relay.rows(TITLE)).toEqual(honest.rows(TITLE));
    }
    expect([rejections, wire.client.unacknowledged]).toEqual([[], []]);
    const newcomer = await world.node();
    await world.connect(newcomer, relay).client.synced();
    expect(newcomer.rows(TITLE)).toEqual([['again']]);
  });

  it('are refused where no number of writes leads, and the leaf goes on with its other writes', async () => {
    const [relay, leaf] = [await world.node(), await world.node()];
    leaf.write(`INSERT INTO todo (id, title) VALUES ('shared', 'x')`);
    leaf.write(`UPDATE todo__crsql_clock SET col_version = ${2 ** 50} WHERE col_name = 'title'`);
    leaf.write(`INSERT INTO tag VALUES ('later')`);
    const rejections: Rejection[] = [];
    const wire = world.connect(leaf, relay, { client: { onRejected: (rejection) => rejections.push(rejection) } });
    await wire.client.synced();
    expect(rejections).toMatchObject([{ code: 'CHANGE_INVALID' }]);
    expect([relay.rows(TITLE), relay.rows('SELECT name FROM tag')]).toEqual([[], [['later']]]);
  });

  it('may go a step beyond what is held, from write to write, and no further', async () => {
    const relay = await world.node();
    const first = colVersionMax + versionStepMax;
    const steps = [first, first + versionStepMax, first + 3 * versionStepMax, first + versionStepMax + 1];
    const results = await outcomes(relay, ...steps.map((colVersion) => ({ colVersion })));
    expect(results).toEqual(['applied', 'applied', 'CHANGE_INVALID', 'applied']);
    const lives = [causalLengthMax + versionStepMax + 1, causalLengthMax + 1];
    expect(await outcomes(relay, ...lives.map((cl) => ({ cl })))).toEqual(['CHANGE_INVALID', 'applied']);
  });

  it('do not climb within one part: each of its changes is measured by what was held before it', async () => {
    const relay = await world.node();
    const rows = [1, 2, 3].map((n) => titleOf({ colVersion: colVersionMax + n * versionStepMax, seq: n }));
    const input = ownInput(1, {});
    const { outcome } = await relay.replica.submit({ ...input, parts: [{ ...input.parts[0]!, rows }] });
    expect([outcome, relay.rows(TITLE)]).toEqual(['invalid', []]);
  });

  it('that wait for a migration are bound as well', async () => {
    const relay = await world.node();
    expect(await outcomes(relay, { cid: 'later', colVersion: 2 ** 45 }, { cid: 'later' })).toEqual([
      'CHANGE_INVALID',
      'parked',
    ]);
  });

  it('are left out of what it vouches for, and that is logged; the rest of it is taken', async () => {
    const [wiped, leaf] = [await world.node(), await world.node()];
    const rows = [titleOf({ colVersion: 2 ** 50 }), titleOf({ cid: 'done', val: 1 })];
    const claims = coverageOf(HOSTILE, [[0, 1]]);
    await leaf.replica.submit({ parts: [{ site: HOSTILE, span: SPAN_ANY, rows }], claims });
    expect(leaf.rows(TITLE)).toEqual([['p']]);
    world.connect(leaf, wiped);
    await eventually(() => wiped.rows('SELECT done FROM todo')[0]?.[0] === 1, 'the relay is refilled');
    expect(wiped.rows(TITLE)).toEqual([[null]]);
    expect(wiped.logged).toContainEqual(
      expect.objectContaining({ level: 'warn', fields: expect.objectContaining({ changes: 1 }) as unknown }),
    );
  });
});
