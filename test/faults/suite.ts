/**
 * A suite: seeded cases that inject faults into the real parts and judge what is left.
 *
 * A case gets its seed and nothing else from chance, counts what it did, and throws when a promise is broken. So one
 * number replays it.
 */

/** What was done, by name: cuts, faults, inputs. Names that end in 'Max' keep the largest, others are added up. */
export type Counts = Readonly<Record<string, number>>;

export interface Suite {
  readonly name: string;
  /** One line for --list. */
  readonly about: string;
  /** Cases of a full run. */
  readonly full: number;
  /** Makes what all cases of a process share. */
  prepare(): Promise<SuiteRun>;
}

export interface SuiteRun {
  runCase(seed: number): Promise<Counts> | Counts;
  close(): Promise<void> | void;
}

export interface CaseFailure {
  readonly seed: number;
  readonly detail: string;
}

export interface SuiteReport {
  readonly suite: string;
  readonly cases: number;
  readonly counts: Counts;
  readonly failures: readonly CaseFailure[];
  readonly seconds: number;
}

export interface RunOptions {
  readonly from: number;
  readonly count: number;
  /** Stops early after so long. */
  readonly seconds?: number;
  readonly failuresMax?: number;
  /** Told before each case. */
  readonly onCase?: (seed: number) => void;
}

/** Runs cases one after the other; a case that throws is a failure, and the others go on. */
export async function runSuite(suite: Suite, options: RunOptions): Promise<SuiteReport> {
  const { from, count, seconds = Infinity, failuresMax = 20, onCase } = options;
  const startedAt = performance.now();
  const secondsSoFar = (): number => (performance.now() - startedAt) / 1000;
  const run = await suite.prepare();
  const counts: Record<string, number> = {};
  const failures: CaseFailure[] = [];
  let cases = 0;
  try {
    for (; cases < count && secondsSoFar() < seconds && failures.length < failuresMax; cases++) {
      const seed = from + cases;
      onCase?.(seed);
      try {
        addCounts(counts, await run.runCase(seed));
      } catch (error) {
        failures.push({ seed, detail: detailOf(error) });
      }
    }
  } finally {
    await run.close();
  }
  return { suite: suite.name, cases, counts, failures, seconds: Math.round(secondsSoFar() * 10) / 10 };
}

export function addCounts(sum: Record<string, number>, counts: Counts): void {
  for (const [name, value] of Object.entries(counts)) {
    const known = sum[name] ?? 0;
    sum[name] = name.endsWith('Max') ? Math.max(known, value) : known + value;
  }
}

/** Throws what a judge found. */
export function expectThat(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new Error(what());
}

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\n  caused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
