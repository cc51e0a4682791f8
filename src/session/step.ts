/**
 * The session, as one function: step(state, event, now) -> state + effects.
 *
 * TRANSITIONS names what every event does in every phase; there is no gap, and test/session/transitions.test.ts
 * walks the table. Both ends of a link run this same core.
 */
import type { Message } from '../wire/message.ts';
import { ask, repeatAsks, settleAsks } from './asking.ts';
import { carryCommit, setCarrying } from './carrying.ts';
import { noteDone, noteSent } from './credit.ts';
import { endProtocol, endSilently, endWith, endedByPeer } from './ending.ts';
import { feedCommit, feedPiece, pumpFeed, startFeed } from './feed.ts';
import { greet, openSession, takeHello, takeWelcome } from './greeting.ts';
import { keepAlive } from './heartbeat.ts';
import { offerImage } from './image-offer.ts';
import { lostToCursor, lostToRefusal } from './identity-alarm.ts';
import { repeatPull, settleLive } from './intake.ts';
import { ReplicationError } from '../core/errors.ts';
import { takeMessage } from './receiving.ts';
import { askForGaps, giveUpWaiting, pumpRepair } from './repair.ts';
import type { SessionEvent, SessionEventType, Step } from './session-event.ts';
import type { Phase, SessionState } from './session-state.ts';
import { copyOfState } from './session-state.ts';
import { repeatStatement, stateCoverage } from './stating.ts';
import { andThen, sending, stay } from './step-result.ts';
import { startVouchedRefill, vouches } from './vouching.ts';
import { pumpServing, sendServed } from './serving.ts';
import { pumpUpload, resendLost, uploadCommit, uploadParts } from './upload.ts';

type Handler<T extends SessionEventType> = (
  state: SessionState,
  event: Extract<SessionEvent, { type: T }>,
  now: number,
) => Step;

type Row = { readonly [T in SessionEventType]: Handler<T> };

const ignore = (state: SessionState): Step => stay(state);

const end: Handler<'end'> = (state, { error, retryAfterMs }) => endWith(state, error, retryAfterMs);

const portClosed: Handler<'port-closed'> = (state, { code, reason }) => {
  const message = `the connection closed (${code}${reason === '' ? '' : `, ${reason}`})`;
  return endSilently(state, new ReplicationError('LINK_LOST', message, { close: code }));
};

const greeting: Row = {
  start: (state, _event, now) => (state.terms.role === 'client' ? greet(state, now) : stay(state)),
  message: (state, { message }) => takeGreeting(state, message),
  'peer-known': (state, event, now) => (state.peer === undefined ? stay(state) : openSession(state, event, now)),
  // What is committed before the session opens is read when it does.
  committed: (state, { own }) => (own === undefined ? stay(state) : noteAnnounced(state, own.announced)),
  applied: ignore,
  'base-found': ignore,
  piece: ignore,
  'own-parts': ignore,
  served: ignore,
  gaps: ignore,
  'image-found': ignore,
  sent: ignore,
  drained: ignore,
  ask: (state, _event, now) => ask(state, now),
  acknowledge: ignore,
  state: ignore,
  carry: ignore,
  ephemeral: ignore,
  tick: (state, { framesWait = false }, now) => (framesWait ? stay(state) : keepAlive(state, now)),
  end,
  'port-closed': portClosed,
};

const open: Row = {
  start: ignore,
  message: (state, { message, bytes }, now) => {
    const heard = copyOfState(state);
    heard.heardAt = now;
    return takeMessage(heard, message, bytes, now);
  },
  'peer-known': ignore,
  committed: (state, event, now) => {
    const { own } = event;
    const live = feedCommit(state, event, now);
    const fed = state.carriesTo === undefined ? live : andThen(live, (s) => carryCommit(s, event, now));
    return own === undefined ? fed : andThen(fed, (s) => uploadCommit(s, own, now));
  },
  applied: (state, event, now) => takeApplied(state, event, now),
  'base-found': (state, { base, lost }, now) => foundBase(state, base, lost, now),
  piece: feedPiece,
  'own-parts': (state, { parts }, now) => uploadParts(state, parts, now),
  served: (state, { parts }, now) => sendServed(state, parts, now),
  gaps: (state, { gaps }, now) =>
    vouches(state) ? startVouchedRefill(state, gaps, now) : askForGaps(state, gaps, now),
  'image-found': (state, { offer }, now) => offerImage(state, offer, now),
  sent: (state, { bytes, blocked }) => stay(noteSent(state, bytes, blocked)),
  drained: (state) => pump({ ...state, credit: { ...state.credit, blocked: false } }),
  ask: (state, _event, now) => ask(state, now),
  acknowledge: (state, { acks }, now) => sendAcks(state, acks, now),
  state: (state, { coverage }, now) => stateCoverage(state, coverage, now),
  carry: (state, { to }, now) => setCarrying(state, to, now),
  ephemeral: (state, { bytes }, now) => sending(state, now, { type: 'ephemeral', bytes }),
  tick: (state, { framesWait = false }, now) => {
    // Nothing is late that may be among them.
    if (framesWait) return keepAlive({ ...state, heardAt: now }, now);
    let step = keepAlive(state, now);
    step = andThen(step, (s) => repeatPull(s, now));
    step = andThen(step, (s) => resendLost(s, now));
    step = andThen(step, (s) => repeatAsks(s, now));
    step = andThen(step, (s) => repeatStatement(s, now));
    return andThen(step, (s) => pumpRepair(giveUpWaiting(s, now)));
  },
  end,
  'port-closed': portClosed,
};

