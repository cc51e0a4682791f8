/**
 * Signs that another copy of this store writes under its site id, or that the store was set back (R2, R8): the second
 * wall behind the marker. The replica takes a new site id before it sends anything, or ends the link.
 */
import { settledRanges } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import { rangesOfSite } from '../core/coverage.ts';
import { ReplicationError } from '../core/errors.ts';
import { hullOfRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { ErrorMessage } from '../wire/message.ts';
import type { IdentityAlarm, SessionEffect, Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { stay } from './step-result.ts';

/** The welcome holds more of us than ever left; undefined when it does not. */
export function lostToWelcome({ local, peer, terms }: SessionState, shown: number): SessionEffect | undefined {
  if (terms.role !== 'client' || peer === undefined) return undefined;
  const held = hullOfRanges(settledRanges(peer.ack))?.[1] ?? 0;
  return held > shown ? identityLost('SITE_CONFLICT', ownHistoryLost(local.site, { held, shown })) : undefined;
}

/** What a peer states of our own site is compared with what left, which the replica knows. */
export function checkStated({ local }: SessionState, stated: Coverage): readonly SessionEffect[] {
  const held = hullOfRanges(rangesOfSite(stated, local.site))?.[1];
  return held === undefined ? [] : [{ type: 'check-own', held }];
}

/**
 * A peer has a cursor that this store cannot have given. Without own writes nothing of ours can be mistaken.
 *
 * Why  A leaf that may not vouch for others is not believed either: a forged cursor would take our name from us.
 */
export function lostToCursor(state: SessionState): Step {
  const { terms, mode, upload } = state;
  const message = 'a peer has taken more of this store than it holds: the file was restored from an older copy';
  const believed = terms.role === 'client' || mode === 'peer' || terms.vouch;
  if (upload.announced === 0 || !believed) return stay(state, { type: 'alarm', code: 'OWN_HISTORY_LOST', message });
  const error = new ReplicationError('SITE_CONFLICT', message, { site: state.local.site });
  return stay(state, identityLost('OWN_HISTORY_LOST', error));
}

/** The server found its own site id in our hello: one of the two is a copy, and the one that calls gives way. */
export function lostToRefusal({ local, terms }: SessionState, refusal: ErrorMessage): SessionEffect | undefined {
  const ours = refusal.code === 'SITE_CONFLICT' && refusal.details['site'] === local.site;
  return ours && terms.role === 'client' ? identityLost('SITE_CONFLICT', siteConflict(local.site)) : undefined;
}

export function siteConflict(site: SiteId): ReplicationError {
  const message = `both sides have the site id ${site}: one file is a copy of the other; give the copy a new identity`;
  return new ReplicationError('SITE_CONFLICT', message, { site });
}

/** Nobody but this replica writes under its site id: what says otherwise comes from a copy, or is forged. */
export function ownSiteForged(site: SiteId): ReplicationError {
  const message = `a change under the site id ${site} of the replica that it was sent to: no other may write under it`;
  return new ReplicationError('SITE_CONFLICT', message, { site });
}

export function ownHistoryLost(
  site: SiteId,
  { held, shown }: { readonly held: number; readonly shown: number },
): ReplicationError {
  const message =
    `the other side holds version ${held} of this site, of which only ${shown} ever left this file: ` +
    'the file is an old copy, or another copy writes under its site id';
  return new ReplicationError('SITE_CONFLICT', message, { site, held, announced: shown });
}

function identityLost(alarm: IdentityAlarm, error: ReplicationError): SessionEffect {
  return { type: 'identity-lost', alarm, error };
}
