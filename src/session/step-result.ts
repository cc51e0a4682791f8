/** Building blocks of a step: a state with the effects so far, chained left to right. */
import type { Message } from '../wire/message.ts';
import type { SessionEffect, Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { copyOfState } from './session-state.ts';

export function stay(state: SessionState, ...effects: readonly SessionEffect[]): Step {
  return { state, effects };
}

/** Runs `next` on the state of `step` and keeps the effects of both, in order. A closed session runs nothing more. */
export function andThen(step: Step, next: (state: SessionState) => Step): Step {
  if (step.state.phase === 'closed') return step;
  const after = next(step.state);
  if (step.effects.length === 0) return after;
  if (after.effects.length === 0) return { state: after.state, effects: step.effects };
  return { state: after.state, effects: [...step.effects, ...after.effects] };
}

/** A send effect; the time of the last frame is noted so that an idle link knows when a beat is due. */
export function sending(state: SessionState, now: number, ...messages: readonly Message[]): Step {
  const sent = copyOfState(state);
  sent.sentAt = now;
  return { state: sent, effects: messages.map((message) => ({ type: 'send', message })) };
}
