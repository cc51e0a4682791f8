/** Asks: 'tell me when I have all that you have now'. The answer is a beat with the number, sent once the feed is live. */
import type { Beat } from '../wire/message.ts';
import { answerAsks } from './feed.ts';
import { sendBeat } from './heartbeat.ts';
import type { Asks, SessionState } from './session-state.ts';
import type { Step } from './session-event.ts';
import { andThen, stay } from './step-result.ts';

/** Questions of the peer that wait for the feed; more than this are its fault and are forgotten. */
const ANSWERS_MAX = 100;

export function initialAsks(): Asks {
  return { next: 1, open: [], toAnswer: [] };
}

/** Before the greeting is over a question is only noted; it leaves when the session opens. */
export function ask(state: SessionState, now: number): Step {
  const { asks } = state;
  const open = [...asks.open, { ask: asks.next, askedAt: now, afterInput: undefined }];
  const asked = stay({ ...state, asks: { ...asks, next: asks.next + 1, open } }, {
    type: 'asked',
    ask: asks.next,
  } as const);
  return state.phase === 'open' ? andThen(asked, (s) => sendBeat(s, now, { ask: asks.next })) : asked;
}

/** Questions that were asked while the session was not open. */
export function sendAsks(state: SessionState, now: number): Step {
  let step = stay(state);
  for (const { ask: number } of state.asks.open) step = andThen(step, (s) => sendBeat(s, now, { ask: number }));
  return step;
}

/** The peer's question waits until the feed is live; its answer to ours waits until what came before it is merged. */
export function takeQuestions(state: SessionState, beat: Beat, now: number): Step {
  let asks = state.asks;
  if (beat.ask !== undefined && asks.toAnswer.length < ANSWERS_MAX && !asks.toAnswer.includes(beat.ask)) {
    asks = { ...asks, toAnswer: [...asks.toAnswer, beat.ask] };
  }
  if (beat.answer !== undefined) {
    const afterInput = state.inputsQueued;
    asks = { ...asks, open: asks.open.map((one) => (one.ask === beat.answer ? { ...one, afterInput } : one)) };
  }
  return andThen(answerAsks({ ...state, asks }, now), settleAsks);
}

/** Tells the application of each question whose answer, and all before it, is applied. */
export function settleAsks(state: SessionState): Step {
  const done = state.asks.open.filter(({ afterInput }) => afterInput !== undefined && afterInput <= state.inputsDone);
  if (done.length === 0) return stay(state);
  const open = state.asks.open.filter((one) => !done.includes(one));
  return stay(
    { ...state, asks: { ...state.asks, open } },
    ...done.map(({ ask: number }) => ({ type: 'answered', ask: number }) as const),
  );
}

/** A question or its answer may be lost: it is repeated. */
export function repeatAsks(state: SessionState, now: number): Step {
  let step = stay(state);
  for (const { ask: number, askedAt, afterInput } of state.asks.open) {
    if (afterInput === undefined && now - askedAt >= state.limits.beatMs) {
      step = andThen(step, (s) => sendBeat(noteAsked(s, number, now), now, { ask: number }));
    }
  }
  return step;
}

function noteAsked(state: SessionState, number: number, now: number): SessionState {
  const open = state.asks.open.map((one) => (one.ask === number ? { ...one, askedAt: now } : one));
  return { ...state, asks: { ...state.asks, open } };
}
