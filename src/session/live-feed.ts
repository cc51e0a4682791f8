/**
 * A commit as a live feed passes it on: whether it does, as which window, and what is counted then (R3, R4, R6).
 *
 * Cost    Runs once a live link and commit. step() takes the commit and the bytes that left as two events; a link that
 *         has nothing else to decide takes both at once: passedWindow(), then stateAfterPass(). The rules are the same.
 */
import type { Coverage } from '../core/coverage.ts';
import { withoutSites } from '../core/coverage.ts';
import type { StoreVersion } from '../core/version.ts';
import type { Mark, Window } from '../wire/message.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import { creditAfterSend, maySend } from './credit.ts';
import type { SessionEvent } from './session-event.ts';
import type { Mutable, SessionState } from './session-state.ts';
import { copyOfState } from './session-state.ts';

export type Committed = Extract<SessionEvent, { type: 'committed' }>;

export interface WindowContent {
  readonly to: StoreVersion;
  readonly parts: readonly PartBlob[];
  readonly claims: Coverage;
  /** Claims up to here are sent then. */
  readonly claimNumber: number | undefined;
}

/** What a live feed sends of a commit; undefined where it cannot take it as it is and falls back to refill. */
export function contentOfCommit(state: SessionState, commit: Committed): WindowContent | undefined {
  const { feed } = state;
  const inStep = feed.at === commit.before && feed.claimNumber === commit.claimsBefore;
  if (!inStep || commit.parts === undefined || !maySend(state)) return undefined;
  const peerSite = state.peer?.site;
  const parts: PartBlob[] = [];
  for (const { blob, fromPeer } of commit.parts) if (!fromPeer && blob.body.site !== peerSite) parts.push(blob);
  return { to: commit.after, parts, claims: claimsForPeer(state, commit.growth), claimNumber: commit.claimsAfter };
}

/** A window, or a mark where nothing in (from, to] is for the peer; undefined where nothing moved. */
export function messageOf(
  { feed, local }: SessionState,
  { to, parts, claims }: WindowContent,
): Window | Mark | undefined {
  const { at: from, n } = feed;
  if (parts.length > 0 || claims.size > 0) return { type: 'window', era: local.era, from, to, n, parts, claims };
  return to === from ? undefined : { type: 'mark', era: local.era, from, to, n };
}

/** The state once the message for `content` is sent. */
export function stateAfterMessage(
  state: SessionState,
  { to, claimNumber }: Pick<WindowContent, 'to' | 'claimNumber'>,
  now: number,
): Mutable<SessionState> {
  const { feed } = state;
  const sent = copyOfState(state);
  sent.feed = { state: feed.state, at: to, claimNumber, n: feed.n + 1, reading: feed.reading, once: feed.once };
  sent.sentAt = now;
  return sent;
}

/** The window that is all that step() would make of the commit; undefined: ask step(). */
export function passedWindow(state: SessionState, commit: Committed): Window | undefined {
  const isLive = state.phase === 'open' && state.feed.state === 'live';
  if (!isLive || commit.own !== undefined || state.carriesTo !== undefined) return undefined;
  const content = contentOfCommit(state, commit);
  const message = content && messageOf(state, content);
  return message?.type === 'window' ? message : undefined;
}

/** The state once the window of passedWindow() has left as so many bytes. */
export function stateAfterPass(
  state: SessionState,
  { after, claimsAfter }: Committed,
  { bytes, blocked, now }: { readonly bytes: number; readonly blocked: boolean; readonly now: number },
): SessionState {
  const passed = stateAfterMessage(state, { to: after, claimNumber: claimsAfter }, now);
  passed.credit = creditAfterSend(state.credit, bytes, blocked);
  return passed;
}

/** A receiver drops claims on its own site; they are not sent in the first place. */
export function claimsForPeer({ peer }: SessionState, claims: Coverage): Coverage {
  return peer === undefined || !claims.has(peer.site) ? claims : withoutSites(claims, [peer.site]);
}
