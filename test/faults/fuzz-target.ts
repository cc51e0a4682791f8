/** What is fuzzed: one kind of input, made from chance, and the codes that its refusal may have. */
import type { ErrorCode } from '../../src/core/errors.ts';
import type { Random } from '../simulation/random.ts';
import type { Corpus } from './fuzz-corpus.ts';

/** Makes one input, and what is to be done with it. */
export type Target = (random: Random, corpus: Corpus) => () => void;

export interface NamedTarget {
  readonly name: string;
  readonly codes: readonly ErrorCode[];
  readonly target: Target;
}

/** With the weight that a target has among all. */
export type WeightedTarget = readonly [number, NamedTarget];

export const NO_CODES: readonly ErrorCode[] = [];
