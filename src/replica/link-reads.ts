/** What a link reads from the store, as events for its session. Each is one synchronous read. */
import { settledRanges } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import { emptyCoverage, subtractCoverage } from '../core/coverage.ts';
import type { Limits } from '../core/limits.ts';
import { wholeBytesMax } from '../core/limits.ts';
import type { Part } from '../core/part.ts';
import type { RangeSet } from '../core/range-set.ts';
import { emptyRangeSet, subtractRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { ClaimedBlob, SessionEffect, SessionEvent } from '../session/session-event.ts';
import type { StorePort } from '../store/store-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { HostedLink } from './link-host.ts';
import type { PieceBounds } from './part-pieces.ts';
import { partsInPieces } from './part-pieces.ts';

/** Parts read at once for an upload: bounded by credit soon after. */
const OWN_PARTS_AT_ONCE = 2;

/** A piece of the refill; claims as of the same read go with the last one (R6). */
export function readPiece(
  link: HostedLink,
  { from, without, claimNumber }: Extract<SessionEffect, { type: 'read-piece' }>,
): SessionEvent {
  const { store, codec, growth, limits } = link.host;
  const piece = store.readPiece(from, { without: [without], changesMax: limits.pieceChangesMax });
  const groups = partsInPieces(piece.parts, windowBounds(limits));
  const digest = link.session.peer?.digest ?? new Map();
  return {
    type: 'piece',
    from,
    to: piece.to,
    last: piece.last,
    windows: groups.map((parts) => parts.map((body) => codec.blobOf(body))),
    claims: piece.last ? growth.claimsFor(store.coverage, claimNumber, digest) : emptyCoverage,
    claimNumber: growth.number,
  };
}

export function readOwn(link: HostedLink, ranges: RangeSet): SessionEvent {
  const { store, codec, limits } = link.host;
  const parts = store.readOwn(ranges, { changesMax: limits.pieceChangesMax, partsMax: OWN_PARTS_AT_ONCE });
  return { type: 'own-parts', parts: parts.flatMap((part) => claimedBlobs(part, codec, limits)) };
}

/** An empty part says 'I have nothing of it', so that the asker goes on to the next peer. */
export function serveWant(link: HostedLink, site: SiteId, ranges: RangeSet): SessionEvent {
  const { store, codec, limits } = link.host;
  const part = store.serveWant(site, ranges, { changesMax: limits.pieceChangesMax });
  const answer = part ?? { site, span: ranges[0] ?? [0, 1], rows: [], claims: emptyRangeSet };
  return { type: 'served', parts: claimedBlobs(answer, codec, limits) };
}

function windowBounds(limits: Limits): PieceBounds {
  return { changesMax: limits.groupChangesMax, bytesMax: wholeBytesMax(limits) };
}

/** A part that no message holds travels in pieces, and its claims go with the last. */
function claimedBlobs({ claims, ...body }: Part, codec: Codec, limits: Limits): ClaimedBlob[] {
  const bounds = { changesMax: limits.partChangesMax, bytesMax: wholeBytesMax(limits) };
  const pieces = partsInPieces([body], bounds).flat();
  return pieces.map((piece, i) => {
    return { blob: codec.blobOf(piece), claims: i === pieces.length - 1 ? claims : emptyRangeSet };
  });
}

/** What of `stated` is neither held, waiting for a migration, nor refused here. */
export function gapsIn(store: StorePort, stated: Coverage): Coverage {
  const gaps = new Map<SiteId, RangeSet>();
  for (const [site, ranges] of subtractCoverage(stated, store.coverage)) {
    const missing = subtractRanges(ranges, settledRanges(store.acknowledge(site, ranges)));
    if (missing.length > 0 && site !== store.identity.site) gaps.set(site, missing);
  }
  return gaps;
}
