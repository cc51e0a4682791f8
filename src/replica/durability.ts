/**
 * How far own writes are safe: on this disk, at one other replica, at n of them.
 *
 * Assumes that the store knows what each peer acknowledged, durably. Only `held` counts: a parked version waits for
 * a migration of that peer, a refused one is not stored there.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import { coversRanges, emptyRangeSet, rangeSetFromRanges, rangeSetOf, subtractRanges } from '../core/range-set.ts';

/** local: survives a power cut here; relay: one other replica has it durably; peers: n of them have. */
export type DurabilityTier = 'local' | 'relay' | { readonly peers: number };

/** Errors  USAGE for anything that is no tier. Undefined = local. */
export function peersOfTier(tier: DurabilityTier): number | undefined {
  if (tier === 'local') return undefined;
  if (tier === 'relay') return 1;
  const peers = typeof tier === 'object' && tier !== null ? tier.peers : undefined;
  if (peers !== undefined && Number.isSafeInteger(peers) && peers >= 1) return peers;
  throw new ReplicationError('USAGE', "flushed takes {tier: 'local' | 'relay' | {peers: n}} with n of at least 1");
}

/** Versions that are in at least `count` of the sets. */
export function rangesInAtLeast(sets: readonly RangeSet[], count: number): RangeSet {
  const edges: { readonly at: number; readonly step: number }[] = [];
  for (const set of sets) for (const [lo, hi] of set) edges.push({ at: lo, step: 1 }, { at: hi, step: -1 });
  edges.sort((a, b) => a.at - b.at);
  const found: Range[] = [];
  let depth = 0;
  for (const [i, { at, step }] of edges.entries()) {
    depth += step;
    const next = edges[i + 1];
    if (depth >= count && next !== undefined && next.at > at) found.push([at, next.at]);
  }
  return rangeSetFromRanges(found);
}

interface Waiter {
  readonly target: RangeSet;
  readonly peers: number;
  readonly resolve: () => void;
  readonly reject: (error: ReplicationError) => void;
}

/** What the peers acknowledged, per peer. */
export interface PeerAcknowledgement {
  readonly held: RangeSet;
  readonly refused: RangeSet;
}

/** Calls that wait for acknowledgements; check() looks again after each. */
export class DurabilityWaiters {
  readonly #acknowledgements: () => readonly PeerAcknowledgement[];
  readonly #waiters = new Set<Waiter>();

  constructor(acknowledgements: () => readonly PeerAcknowledgement[]) {
    this.#acknowledgements = acknowledgements;
  }

  /**
   * Resolves when `peers` other replicas hold all own versions up to `announced`.
   *
   * Errors  CHANGE_REJECTED when peers refused what is missing; what rejectAll() says.
   */
  wait(announced: number, peers: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.add({ target: rangeSetOf(0, announced), peers, resolve, reject });
      this.check();
    });
  }

  check(): void {
    if (this.#waiters.size === 0) return;
    const acknowledgements = this.#acknowledgements();
    for (const waiter of this.#waiters) this.#checkOne(waiter, acknowledgements);
  }

  rejectAll(error: ReplicationError): void {
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters.clear();
  }

  #checkOne(waiter: Waiter, acknowledgements: readonly PeerAcknowledgement[]): void {
    const held = rangesInAtLeast(
      acknowledgements.map((ack) => ack.held),
      waiter.peers,
    );
    const missing = subtractRanges(waiter.target, held);
    const refused = rangeSetFromRanges(acknowledgements.flatMap((ack) => ack.refused));
    if (missing.length === 0) waiter.resolve();
    else if (refused.length > 0 && coversRanges(refused, missing)) waiter.reject(rejectedError(missing));
    else return;
    this.#waiters.delete(waiter);
  }
}

function rejectedError(missing: RangeSet): ReplicationError {
  const message = 'own versions were refused by every peer that could hold them: see the rejected event of the link';
  return new ReplicationError('CHANGE_REJECTED', message, { refused: missing });
}

/** Own versions that no peer acknowledged in any way. */
export function unacknowledgedRanges(announced: number, acknowledged: readonly RangeSet[]): RangeSet {
  return acknowledged.reduce(
    (left, ranges) => subtractRanges(left, ranges),
    announced === 0 ? emptyRangeSet : rangeSetOf(0, announced),
  );
}
