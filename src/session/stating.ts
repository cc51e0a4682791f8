/**
 * Statements: what this side covers, for a peer that looks for what it lacks itself (R12, R16).
 *
 * No window and no beat brings a statement again, so it is repeated until the peer has heard it, which it says with a
 * statement of nothing. One is under way at a time, so that it is known which of them was heard.
 */
import type { Coverage } from '../core/coverage.ts';
import { emptyCoverage, unionCoverage } from '../core/coverage.ts';
import type { Step } from './session-event.ts';
import type { SessionState, Stating } from './session-state.ts';
import { sending, stay } from './step-result.ts';

export function initialStating(): Stating {
  return { open: emptyCoverage, next: emptyCoverage, sentAt: 0 };
}

export function stateCoverage(state: SessionState, coverage: Coverage, now: number): Step {
  if (coverage.size === 0) return stay(state);
  const { stating } = state;
  if (stating.open.size === 0) return sendStatement(state, { ...initialStating(), open: coverage }, now);
  return stay({ ...state, stating: { ...stating, next: unionCoverage(stating.next, coverage) } });
}

/** Says that a statement of the peer was heard. */
export function hear(state: SessionState, now: number): Step {
  return sending(state, now, { type: 'coverage', coverage: emptyCoverage });
}

/** The peer has heard what is under way: what came after it may follow. */
export function takeHeard(state: SessionState, now: number): Step {
  return stateCoverage({ ...state, stating: initialStating() }, state.stating.next, now);
}

/** A statement or its answer may be lost: it is repeated. */
export function repeatStatement(state: SessionState, now: number): Step {
  const { stating, limits } = state;
  const due = stating.open.size > 0 && now - stating.sentAt >= limits.beatMs;
  return due ? sendStatement(state, stating, now) : stay(state);
}

function sendStatement(state: SessionState, stating: Stating, now: number): Step {
  const sent: SessionState = { ...state, stating: { ...stating, sentAt: now } };
  return sending(sent, now, { type: 'coverage', coverage: stating.open });
}
