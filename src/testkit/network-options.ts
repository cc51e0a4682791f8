/** What an owner of a cluster says of its network, checked. */
import { ReplicationError } from '../core/errors.ts';
import type { NetworkConditions } from './network.ts';

export interface NetworkOptions {
  /** How long a frame is under way. Default 20. */
  readonly latencyMs?: number;
  /** What chance adds to it. Default 10. */
  readonly jitterMs?: number;
  /** How fast a connection takes bytes; Infinity (default) = at once. */
  readonly bytesPerMs?: number;
  /** Shares of frames that are lost, come twice or come late, inside of connections that stand. Default 0. */
  readonly lost?: number;
  readonly repeated?: number;
  readonly reordered?: number;
}

/** Errors  USAGE for a time below 0, a speed of 0, a share outside of 0 to 1. */
export function networkConditions(options: NetworkOptions = {}): NetworkConditions {
  const { latencyMs = 20, jitterMs = 10, bytesPerMs = Infinity, lost = 0, repeated = 0, reordered = 0 } = options;
  const shares = [lost, repeated, reordered];
  const times = [latencyMs, jitterMs];
  const isRight =
    times.every((time) => time >= 0 && time < Infinity) &&
    bytesPerMs > 0 &&
    shares.every((share) => share >= 0 && share < 1);
  if (!isRight) {
    throw new ReplicationError('USAGE', 'network: times are milliseconds of 0 or more, shares are from 0 to below 1');
  }
  const kind = shares.some((share) => share > 0) ? 'lossy' : 'ordered';
  return { kind, latencyMs, jitterMs, bytesPerMs, lost, repeated, reordered };
}
