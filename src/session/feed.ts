/**
 * The feed: windows of our store, in our own order, to the peer (R3-R6).
 *
 * live: each commit is passed on as it happens. refill: behind; only a position is kept, and pieces are read from the
 * store as credit allows. A feed leaves the live set before its position changes.
 */
import { emptyCoverage } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import { assertNever, invariant } from '../core/errors.ts';
import { maySend } from './credit.ts';
import { sendBeat } from './heartbeat.ts';
import type { Committed, WindowContent } from './live-feed.ts';
import { claimsForPeer, contentOfCommit, messageOf, stateAfterMessage } from './live-feed.ts';
import type { SessionEvent, Step } from './session-event.ts';
import type { Feed, SessionState } from './session-state.ts';
import { andThen, sending, stay } from './step-result.ts';

type PieceRead = Extract<SessionEvent, { type: 'piece' }>;

/** The peer said from where: look up where its cursor resumes (R2). Windows stop until the base is known. */
export function resumeFeed(state: SessionState, cursor: Cursor | undefined): Step {
  const feed: Feed = { ...state.feed, state: 'idle' };
  return stay({ ...state, feed }, { type: 'find-base', cursor });
}

/** Answers with the base and starts to refill from there; window numbers begin again. */
export function startFeed(state: SessionState, base: Cursor, now: number): Step {
  const feed: Feed = { ...state.feed, state: 'refill', at: base.at, claimNumber: undefined, n: 0 };
  const based = sending({ ...state, feed }, now, { type: 'base', era: base.nonce, at: base.at });
  return andThen(based, pumpFeed);
}

/** Asks for the next piece where the feed is behind, allowed to send, and not reading already. */
export function pumpFeed(state: SessionState): Step {
  const { feed, peer } = state;
  switch (feed.state) {
    case 'off':
    case 'idle':
    case 'live':
      return stay(state);
    case 'refill': {
      if (feed.reading || !maySend(state)) return stay(state);
      invariant(peer !== undefined, 'a feed runs only after the greeting');
      const reading: SessionState = { ...state, feed: { ...feed, reading: true } };
      const { at: from, claimNumber } = feed;
      return stay(reading, { type: 'read-piece', from, without: peer.site, claimNumber });
    }
    default:
      return assertNever(feed.state);
  }
}

/** Sends what was read; with the last piece go the claims, and the feed is live. */
export function feedPiece(state: SessionState, piece: PieceRead, now: number): Step {
  const read: SessionState = { ...state, feed: { ...state.feed, reading: false } };
  if (read.feed.state !== 'refill' || piece.from !== read.feed.at) return pumpFeed(read);
  const claims = piece.last && !read.feed.once ? claimsForPeer(read, piece.claims) : emptyCoverage;
  let step = stay(read);
  piece.windows.forEach((parts, i) => {
    const final = i === piece.windows.length - 1;
    const to = final ? piece.to : piece.from;
    const content = { to, parts, claims: final ? claims : emptyCoverage };
    step = andThen(step, (s) => sendWindow(s, { ...content, claimNumber: s.feed.claimNumber }, now));
  });
  if (!piece.last) return andThen(step, pumpFeed);
  return andThen(step, (s) => (s.feed.once ? endOnce(s, now) : goLive(s, piece.claimNumber, now)));
}

/** Passes a commit on, or falls back to refill where the link cannot take it now. */
export function feedCommit(state: SessionState, commit: Committed, now: number): Step {
  const { feed } = state;
  if (feed.state !== 'live') return pumpFeed(state);
  const content = contentOfCommit(state, commit);
  if (content === undefined) return pumpFeed({ ...state, feed: { ...feed, state: 'refill' } });
  return sendWindow(state, content, now);
}

/** A vouched refill is over: no windows follow, and the beats say so (heartbeat.ts). */
function endOnce(state: SessionState, now: number): Step {
  return sendBeat({ ...state, feed: { ...state.feed, state: 'off' } }, now);
}

function goLive(state: SessionState, claimNumber: number, now: number): Step {
  const live: SessionState = { ...state, feed: { ...state.feed, state: 'live', claimNumber } };
  return andThen(sendBeat(live, now), (s) => answerAsks(s, now));
}

/** Beats that answer the peer's questions: it has been sent everything that there was. */
export function answerAsks(state: SessionState, now: number): Step {
  if (state.feed.state !== 'live' || state.asks.toAnswer.length === 0) return stay(state);
  const answered: SessionState = { ...state, asks: { ...state.asks, toAnswer: [] } };
  let step = stay(answered);
  for (const answer of state.asks.toAnswer) step = andThen(step, (s) => sendBeat(s, now, { answer }));
  return step;
}

function sendWindow(state: SessionState, content: WindowContent, now: number): Step {
  const message = messageOf(state, content);
  if (message === undefined) return stay({ ...state, feed: { ...state.feed, claimNumber: content.claimNumber } });
  return { state: stateAfterMessage(state, content, now), effects: [{ type: 'send', message }] };
}
