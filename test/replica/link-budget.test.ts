/** Links of all replicas that share a relay are counted together: who is alone takes longer turns. */
import { afterEach, expect, it } from 'vitest';
import { LinkBudget } from '../../src/replica/link-budget.ts';
import { eventually, World } from './world.ts';

const world = new World();
afterEach(() => world.close());

it('links of replicas that share a budget count until they end', async () => {
  const budget = new LinkBudget(1_000_000);
  const [one, other] = [await world.node({ budget }), await world.node({ budget })];
  const [leaf, leaver] = [await world.node(), await world.node()];
  const wires = [world.connect(leaf, one), world.connect(leaver, other)];
  await eventually(() => wires.every(({ client }) => client.live), 'both links are live');
  expect(budget.links).toBe(2);
  wires[1]!.cut();
  await eventually(() => budget.links === 1, 'the link that was cut counts no more');
  await one.replica.close();
  expect(budget.links).toBe(0);
});
