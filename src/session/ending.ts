/** How a session ends: by a coded error of ours, a bye or an error frame of the peer, or a lost connection. */
import { ReplicationError, isErrorCode } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Bye, ErrorMessage } from '../wire/message.ts';
import type { Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { stay } from './step-result.ts';

/** Tells the peer why (an error frame, or bye for an orderly end), then closes: never a silent socket. */
export function endWith(state: SessionState, error: ReplicationError, retryAfterMs?: number): Step {
  const closed: SessionState = { ...state, phase: 'closed' };
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  const last =
    error.code === 'CLOSED' || error.code === 'UNAVAILABLE'
      ? ({ type: 'bye', code: error.code, ...retry } as const)
      : ({ type: 'error', code: error.code, message: error.message, details: error.details } as const);
  return stay(closed, { type: 'send', message: last }, { type: 'ended', error, ...retry });
}

/** Ends without a word: the peer has ended, or the connection is gone. */
export function endSilently(state: SessionState, error: ReplicationError, retryAfterMs?: number): Step {
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  return stay({ ...state, phase: 'closed' }, { type: 'ended', error, ...retry });
}

export function endProtocol(state: SessionState, message: string): Step {
  return endWith(state, new ReplicationError('SESSION_PROTOCOL', message));
}

/** Errors of the peer keep their code where we know it, so that retry and status are the table's. */
export function endedByPeer(state: SessionState, message: ErrorMessage | Bye): Step {
  const code: ErrorCode = isErrorCode(message.code) ? message.code : 'LINK_LOST';
  if (message.type === 'bye') {
    return endSilently(
      state,
      new ReplicationError(code, `the peer said goodbye: ${message.code}`),
      message.retryAfterMs,
    );
  }
  return endSilently(state, new ReplicationError(code, message.message, { ...message.details, fromPeer: true }));
}
