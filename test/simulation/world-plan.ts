/** What a world looks like: machines, links, network, limits; decided by the seed before anything runs. */
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { LinkMode } from '../../src/wire/message.ts';
import type { NetworkConditions, SlowWay } from './network.ts';
import type { Random } from './random.ts';

export interface MachinePlan {
  readonly name: string;
  readonly kind: 'relay' | 'peer' | 'leaf';
  /** Switched on only in the middle of the schedule. */
  readonly late: boolean;
}

export interface EdgePlan {
  readonly client: string;
  readonly server: string;
  readonly mode: LinkMode;
}

export interface WorldPlan {
  readonly shape: string;
  readonly machines: readonly MachinePlan[];
  readonly edges: readonly EdgePlan[];
  readonly network: NetworkConditions;
  readonly limits: Limits;
  /** Machines reach the second schema one by one. */
  readonly migrates: boolean;
  /** Disks are full now and then. */
  readonly fullDisks: boolean;
  /** Backups are put back, files cloned, machines wiped. */
  readonly copies: boolean;
  /** A machine without rows begins with an image, where its peer offers one. */
  readonly images: boolean;
  /** Wall clocks are set forward and back. */
  readonly clockJumps: boolean;
  /** The relay refuses some changes of its leaves. */
  readonly refuses: boolean;
  /** The longest wait before a turn of a replica's loop. */
  readonly turnMs: number;
  readonly actions: number;
}

export const MACHINES_MAX = 5;

export function planWorld(random: Random): WorldPlan {
  const shape = random.pick(['star', 'star', 'pair', 'line', 'mesh', 'relays', 'relays']);
  const { machines, edges } = shapeOf(shape, random);
  const lateOne = random.chance(0.3) ? random.pick(machines.slice(1)).name : undefined;
  const refuses = shape === 'star' && random.chance(0.15);
  return {
    shape,
    machines: machines.map((machine) => ({ ...machine, late: machine.name === lateOne })),
    edges,
    network: planNetwork(random, edges),
    limits: planLimits(random),
    migrates: !refuses && random.chance(0.35),
    fullDisks: random.chance(0.15),
    refuses,
    copies: !refuses && random.chance(0.35),
    images: random.chance(0.3),
    clockJumps: random.chance(0.2),
    turnMs: random.pick([1, 5, 50]),
    actions: random.between(30, 80),
  };
}

type Unscheduled = Omit<MachinePlan, 'late'>;

function shapeOf(shape: string, random: Random): { machines: Unscheduled[]; edges: EdgePlan[] } {
  const of = (kind: MachinePlan['kind'], count: number): Unscheduled[] =>
    Array.from({ length: count }, (_, i) => ({ name: `${kind}${i}`, kind }));
  const link = (client: Unscheduled, server: Unscheduled, mode: LinkMode): EdgePlan => {
    return { client: client.name, server: server.name, mode };
  };
  if (shape === 'star') {
    const [relays, leaves] = [of('relay', 1), of('leaf', random.between(1, 3))];
    return { machines: [...relays, ...leaves], edges: leaves.map((leaf) => link(leaf, relays[0]!, 'leaf')) };
  }
  if (shape === 'relays') {
    const [relays, leaves] = [of('relay', 2), of('leaf', random.between(1, 3))];
    const edges = leaves.map((leaf, i) => link(leaf, relays[i % 2]!, 'leaf'));
    return { machines: [...relays, ...leaves], edges: [link(relays[0]!, relays[1]!, 'peer'), ...edges] };
  }
  const peers = of('peer', shape === 'pair' ? 2 : random.between(3, 4));
  const edges = peers.slice(1).map((peer, i) => link(peer, peers[i]!, 'peer'));
  if (shape === 'mesh') edges.push(link(peers[0]!, peers[peers.length - 1]!, 'peer'));
  if (shape === 'mesh' && peers.length === 4 && random.chance(0.5)) edges.push(link(peers[0]!, peers[2]!, 'peer'));
  const leaves = of('leaf', shape === 'pair' || random.chance(0.5) ? 0 : 1);
  edges.push(...leaves.map((leaf) => link(leaf, random.pick(peers), 'leaf')));
  return { machines: [...peers, ...leaves], edges };
}

function planNetwork(random: Random, edges: readonly EdgePlan[]): NetworkConditions {
  const lossy = random.chance(0.4);
  return {
    kind: lossy ? 'lossy' : 'ordered',
    latencyMs: random.pick([0, 1, 20, 300]),
    jitterMs: random.pick([0, 5, 100]),
    bytesPerMs: random.pick([Infinity, Infinity, 50, 2]),
    lost: lossy ? random.pick([0.01, 0.05, 0.2]) : 0,
    repeated: lossy ? random.pick([0, 0.05]) : 0,
    reordered: lossy ? random.pick([0, 0.05]) : 0,
    slowWays: random.chance(0.25) ? [slowWay(random, random.pick(edges))] : [],
  };
}

/** One direction of one link, so that questions and answers travel at different speeds. */
function slowWay(random: Random, { client, server }: EdgePlan): SlowWay {
  const [from, to] = random.chance(0.5) ? [client, server] : [server, client];
  return { from, to, latencyMs: random.pick([200, 1_000, 2_500]), bytesPerMs: random.pick([1, 5, Infinity]) };
}

/** Half of the worlds have limits so small that pieces, chunks, credit and folding happen all the time. */
function planLimits(random: Random): Limits {
  if (random.chance(0.4)) return DEFAULT_LIMITS;
  const pieceChangesMax = random.pick([2, 10, 50]);
  return {
    ...DEFAULT_LIMITS,
    pieceChangesMax,
    // As by default, a group holds what is read for one piece: only a larger source transaction is ever cut.
    groupChangesMax: Math.max(pieceChangesMax, random.pick([5, 30, 200])),
    growthLogMax: random.pick([1, 2, 5, 100]),
    bookEntriesMax: random.pick([1, 2, 8]),
    erasMax: random.pick([2, 10_000]),
    creditBytes: random.pick([300, 2_000, 1 << 20]),
    frameBytesMax: random.pick([1_500, 1 << 20]),
    bufferedBytesMax: random.pick([300, 1 << 20]),
    // What the busiest honest peer of a schedule is told while its link is slow.
    unreadAnswerBytesMax: 32_000,
  };
}