/** R1: whatever comes for a session that has ended is dropped. */
const closed: Row = {
  start: ignore,
  message: ignore,
  'peer-known': ignore,
  committed: ignore,
  applied: ignore,
  'base-found': ignore,
  piece: ignore,
  'own-parts': ignore,
  served: ignore,
  gaps: ignore,
  'image-found': ignore,
  sent: ignore,
  drained: ignore,
  ask: ignore,
  acknowledge: ignore,
  state: ignore,
  carry: ignore,
  ephemeral: ignore,
  tick: ignore,
  end: ignore,
  'port-closed': ignore,
};

export const TRANSITIONS: { readonly [P in Phase]: Row } = { greeting, open, closed };

/** Runs one event; pure. `now` is milliseconds of the injected clock. */
export function step(state: SessionState, event: SessionEvent, now: number): Step {
  const handler = TRANSITIONS[state.phase][event.type] as Handler<SessionEventType>;
  return handler(state, event, now);
}

/** Everything that waits for credit or an emptier transport. */
export function pump(state: SessionState): Step {
  return andThen(andThen(pumpFeed(state), pumpUpload), pumpServing);
}

function takeGreeting(state: SessionState, message: Message): Step {
  switch (message.type) {
    case 'hello':
      return state.terms.role === 'server'
        ? takeHello(state, message)
        : endProtocol(state, 'a client was greeted by a hello');
    case 'welcome':
      return state.terms.role === 'client' ? takeWelcome(state, message) : endProtocol(state, 'a server was welcomed');
    case 'error': {
      const lost = lostToRefusal(state, message);
      return lost === undefined ? endedByPeer(state, message) : stay(state, lost);
    }
    case 'bye':
      return endedByPeer(state, message);
    default:
      return endProtocol(state, `the first message must be a greeting, not ${message.type}`);
  }
}

/** Acknowledges what is durable now, answers refusals, grants credit; a failed input ends the session. */
function takeApplied(state: SessionState, event: Extract<SessionEvent, { type: 'applied' }>, now: number): Step {
  const { acks, refusals, failure, bytes } = event;
  if (failure !== undefined) return endWith(state, failure);
  const done: SessionState = { ...state, inputsDone: state.inputsDone + 1 };
  let step = sendAcks(done, acks, now);
  for (const { site, ranges, kind, code, message } of refusals) {
    step = andThen(step, (s) => sending(s, now, { type: 'nack', site, ranges, kind, code, message }));
  }
  step = andThen(step, (s) => noteDone(s, bytes, now));
  step = andThen(step, settleLive);
  step = andThen(step, settleAsks);
  return andThen(step, pumpRepair);
}

function sendAcks(
  state: SessionState,
  acks: Extract<SessionEvent, { type: 'acknowledge' }>['acks'],
  now: number,
): Step {
  let step = stay(state);
  for (const [site, ack] of acks) {
    const empty = ack.held.length === 0 && ack.parked.length === 0 && ack.refused.length === 0;
    if (!empty) step = andThen(step, (s) => sending(s, now, { type: 'ack', site, ack }));
  }
  return step;
}

/** A base below a known cursor says that our own file has lost its future: loud, and nothing more is sent (R2). */
function foundBase(
  state: SessionState,
  base: Extract<SessionEvent, { type: 'base-found' }>['base'],
  lost: boolean,
  now: number,
): Step {
  if (state.feed.state !== 'idle') return stay(state);
  if (!lost) return startFeed(state, base, now);
  const alarm = lostToCursor(state);
  if (alarm.effects.some(({ type }) => type === 'identity-lost')) return alarm;
  return andThen(alarm, (s) => startFeed(s, base, now));
}

function noteAnnounced(state: SessionState, announced: number): Step {
  const upload = { ...state.upload, announced };
  return stay({ ...state, upload, local: { ...state.local, announced } });
}
