/** Measures several contenders in turns, so that what else the machine does hits all of them. */
import type { Contender } from '../contenders/contender.ts';
import type { BenchContext } from '../workloads/workload.ts';
import { medians } from './measure.ts';

export type Figures = Readonly<Record<string, number>>;

/** The outcome of a contender: medians of its runs, or why there are none. */
export type Outcome<T extends Figures> = { readonly figures: T } | { readonly failure: string };

export async function inTurns<T extends Figures>(
  context: BenchContext,
  contenders: readonly Contender[],
  measure: (contender: Contender) => Promise<T>,
): Promise<Map<Contender, Outcome<T>>> {
  const runs = new Map<Contender, T[]>(contenders.map((contender) => [contender, []]));
  const failures = new Map<Contender, string>();
  for (let round = 0; round < context.repeats; round++) {
    for (const [contender, done] of runs) {
      if (failures.has(contender)) continue;
      try {
        done.push(await measure(contender));
      } catch (error) {
        if (contender.kind !== 'peer') throw error;
        const message = (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
        failures.set(contender, message);
        context.note(`${contender.name} FAILED: ${message}`);
      }
    }
  }
  return new Map(
    contenders.map((contender) => {
      const failure = failures.get(contender);
      return [contender, failure === undefined ? { figures: medians(runs.get(contender)!) } : { failure }];
    }),
  );
}

export function figuresFor<T extends Figures>(
  outcomes: ReadonlyMap<Contender, Outcome<T>>,
  contender: Contender,
): T | undefined {
  const outcome = outcomes.get(contender);
  return outcome !== undefined && 'figures' in outcome ? outcome.figures : undefined;
}
