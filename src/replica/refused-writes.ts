/**
 * Own writes that a relay has refused (R11): they stay on this user's side.
 *
 * Between peers nothing is refused. A replica that sent its refused writes to a relay as a peer would bring them, round
 * about, to the one that turned them away; so it is no relay's peer while it has some. They are kept per relay, over
 * restarts, until that relay takes its word back in a welcome. A link that shows no site key (a port, a room) leads to
 * replicas beside this one, which are leaves there as this one is (R8).
 */
import { ReplicationError } from '../core/errors.ts';
import type { RangeSet } from '../core/range-set.ts';
import { emptyRangeSet, unionRanges } from '../core/range-set.ts';
import type { StorePort } from '../store/store-port.ts';
import type { HostedLink } from './link-host.ts';

/** Why a link that this replica opens cannot be that of a peer; undefined when it can. Its peer is known by now. */
export function refusedWritesRefusal({ host, session, options }: HostedLink): ReplicationError | undefined {
  if (options.role !== 'client' || options.mode !== 'peer' || options.siteKey === undefined) return undefined;
  const here = session.peer?.ack.refused ?? emptyRangeSet;
  const refused = unionRanges(refusedOwnRanges(host.store, session.peer?.site), here);
  if (refused.length === 0) return undefined;
  const message = 'a relay refused writes of this database, and as a peer it would pass them on: ask for mode leaf';
  return new ReplicationError('CHANGE_REJECTED', message, { refused, mode: 'leaf' });
}

/** Ends the peer links of a replica that had a write refused. */
export function endPeersOfRefused(links: Iterable<HostedLink>): void {
  for (const link of Array.from(links)) {
    const error = link.state === 'open' ? refusedWritesRefusal(link) : undefined;
    if (error !== undefined) link.handle({ type: 'end', error });
  }
}

/** What a welcome says counts more than what was believed of that peer. */
function refusedOwnRanges(store: StorePort, except: string | undefined): RangeSet {
  return store
    .acknowledgingPeers()
    .filter((peer) => peer !== except)
    .map((peer) => store.heldBy(peer).refused)
    .reduce(unionRanges, emptyRangeSet);
}
