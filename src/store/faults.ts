/**
 * Deliberate faults: each switches one rule of the algorithm off, so that a simulation can prove that it would
 * notice the loss of that rule. Off by default; nothing but a simulation or a test of one may switch one on.
 */
export interface StoreFaults {
  /** Equal values and double deletes keep each replica's own author. */
  readonly 'tie-break'?: boolean;
  /** Clocks of a moved primary key keep their old version and author. */
  readonly 'pk-update-repair'?: boolean;
  /** Only parts that come with a claim are booked, early chunks are not. */
  readonly 'span-booking'?: boolean;
  /** Claims are committed before the rows that make them true. */
  readonly 'claims-before-rows'?: boolean;
  /** Claims are taken although rows in their range are parked. */
  readonly 'claims-over-parked'?: boolean;
  /** A want is answered with the union of the book entries it meets. */
  readonly 'exact-claims-of-want'?: boolean;
  /** A flush announces up to the engine's own counter, which a no-op write raises in memory only. */
  readonly 'empty-own-version'?: boolean;
  /** An open continues the era before it. */
  readonly era?: boolean;
  /** Announced versions and acknowledged changes survive only a crash of the process. */
  readonly 'full-commit'?: boolean;
}

export type StoreFault = keyof StoreFaults;

export const NO_FAULTS: StoreFaults = {};
