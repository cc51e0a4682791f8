/**
 * Serving: answers to wants (R16), one at a time and only as credit allows. Of wants that come meanwhile the last one
 * is kept: who asks for more at once than it is answered asks again (P6).
 */
import type { Want } from '../wire/message.ts';
import { maySend } from './credit.ts';
import { endProtocol } from './ending.ts';
import type { ClaimedBlob, Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { andThen, sending, stay } from './step-result.ts';

/** A leaf answers for its own site only; it claims nothing for others (R8). */
export function takeWant(state: SessionState, want: Want): Step {
  const isLeaf = state.terms.role === 'client' && state.mode === 'leaf';
  if (isLeaf && want.site !== state.local.site) return endProtocol(state, `a leaf does not serve ${want.site}`);
  return pumpServing({ ...state, serving: { ...state.serving, wanted: want } });
}

export function pumpServing(state: SessionState): Step {
  const { wanted, reading } = state.serving;
  if (wanted === undefined || reading || !maySend(state)) return stay(state);
  const { site, ranges } = wanted;
  return stay({ ...state, serving: { wanted: undefined, reading: true } }, { type: 'serve-want', site, ranges });
}

export function sendServed(state: SessionState, parts: readonly ClaimedBlob[], now: number): Step {
  const read: SessionState = { ...state, serving: { ...state.serving, reading: false } };
  const sent = sending(read, now, ...parts.map((part) => ({ type: 'part', ...part }) as const));
  return andThen(sent, pumpServing);
}
