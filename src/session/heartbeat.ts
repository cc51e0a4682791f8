/** Beats: sent on an idle link, they show a lost last frame, carry credit, and find half-open connections. */
import { ReplicationError } from '../core/errors.ts';
import type { StoreVersion } from '../core/version.ts';
import { endWith } from './ending.ts';
import type { Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { sending, stay } from './step-result.ts';

export function sendBeat(
  state: SessionState,
  now: number,
  question: { readonly ask?: number; readonly answer?: number } = {},
): Step {
  const { feed, credit, local } = state;
  const at = reachedBy(state);
  return sending(state, now, {
    type: 'beat',
    era: local.era,
    ...(at === undefined ? {} : { at }),
    n: feed.n,
    live: feed.state === 'live' || (hasRefilled(state) && at === feed.at),
    sentBytes: credit.sentBytes,
    grantedBytes: credit.grantedBytes,
    ...question,
  });
}

/** How far the windows went, or what a leaf carries beyond them. */
function reachedBy(state: SessionState): StoreVersion | undefined {
  const { feed, carriesTo } = state;
  if (feed.state === 'refill' || feed.state === 'live') return feed.at;
  if (!hasRefilled(state)) return carriesTo;
  return carriesTo !== undefined && carriesTo > feed.at ? carriesTo : feed.at;
}

/**
 * A vouched refill was sent to its end.
 *
 * Why     Every beat says so from then on: the last window may be lost, and the beat behind it, too.
 */
function hasRefilled({ feed }: SessionState): boolean {
  return feed.once && feed.state === 'off';
}

/** Ends a silent, late or expired session; beats where nothing else was sent for a while. */
export function keepAlive(state: SessionState, now: number): Step {
  const { limits, terms } = state;
  if (terms.expiresAt !== undefined && now >= terms.expiresAt) {
    return endWith(
      state,
      new ReplicationError('UNAUTHORIZED', 'the grant has expired: connect again with a fresh token'),
    );
  }
  if (state.phase === 'greeting') {
    if (now - state.startedAt < limits.handshakeMs) return stay(state);
    return endWith(state, new ReplicationError('HANDSHAKE_TIMEOUT', `no greeting within ${limits.handshakeMs} ms`));
  }
  if (now - state.heardAt >= limits.silenceMs) {
    return endWith(state, new ReplicationError('HEARTBEAT_LOST', `nothing heard for ${limits.silenceMs} ms`));
  }
  return now - state.sentAt >= limits.beatMs ? sendBeat(state, now) : stay(state);
}

/** Milliseconds until tick() next has something to do, at the latest. */
export function msUntilTick(state: SessionState, now: number): number {
  const { limits } = state;
  const due = [
    state.phase === 'greeting' ? state.startedAt + limits.handshakeMs : state.sentAt + limits.beatMs,
    state.heardAt + limits.silenceMs,
    state.terms.expiresAt ?? Number.POSITIVE_INFINITY,
  ];
  return Math.max(1, Math.min(...due, now + limits.beatMs) - now);
}
