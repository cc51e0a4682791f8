/**
 * Repair: after the windows have brought everything, what the peer says it covers and we still lack is asked for by
 * want (R16), site by site, one at a time, each range once a session.
 */
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, emptyCoverage, subtractCoverage, unionCoverage } from '../core/coverage.ts';
import type { Repair, SessionState } from './session-state.ts';
import type { Step } from './session-event.ts';
import { sending, stay } from './step-result.ts';

export function initialRepair(): Repair {
  return { stated: emptyCoverage, asked: emptyCoverage, waitingSince: undefined };
}

export function noteStated(state: SessionState, coverage: Coverage): SessionState {
  return { ...state, repair: { ...state.repair, stated: unionCoverage(state.repair.stated, coverage) } };
}

/** Looks for gaps once everything of the peer is taken and merged, and no want is open. */
export function pumpRepair(state: SessionState): Step {
  const { repair, intake } = state;
  const merged = state.inputsDone === state.inputsQueued;
  if (!intake.live || !merged || repair.waitingSince !== undefined) return stay(state);
  const stated = subtractCoverage(repair.stated, repair.asked);
  return stated.size === 0 ? stay(state) : stay(state, { type: 'find-gaps', stated });
}

/** Asks for the gaps of one site; what is no gap is struck off. */
export function askForGaps(state: SessionState, gaps: Coverage, now: number): Step {
  const [first] = gaps;
  if (first === undefined) return stay({ ...state, repair: { ...state.repair, stated: emptyCoverage } });
  const [site, ranges] = first;
  const asked = unionCoverage(state.repair.asked, coverageOf(site, ranges));
  const repair: Repair = { stated: gaps, asked, waitingSince: now };
  return sending({ ...state, repair }, now, { type: 'want', site, ranges });
}

/** An answer came (or the wait was too long): the next gap may be asked for. */
export function noteAnswered(state: SessionState): SessionState {
  return { ...state, repair: { ...state.repair, waitingSince: undefined } };
}

export function giveUpWaiting(state: SessionState, now: number): SessionState {
  const { waitingSince } = state.repair;
  return waitingSince !== undefined && now - waitingSince >= state.limits.silenceMs ? noteAnswered(state) : state;
}
