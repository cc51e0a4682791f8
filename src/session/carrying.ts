/**
 * Carrying (R13): a leaf between several meshes shows in its beats how far its store is, and each server that lets it
 * vouch pulls the store again from where it was (vouching.ts). Rows only, as in any vouched refill.
 */
import type { StoreVersion } from '../core/version.ts';
import { sendBeat } from './heartbeat.ts';
import type { SessionEvent, Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { stay } from './step-result.ts';

/** The leaf's side: from now on it carries, or no longer does. */
export function setCarrying(state: SessionState, top: StoreVersion | undefined, now: number): Step {
  const carrying: SessionState = { ...state, carriesTo: top };
  return top === undefined ? stay(carrying) : sendBeat(carrying, now);
}

/** Changes that neither this replica nor the peer wrote or brought are for the peer too. */
export function carryCommit(
  state: SessionState,
  { parts, after }: Extract<SessionEvent, { type: 'committed' }>,
  now: number,
): Step {
  if (state.carriesTo === undefined) return stay(state);
  const isNews = (own: string): boolean =>
    parts === undefined || parts.some(({ blob, fromPeer }) => !fromPeer && blob.body.site !== own);
  if (!isNews(state.local.site)) return stay(state);
  return sendBeat({ ...state, carriesTo: after }, now);
}
