/**
 * Credit: how many bytes of data messages each side may have under way (P6). All numbers are cumulative, so that a
 * lost credit message is made good by the next one or by a beat.
 */
import type { Step } from './session-event.ts';
import type { CreditState, SessionState } from './session-state.ts';
import { copyOfState } from './session-state.ts';
import { sending, stay } from './step-result.ts';

export function initialCredit(creditBytes: number): CreditState {
  return { sentBytes: 0, maySendBytes: 0, receivedBytes: 0, doneBytes: 0, grantedBytes: creditBytes, blocked: false };
}

/** Whether one more data message may leave; a single message may overdraw, so that it need not fit. */
export function maySend({ credit }: SessionState): boolean {
  return !credit.blocked && credit.sentBytes < credit.maySendBytes;
}

export function noteSent(state: SessionState, bytes: number, blocked: boolean): SessionState {
  const sent = copyOfState(state);
  sent.credit = creditAfterSend(state.credit, bytes, blocked);
  return sent;
}

export function creditAfterSend(credit: CreditState, bytes: number, blocked: boolean): CreditState {
  const { sentBytes, maySendBytes, receivedBytes, doneBytes, grantedBytes } = credit;
  return { sentBytes: sentBytes + bytes, maySendBytes, receivedBytes, doneBytes, grantedBytes, blocked };
}

export function noteGranted(state: SessionState, grantedBytes: number): SessionState {
  const maySendBytes = Math.max(state.credit.maySendBytes, grantedBytes);
  return { ...state, credit: { ...state.credit, maySendBytes } };
}

export function noteReceived(state: SessionState, bytes: number): SessionState {
  return { ...state, credit: { ...state.credit, receivedBytes: state.credit.receivedBytes + bytes } };
}

/** Bytes were merged or dropped: grants more once half of the window is used up. */
export function noteDone(state: SessionState, bytes: number, now: number): Step {
  const doneBytes = state.credit.doneBytes + bytes;
  return regrant({ ...state, credit: { ...state.credit, doneBytes } }, now);
}

/** A beat said how much was sent: what is neither queued nor done was lost, and is given back. */
export function noteLost(state: SessionState, peerSentBytes: number, now: number): Step {
  const { receivedBytes, doneBytes } = state.credit;
  const lost = peerSentBytes - receivedBytes;
  if (lost <= 0) return stay(state);
  const credit = { ...state.credit, receivedBytes: peerSentBytes, doneBytes: doneBytes + lost };
  return regrant({ ...state, credit }, now);
}

function regrant(state: SessionState, now: number): Step {
  const { creditBytes } = state.limits;
  const grantedBytes = state.credit.doneBytes + creditBytes;
  if (grantedBytes - state.credit.grantedBytes < creditBytes / 2) return stay(state);
  const granted: SessionState = { ...state, credit: { ...state.credit, grantedBytes } };
  return sending(granted, now, { type: 'credit', grantedBytes });
}
