/** Measures several contenders in turns, so that what else the machine does hits all of them. */
import type { Contender } from '../contenders/contender.ts';
import type { BenchContext } from '../workloads/workload.ts';
import { medians } from './measure.ts';
import type { Cell } from './table.ts';

const MESSAGE_MAX = 100;

export type Figures = Readonly<Record<string, number>>;

/** The outcome of a contender: medians of its runs, or why there are none. */
export type Outcome<T extends Figures> = { readonly figures: T; readonly runs: number } | { readonly failure: string };

export async function inTurns<T extends Figures>(
  context: BenchContext,
  contenders: readonly Contender[],
  measure: (contender: Contender) => Promise<T>,
): Promise<Map<Contender, Outcome<T>>> {
  const runs = new Map<Contender, T[]>(contenders.map((contender) => [contender, []]));
  const failures = new Map<Contender, string>();
  for (let round = 0, roundMs = 0; round < context.repeats && roundMs < context.timeLeftMs(); round++) {
    const start = performance.now();
    for (const [contender, done] of runs) {
      if (failures.has(contender)) continue;
      try {
        done.push(await measure(contender));
      } catch (error) {
        if (contender.kind !== 'peer') throw error;
        const message = (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, MESSAGE_MAX);
        failures.set(contender, message);
        context.note(`${contender.name} FAILED: ${message}`);
      }
    }
    roundMs = performance.now() - start;
  }
  return new Map(contenders.map((contender) => [contender, outcomeOf(runs.get(contender)!, failures.get(contender))]));
}

function outcomeOf<T extends Figures>(runs: readonly T[], failure: string | undefined): Outcome<T> {
  return failure === undefined ? { figures: medians(runs), runs: runs.length } : { failure };
}

export function figuresFor<T extends Figures>(
  outcomes: ReadonlyMap<Contender, Outcome<T>>,
  contender: Contender,
): T | undefined {
  const outcome = outcomes.get(contender);
  return outcome !== undefined && 'figures' in outcome ? outcome.figures : undefined;
}

/** A row a contender: its figures, or in `column` why it has none; then the peers that are absent. */
export function outcomeRows<T extends Figures>(
  { absent }: BenchContext,
  outcomes: ReadonlyMap<Contender, Outcome<T>>,
  { head, column }: { readonly head: Readonly<Record<string, Cell>>; readonly column: string },
  cells: (figures: T, contender: Contender) => Readonly<Record<string, Cell>>,
): Readonly<Record<string, Cell>>[] {
  const measured = [...outcomes].map(([contender, outcome]) => {
    const row = { ...head, contender: contender.name };
    if ('failure' in outcome) return { ...row, [column]: `FAILED: ${outcome.failure}` };
    return { ...row, ...cells(outcome.figures, contender), runs: outcome.runs };
  });
  return [...measured, ...absent.map(({ name }) => ({ ...head, contender: name, [column]: 'NOT RUN, see below' }))];
}
