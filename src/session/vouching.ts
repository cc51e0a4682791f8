/**
 * Vouched refill (R12): a relay that was wiped or restored lacks what its leaves still hold, rows of dead authors
 * included. It pulls the leaf's whole store once; rows are taken, claims and cursors of others are not, or a leaf
 * could claim away another site's writes. It needs the grant's `vouch`; it is finite, since it moves a cursor.
 */
import type { Coverage } from '../core/coverage.ts';
import { withoutSites } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Beat } from '../wire/message.ts';
import { endProtocol, endWith } from './ending.ts';
import { resumeFeed } from './feed.ts';
import { pull } from './intake.ts';
import { noteStated, pumpRepair } from './repair.ts';
import type { Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { hear } from './stating.ts';
import { andThen, stay } from './step-result.ts';

/** Whether the peer is a leaf of ours: what it covers is not asked for by want, it does not serve. */
export function vouches({ terms, mode }: SessionState): boolean {
  return terms.role === 'server' && mode === 'leaf';
}

/**
 * What the peer covers: gaps are pulled from a leaf that may vouch, asked of a peer once its windows are taken. During
 * a refill a statement of the leaf is not heard: the leaf repeats it.
 */
export function takeStated(state: SessionState, coverage: Coverage, now: number): Step {
  if (!vouches(state)) return andThen(pumpStated(noteStated(state, coverage)), (s) => hear(s, now));
  if (state.intake.state !== 'off') return stay(state);
  // What the leaf wrote itself it uploads by itself (R8).
  const stated = withoutSites(coverage, state.peer === undefined ? [] : [state.peer.site]);
  return andThen(stay(state, { type: 'find-gaps', stated }), (s) => hear(s, now));
}

/** Statements add up: a peer may not make us remember sites without bound (P6). */
function pumpStated(state: SessionState): Step {
  const { sitesMax } = state.limits;
  if (state.repair.stated.size <= sitesMax) return pumpRepair(state);
  return endWith(
    state,
    new ReplicationError('LIMIT_EXCEEDED', `the peer states coverage of more than ${sitesMax} sites`),
  );
}

export function startVouchedRefill(state: SessionState, gaps: Coverage, now: number): Step {
  if (gaps.size === 0) return stay(state);
  const { vouch } = state.terms;
  const told = stay(state, { type: 'vouching', gaps, taken: vouch } as const);
  if (!vouch) return told;
  return andThen(told, (s) => pull({ ...s, intake: { ...s.intake, vouched: true } }, now));
}

/** R13: a leaf between several meshes shows that its store is above the cursor: it is pulled again from there. */
export function pullCarried(state: SessionState, beat: Beat, now: number): Step {
  const { intake, terms } = state;
  const idle = vouches(state) && terms.vouch && intake.state === 'off';
  if (!idle || beat.at === undefined) return stay(state);
  const { cursor } = intake;
  const held = cursor?.nonce === beat.era ? cursor.at : 0;
  return held >= beat.at ? stay(state) : pull({ ...state, intake: { ...intake, vouched: true } }, now);
}

/** The leaf's side: windows of all rows, in its own store order, then no more. */
export function takePullAll(state: SessionState, cursor: Cursor | undefined): Step {
  const isLeaf = state.terms.role === 'client' && state.mode === 'leaf';
  if (!isLeaf) return endProtocol(state, 'a whole store is pulled from a leaf only: pull from a peer');
  return resumeFeed({ ...state, feed: { ...state.feed, once: true } }, cursor);
}
