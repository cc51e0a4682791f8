/**
 * Makes a failing schedule short: drops actions while the same judge still complains, halves first, then single ones.
 *
 * Bounded by re-runs, so the result need not be the shortest; it fails for sure. Leaving actions out changes only the
 * moments of the others: each draws from a random source of its own.
 */
export interface Shrunk {
  /** Numbers of the actions that are left. */
  readonly only: readonly number[];
  readonly runs: number;
}

/** `fails` runs the schedule with these actions alone. */
export function shrink(
  actions: readonly number[],
  options: { readonly runsMax: number; readonly fails: (only: readonly number[]) => boolean },
): Shrunk {
  const { runsMax, fails } = options;
  let only = actions;
  let runs = 0;
  for (let size = Math.ceil(only.length / 2); size >= 1;) {
    let dropped = false;
    for (let at = 0; at < only.length && runs < runsMax;) {
      const rest = [...only.slice(0, at), ...only.slice(at + size)];
      runs += 1;
      if (fails(rest)) {
        only = rest;
        dropped = true;
      } else at += size;
    }
    if (runs >= runsMax) break;
    if (!dropped || size > 1) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return { only, runs };
}
