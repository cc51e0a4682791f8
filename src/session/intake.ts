/**
 * The intake: windows and marks of the peer's store (R5). Taken only in order, within one era; anything else makes
 * ONE pull, and windows are ignored until the base that answers it.
 */
import type { Coverage } from '../core/coverage.ts';
import { emptyCoverage, withoutSites } from '../core/coverage.ts';
import type { StoreVersion } from '../core/version.ts';
import type { Base, Beat, Mark, Window } from '../wire/message.ts';
import { noteDone, noteReceived } from './credit.ts';
import { endProtocol } from './ending.ts';
import type { Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { stateCoverage } from './stating.ts';
import { andThen, sending, stay } from './step-result.ts';

const NOT_LIVE = { live: false, liveAfter: undefined } as const;

/** Asks the peer to send from the cursor held; windows are ignored until its base. */
export function pull(state: SessionState, now: number): Step {
  const { intake } = state;
  const pulling: SessionState = { ...state, intake: { ...intake, state: 'pulling', pulledAt: now, ...NOT_LIVE } };
  const type = intake.vouched ? 'pullall' : 'pull';
  return sending(pulling, now, { type, ...(intake.cursor === undefined ? {} : { cursor: intake.cursor }) });
}

/**
 * Stores the base before any window is taken; one below what this session asked from means that the peer lost what it had.
 *
 * Why  A pull is repeated when its answer is slow: the base of an earlier one may come after windows moved the cursor on.
 */
export function takeBase(state: SessionState, base: Base, now: number): Step {
  const { intake, peer } = state;
  if (intake.state === 'off') return endProtocol(state, 'a base was sent, but none was asked for');
  if (intake.state !== 'pulling' || peer === undefined) return stay(state);
  const cursor = { nonce: base.era, at: base.at };
  const taking: SessionState = { ...state, intake: { ...intake, state: 'taking', cursor, n: 0, ...NOT_LIVE } };
  const stored = stay(taking, { type: 'store-base', peer: peer.site, cursor });
  if (base.at >= intake.askedFrom) return stored;
  const message = `the peer resumes at ${base.at}, below the ${intake.askedFrom} taken before: it was wiped or restored`;
  const told = stay(taking, { type: 'alarm', code: 'PEER_LOST_HISTORY', message });
  return andThen(
    andThen(told, () => stored),
    (s) => stateUnclaimed(s, now),
  );
}

/** R12: what it lost it may lack for ever, if nobody states it. */
function stateUnclaimed(state: SessionState, now: number): Step {
  return stateCoverage(
    { ...state, intake: { ...state.intake, unclaimed: emptyCoverage } },
    state.intake.unclaimed,
    now,
  );
}

export function takeWindow(state: SessionState, window: Window | Mark, bytes: number, now: number): Step {
  const { intake } = state;
  if (intake.state === 'off') return endProtocol(state, 'windows are sent by peers only: a leaf sends parts');
  const received = window.type === 'window' ? noteReceived(state, bytes) : state;
  const { cursor } = intake;
  if (intake.state === 'pulling' || cursor === undefined)
    return noteDone(received, window.type === 'window' ? bytes : 0, now);
  const inOrder = window.era === cursor.nonce && window.from <= cursor.at && window.n === intake.n;
  if (!inOrder) return pullInstead(received, window.type === 'window' ? bytes : 0, now);
  const at = Math.max(cursor.at, window.to) as StoreVersion;
  const taken: SessionState = {
    ...received,
    inputsQueued: received.inputsQueued + 1,
    intake: { ...intake, cursor: { nonce: cursor.nonce, at }, n: intake.n + 1 },
  };
  return stay(taken, {
    type: 'apply',
    parts: window.type === 'window' ? window.parts : [],
    claims: window.type === 'window' && !intake.vouched ? foreignClaims(state, window.claims) : new Map(),
    vouched: intake.vouched,
    cursor: { nonce: cursor.nonce, at },
    bytes: window.type === 'window' ? bytes : 0,
  });
}

/** A beat shows a lost last frame; a live one tells that everything was sent. */
export function checkBeat(state: SessionState, beat: Beat, now: number): Step {
  const { intake } = state;
  if (intake.state !== 'taking' || intake.cursor === undefined || beat.at === undefined) return stay(state);
  const behind = beat.era !== intake.cursor.nonce || beat.n !== intake.n || beat.at > intake.cursor.at;
  if (behind) return pull(state, now);
  if (intake.vouched) return beat.live ? endVouchedRefill(state) : stay(state);
  if (!beat.live || intake.live) return stay(state);
  return settleLive({ ...state, intake: { ...intake, liveAfter: state.inputsQueued } });
}

/** Everything that the peer had is not only taken but merged. */
export function settleLive(state: SessionState): Step {
  const { liveAfter } = state.intake;
  if (liveAfter === undefined || state.inputsDone < liveAfter) return stay(state);
  return stay({ ...state, intake: { ...state.intake, liveAfter: undefined, live: true } }, { type: 'live' });
}

/** A vouched refill is over: the leaf is a leaf again and sends no windows (R12). */
function endVouchedRefill(state: SessionState): Step {
  return stay({ ...state, intake: { ...state.intake, state: 'off', vouched: false } });
}

/** A pull or its base may be lost: it is repeated. */
export function repeatPull(state: SessionState, now: number): Step {
  const { intake, limits } = state;
  return intake.state === 'pulling' && now - intake.pulledAt >= limits.beatMs ? pull(state, now) : stay(state);
}

function pullInstead(state: SessionState, bytes: number, now: number): Step {
  const asked = pull(state, now);
  const done = noteDone(asked.state, bytes, now);
  return stay(done.state, ...asked.effects, ...done.effects);
}

/** R6: a receiver drops claims on its own site. */
function foreignClaims(state: SessionState, claims: Coverage): Coverage {
  return withoutSites(claims, [state.local.site]);
}
