/** What a server said instead of opening a connection, as a coded error. */
import type { ErrorCode } from '../core/errors.ts';
import { isErrorCode, ReplicationError } from '../core/errors.ts';

/** Bytes of an error body that are read. */
export const REFUSAL_BYTES_MAX: number = 64 << 10;

const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NO_DATABASE',
  426: 'WIRE_VERSION',
  429: 'RATE_LIMITED',
};

/**
 * The error of a refused connection: the code of the body where it is one of ours, else by status.
 *
 * Why  A proxy in between answers in its own words; its status still tells whether trying again helps.
 */
export function refusalFromAnswer(status: number, body: string): ReplicationError {
  const said = parseBody(body);
  const fallback = CODE_BY_STATUS[status] ?? 'UNAVAILABLE';
  if (said === undefined) {
    return new ReplicationError(fallback, `the server answered ${status} instead of opening a link`, { status });
  }
  const { code, message, fault: _fault, retry: _retry, ...details } = said;
  const text = typeof message === 'string' && message !== '' ? message : `the server answered ${status}`;
  return new ReplicationError(isErrorCode(code) ? code : fallback, text, { ...details, status });
}

/** The error of a connection that never came about. */
export function unreachable(url: string, cause: unknown): ReplicationError {
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : String(cause);
  return new ReplicationError('UNAVAILABLE', `no connection to ${url}: ${reason}`, {}, { cause });
}

/** The address without what must not be logged: the query (it may carry a token) and user names. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function parseBody(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
