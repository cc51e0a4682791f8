/** All suites by name. */
import { damage } from './damage.ts';
import { fuzzLive } from './fuzz-live.ts';
import { fuzz } from './fuzz.ts';
import { ioError } from './io-error.ts';
import { kill } from './kill.ts';
import { powerCut, powerCutLong } from './power-cut.ts';
import { soak } from './soak.ts';
import type { Suite } from './suite.ts';

export const SUITES: readonly Suite[] = [powerCut, powerCutLong, ioError, damage, fuzz, fuzzLive, kill, soak];

export function suiteOfName(name: string): Suite | undefined {
  return SUITES.find((suite) => suite.name === name);
}
