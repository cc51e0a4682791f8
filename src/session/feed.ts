/**
 * The feed: windows of our store, in our own order, to the peer (R3-R6).
 *
 * live: each commit is passed on as it happens. refill: behind; only a position is kept, and pieces are read from the
 * store as credit allows. A feed leaves the live set before its position changes.
 */
import type { Coverage } from '../core/coverage.ts';
import { emptyCoverage, withoutSites } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import { assertNever, invariant } from '../core/errors.ts';
import type { StoreVersion } from '../core/version.ts';
import type { Window } from '../wire/message.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import { maySend } from './credit.ts';
import { sendBeat } from './heartbeat.ts';
import type { SessionEvent, Step } from './session-event.ts';
import type { Feed, SessionState } from './session-state.ts';
import { copyOfState } from './session-state.ts';
import { andThen, sending, stay } from './step-result.ts';

type Committed = Extract<SessionEvent, { type: 'committed' }>;
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
  const inStep = feed.at === commit.before && feed.claimNumber === commit.claimsBefore;
  if (!inStep || commit.parts === undefined || !maySend(state)) {
    return pumpFeed({ ...state, feed: { ...feed, state: 'refill' } });
  }
  const peerSite = state.peer?.site;
  const parts = commit.parts.filter(({ blob, fromPeer }) => !fromPeer && blob.body.site !== peerSite);
  const claims = claimsForPeer(state, commit.growth);
  const { after: to, claimsAfter: claimNumber } = commit;
  return sendWindow(state, { to, parts: parts.map(({ blob }) => blob), claims, claimNumber }, now);
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

interface WindowContent {
  readonly to: StoreVersion;
  readonly parts: readonly PartBlob[];
  readonly claims: Coverage;
  /** Claims up to here are sent then. */
  readonly claimNumber: number | undefined;
}

/**
 * A window, or a mark where nothing in (from, to] is for the peer; nothing at all where nothing moved.
 *
 * Cost    Runs once a live link and commit: the state is copied once.
 */
function sendWindow(state: SessionState, { to, parts, claims, claimNumber }: WindowContent, now: number): Step {
  const { feed, local } = state;
  const header = { era: local.era, from: feed.at, to, n: feed.n };
  const empty = parts.length === 0 && claims.size === 0;
  if (empty && to === feed.at) return stay({ ...state, feed: { ...feed, claimNumber } });
  const message = empty
    ? ({ type: 'mark', ...header } as const)
    : ({ type: 'window', ...header, parts, claims } satisfies Window);
  const sent = copyOfState(state);
  sent.feed = { state: feed.state, at: to, claimNumber, n: feed.n + 1, reading: feed.reading, once: feed.once };
  sent.sentAt = now;
  return { state: sent, effects: [{ type: 'send', message }] };
}

/** A receiver drops claims on its own site; they are not sent in the first place. */
function claimsForPeer(state: SessionState, claims: Coverage): Coverage {
  return state.peer === undefined ? claims : withoutSites(claims, [state.peer.site]);
}
