/** One benchmark: its name at the command line, and what it measures. */
import type { Contender } from '../contenders/contender.ts';
import type { StageOptions } from '../lib/stage.ts';
import type { Section } from '../lib/table.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** For the help text. */
  readonly summary: string;
  run(context: BenchContext): Promise<Findings>;
}

export type Findings = Pick<Section, 'tables' | 'notes'>;

export interface BenchContext {
  /** Runs of each measurement, whose medians are told. */
  readonly repeats: number;
  /** Sizes asked for: rows, subscribers or links; the workload's own otherwise. */
  readonly sizes: readonly number[] | undefined;
  /** Peers whose packages are installed; none unless asked for. */
  readonly peers: readonly Contender[];
  /** Peers that were asked for and cannot run here. */
  readonly absent: readonly { readonly name: string; readonly why: string }[];
  /** What is left of the workload's time: with none, there are no more repeats. */
  timeLeftMs(): number;
  /** The stage of a contender, with its packages. */
  stageOf(contender: Contender): StageOptions;
  /** One line of progress. */
  note(text: string): void;
}

/** More subscribers that are whole clients would measure themselves. */
const WHOLE_CLIENTS_MAX = 10;

/** The peers that can stand as so many subscribers in one process. */
export function subscribingPeers({ peers }: BenchContext, subscribers: number): readonly Contender[] {
  return peers.filter(({ subscribesWhole = false }) => !subscribesWhole || subscribers <= WHOLE_CLIENTS_MAX);
}

/** Says of every peer that could not run, why. */
export function absentNotes({ absent }: BenchContext): string[] {
  return absent.map(({ name, why }) => `${name} DID NOT RUN: ${why}`);
}
