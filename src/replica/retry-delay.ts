/** How long to wait before a link is tried again: exponential with jitter, never above a bound. */
import type { Limits } from '../core/limits.ts';

export type RetryLimits = Pick<Limits, 'retryFirstMs' | 'retryMaxMs' | 'retryAfterMsMax'>;

export interface RetryDelayInput {
  /** Attempts that failed in a row before; 0 for the first. */
  readonly failures: number;
  /** In [0, 1): spreads the replicas of a relay that came back. */
  readonly random: number;
  /** What the peer asked for. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Half of the exponential delay is fixed, half is random.
 *
 * Units   milliseconds.
 * Why     A peer's own wish is honoured as a lower bound, but not beyond retryAfterMsMax: a wrong clock or a hostile
 *         peer must not switch a replica off for ever.
 */
export function retryDelayMs({ failures, random, retryAfterMs }: RetryDelayInput, limits: RetryLimits): number {
  const longest = Math.min(limits.retryMaxMs, limits.retryFirstMs * 2 ** Math.min(failures, 40));
  const own = Math.round(longest * (0.5 + random / 2));
  const asked = retryAfterMs !== undefined && retryAfterMs > 0 ? Math.min(retryAfterMs, limits.retryAfterMsMax) : 0;
  return Math.max(own, asked);
}
