/** Pages of changes for callers without a session: in store order behind a cursor, or what a caller does not hold. */
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, emptyCoverage, subtractCoverage, unionCoverage, withoutSites } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import { cursorToText } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Part } from '../core/part.ts';
import { coversRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import { STORE_VERSION_ZERO } from '../core/version.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';
import type { StoreOrderAnswer, WantAnswer } from '../wire/bodies.ts';

export interface PageOptions {
  readonly changesMax: number;
  /** The caller's own site: its changes are left out. */
  readonly exclude: SiteId | undefined;
}

/**
 * The page behind `since`; claims only on the page that reaches the stored maximum (R6).
 *
 * Errors  EPOCH_CHANGED {epoch} for a cursor that does not resume here.
 */
export function storeOrderPage(
  replica: ReplicaPort,
  since: Cursor | undefined,
  options: PageOptions,
): StoreOrderAnswer {
  replica.flush();
  const { store } = replica;
  const { site, era } = store.identity;
  const without = options.exclude === undefined ? [] : [options.exclude];
  const piece = store.readPiece(startOf(replica, since), { without, changesMax: options.changesMax });
  return {
    form: 'store-order',
    site,
    epoch: era,
    since,
    from: piece.from,
    to: piece.to,
    parts: piece.parts,
    claims: piece.last ? store.coverage : emptyCoverage,
    cursor: { nonce: era, at: piece.to },
    more: !piece.last,
  };
}

/** Whether a cursor of this store can go on; one of a lost or foreign numbering cannot. */
export function resumes({ store }: ReplicaPort, since: Cursor): boolean {
  const { base, lost } = store.resume(since);
  return !lost && base.at === since.at && since.at <= store.storedMax;
}

/** What is held here and not there, as far as `changesMax` reaches; claims are exactly the ranges it completes. */
export function wantPage(replica: ReplicaPort, have: Coverage, options: PageOptions): WantAnswer {
  replica.flush();
  const { store } = replica;
  const { site, era } = store.identity;
  const missing = withoutSites(
    subtractCoverage(store.coverage, have),
    options.exclude === undefined ? [] : [options.exclude],
  );
  const parts: Part[] = [];
  let left = options.changesMax;
  let more = false;
  for (const [wanted, ranges] of missing) {
    const part = left > 0 ? store.serveWant(wanted, ranges, { changesMax: left }) : undefined;
    more ||= left <= 0 || (part !== undefined && !coversRanges(part.claims, ranges));
    if (part === undefined) continue;
    parts.push(part);
    left -= part.rows.length;
  }
  const claims = parts.reduce((sum, part) => unionCoverage(sum, claimsOf(part)), emptyCoverage);
  return { form: 'want', site, epoch: era, since: have, parts, claims, more };
}

function claimsOf(part: Part): Coverage {
  return coverageOf(part.site, part.claims);
}

function startOf(replica: ReplicaPort, since: Cursor | undefined): StoreVersion {
  if (since === undefined || since.at === 0) return STORE_VERSION_ZERO;
  if (resumes(replica, since)) return since.at;
  throw new ReplicationError(
    'EPOCH_CHANGED',
    `cursor ${cursorToText(since)} does not resume here: start again without since`,
    {
      epoch: replica.store.identity.era,
    },
  );
}
