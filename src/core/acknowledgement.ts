/** What a replica says about one writer's versions after a sync to disk: three range sets, never 'up to'. */
import type { RangeSet } from './range-set.ts';
import { emptyRangeSet, unionRanges } from './range-set.ts';

export interface Acknowledgement {
  /** Applied and durable. */
  readonly held: RangeSet;
  /** Durable, but waiting for a migration here. */
  readonly parked: RangeSet;
  /** Refused at the edge; not stored. */
  readonly refused: RangeSet;
}

export const emptyAcknowledgement: Acknowledgement = {
  held: emptyRangeSet,
  parked: emptyRangeSet,
  refused: emptyRangeSet,
};

export function unionAcknowledgements(a: Acknowledgement, b: Acknowledgement): Acknowledgement {
  return {
    held: unionRanges(a.held, b.held),
    parked: unionRanges(a.parked, b.parked),
    refused: unionRanges(a.refused, b.refused),
  };
}

/** Everything that needs no sending any more. */
export function settledRanges({ held, parked, refused }: Acknowledgement): RangeSet {
  return unionRanges(unionRanges(held, parked), refused);
}
