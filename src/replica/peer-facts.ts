/** What a link has to know and to say of its peer when both have greeted, and of what the peer's replica holds. */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import { emptyAcknowledgement, unionAcknowledgements } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import { emptyCoverage, unionCoverage, withoutSites } from '../core/coverage.ts';
import { countVersions } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import { VERSION_MAX } from '../core/version.ts';
import { ownHistoryLost } from '../session/identity-alarm.ts';
import type { SessionEvent } from '../session/session-event.ts';
import type { HostedLink } from './link-host.ts';

type PeerKnown = Extract<SessionEvent, { readonly type: 'peer-known' }>;

/** What is known of the peer, which is called `sites`: its own name first, then its former ones. */
export function peerKnown(link: HostedLink, site: SiteId, sites: readonly SiteId[]): PeerKnown {
  const { host } = link;
  const { store, growth } = host;
  // One machine is one holder of our writes, whatever it was called before.
  for (const former of sites) {
    if (former !== site && store.heldBy(former) !== emptyAcknowledgement) {
      store.setHeldBy(former, emptyAcknowledgement);
    }
  }
  const unclaimed = unclaimedFor(link, site);
  return {
    type: 'peer-known',
    cursor: host.cursorOf(site),
    acks: new Map<SiteId, Acknowledgement>(sites.map((one) => [one, store.acknowledge(one)])),
    heldByPeer: store.heldBy(site),
    shown: store.shown,
    digest: growth.digestOf(store.coverage),
    differing: toState(link, site),
    unclaimed: store.isOnlySource(site) ? unclaimed : emptyCoverage,
  };
}

/**
 * After a migration that applied parked changes: what a leaf covers now, since it can bring these changes from now on.
 *
 * Why     A relay that lost its file pulled the leaf's whole store before they were in it (R12).
 */
export function coverageToState(link: HostedLink): Coverage {
  const { peer } = link.session;
  return peer !== undefined && isLeafLink(link) ? toState(link, peer.site) : emptyCoverage;
}

function toState(link: HostedLink, peer: SiteId): Coverage {
  const { store, growth } = link.host;
  const digest = link.session.peer?.digest ?? new Map();
  const differing = growth.differing(store.coverage, digest);
  return store.isOnlySource(peer) ? differing : unionCoverage(differing, unclaimedFor(link, peer));
}

/**
 * A leaf also states where rows lie that it has without a claim: a relay that lost its file lacks them too (R12).
 *
 * Why     Where the relay itself gave all of them it lacks none as long as its store does not go back, and spans are so
 *         wide that they meet every hole of the relay: it would pull back whatever it gave.
 */
function unclaimedFor(link: HostedLink, peer: SiteId): Coverage {
  return isLeafLink(link) ? withoutSites(link.host.store.unclaimed, [peer]) : emptyCoverage;
}

function isLeafLink({ options, mode }: HostedLink): boolean {
  return options.role === 'client' && mode === 'leaf';
}

/**
 * R12: a relay that lacks what its leaf holds was wiped or restored; that is never silent. Returns how many versions it
 * goes on lacking.
 */
export function noteVouching(link: HostedLink, description: string, gaps: Coverage, taken: boolean): number {
  // Of rows that may lie anywhere only so much is known: there are some.
  const known = [...gaps.values()].flatMap((ranges) => ranges.filter(([, hi]) => hi < VERSION_MAX));
  const versions = Math.max(1, countVersions(known));
  const fields = { link: description, peer: link.peer, sites: gaps.size, versions };
  const lost = `a leaf holds ${versions} versions of ${gaps.size} other sites that are missing here`;
  if (taken) link.host.log.warn(fields, `${lost}: its whole store is pulled (vouched refill)`);
  else link.host.log.warn(fields, `${lost}: its grant does not let it bring them back (vouch)`);
  return taken ? 0 : versions;
}

/** What the peer has acknowledged of our own versions; a welcome replaces what was known (R9). */
export function recordAck({ host, options, peer }: HostedLink, ack: Acknowledgement, replace: boolean): void {
  if (peer === undefined) return;
  host.store.setHeldBy(peer, replace ? ack : unionAcknowledgements(host.store.heldBy(peer), ack));
  if (ack.refused.length > 0) host.writesRefused();
  options.onAck?.();
}

/** A peer that holds more own versions than ever left shows that another copy of this store writes. */
export function checkOwn(link: HostedLink, held: number): void {
  const { shown, identity } = link.host.store;
  if (held > shown) link.host.identityLost(link, 'SITE_CONFLICT', ownHistoryLost(identity.site, { held, shown }));
}
