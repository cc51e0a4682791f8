/**
 * Every error that crmesh throws or sends, in one table: stable code, whose fault, whether a retry helps,
 * and how HTTP, WebSocket and the log show it. Expected outcomes are values, not errors.
 */

export type Fault = 'caller' | 'peer' | 'world' | 'bug';
export type Retry = 'never' | 'after-fix' | 'back-off';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface ErrorRow {
  readonly fault: Fault;
  readonly retry: Retry;
  /** HTTP status. */
  readonly status: number;
  /** WebSocket close code. */
  readonly close: number;
  readonly level: LogLevel;
}

const row = (fault: Fault, retry: Retry, status: number, close: number, level: LogLevel): ErrorRow => ({
  fault,
  retry,
  status,
  close,
  level,
});

export type ErrorCode =
  | 'BAD_REQUEST'
  | 'FRAME_MALFORMED'
  | 'VALUE_UNSUPPORTED'
  | 'SQL_ERROR'
  | 'USE_SCHEMA'
  | 'USAGE'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'SITE_TAKEN'
  | 'NO_DATABASE'
  | 'NO_ROUTE'
  | 'METHOD_NOT_ALLOWED'
  | 'GAP'
  | 'SCHEMA_REFUSED'
  | 'SITE_CONFLICT'
  | 'MESH_MISMATCH'
  | 'EPOCH_CHANGED'
  | 'TOO_LARGE'
  | 'MEDIA_TYPE'
  | 'CHANGE_INVALID'
  | 'WIRE_VERSION'
  | 'RATE_LIMITED'
  | 'LIMIT_EXCEEDED'
  | 'INVARIANT'
  | 'ENGINE_FAILED'
  | 'DATABASE_CORRUPT'
  | 'CLOSED'
  | 'UNAVAILABLE'
  | 'LINK_LOST'
  | 'HANDSHAKE_TIMEOUT'
  | 'HEARTBEAT_LOST'
  | 'SESSION_PROTOCOL'
  | 'PARKED_FULL'
  | 'STORAGE_FULL'
  | 'STORAGE_FAILED'
  | 'FILE_LOCKED'
  | 'FILE_EXISTS'
  | 'TRANSACTION_TIMEOUT'
  | 'TRANSACTION_NESTED'
  | 'QUERY_TIMEOUT'
  | 'NATIVE_ABSENT'
  | 'CHANGE_REJECTED'
  | 'IMAGE_REFUSED';

/** code -> how it is shown; add a code here, document it in PROTOCOL.md, throw it in a test. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  BAD_REQUEST: row('caller', 'after-fix', 400, 4400, 'info'),
  FRAME_MALFORMED: row('peer', 'never', 400, 4400, 'warn'),
  VALUE_UNSUPPORTED: row('caller', 'after-fix', 400, 4400, 'info'),
  SQL_ERROR: row('caller', 'after-fix', 400, 4400, 'info'),
  USE_SCHEMA: row('caller', 'after-fix', 400, 4400, 'info'),
  USAGE: row('caller', 'after-fix', 400, 4400, 'info'),
  UNAUTHORIZED: row('caller', 'after-fix', 401, 4401, 'info'),
  FORBIDDEN: row('caller', 'after-fix', 403, 4403, 'info'),
  SITE_TAKEN: row('peer', 'after-fix', 403, 4403, 'warn'),
  NO_DATABASE: row('caller', 'after-fix', 404, 4404, 'info'),
  NO_ROUTE: row('caller', 'after-fix', 404, 4404, 'info'),
  METHOD_NOT_ALLOWED: row('caller', 'after-fix', 405, 4400, 'info'),
  GAP: row('caller', 'after-fix', 409, 4409, 'info'),
  SCHEMA_REFUSED: row('caller', 'after-fix', 409, 4409, 'info'),
  SITE_CONFLICT: row('peer', 'never', 409, 4409, 'error'),
  MESH_MISMATCH: row('caller', 'after-fix', 409, 4409, 'warn'),
  EPOCH_CHANGED: row('caller', 'after-fix', 410, 4410, 'info'),
  TOO_LARGE: row('caller', 'after-fix', 413, 4413, 'info'),
  MEDIA_TYPE: row('caller', 'after-fix', 415, 4415, 'info'),
  CHANGE_INVALID: row('peer', 'after-fix', 422, 4422, 'warn'),
  WIRE_VERSION: row('peer', 'after-fix', 426, 4426, 'warn'),
  RATE_LIMITED: row('caller', 'back-off', 429, 4429, 'info'),
  LIMIT_EXCEEDED: row('peer', 'back-off', 429, 4429, 'warn'),
  INVARIANT: row('bug', 'never', 500, 4500, 'error'),
  ENGINE_FAILED: row('bug', 'back-off', 500, 4500, 'error'),
  DATABASE_CORRUPT: row('world', 'never', 500, 4500, 'error'),
  CLOSED: row('caller', 'never', 503, 1001, 'debug'),
  UNAVAILABLE: row('world', 'back-off', 503, 4503, 'info'),
  LINK_LOST: row('world', 'back-off', 503, 4503, 'info'),
  HANDSHAKE_TIMEOUT: row('peer', 'back-off', 503, 4503, 'info'),
  HEARTBEAT_LOST: row('world', 'back-off', 503, 4503, 'info'),
  SESSION_PROTOCOL: row('peer', 'back-off', 400, 4400, 'warn'),
  PARKED_FULL: row('peer', 'after-fix', 507, 4507, 'error'),
  STORAGE_FULL: row('world', 'back-off', 507, 4507, 'error'),
  STORAGE_FAILED: row('world', 'back-off', 500, 4500, 'error'),
  FILE_EXISTS: row('caller', 'after-fix', 409, 4409, 'info'),
  FILE_LOCKED: row('world', 'back-off', 503, 4503, 'info'),
  TRANSACTION_TIMEOUT: row('caller', 'after-fix', 503, 4503, 'warn'),
  TRANSACTION_NESTED: row('caller', 'after-fix', 400, 4400, 'info'),
  QUERY_TIMEOUT: row('caller', 'after-fix', 503, 4503, 'warn'),
  NATIVE_ABSENT: row('world', 'after-fix', 503, 4503, 'info'),
  CHANGE_REJECTED: row('caller', 'after-fix', 403, 4403, 'info'),
  IMAGE_REFUSED: row('peer', 'back-off', 422, 4422, 'warn'),
};

/** The one error class: what is thrown, sent in error frames and answered as HTTP bodies. */
export class ReplicationError extends Error {
  readonly code: ErrorCode;
  readonly fault: Fault;
  readonly retry: Retry;
  /** HTTP status. */
  readonly status: number;
  /** WebSocket close code. */
  readonly close: number;
  readonly level: LogLevel;
  /** Extra fields of the error body, e.g. {missing} of a GAP. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = 'ReplicationError';
    const { fault, retry, status, close, level } = ERROR_TABLE[code];
    this.code = code;
    this.fault = fault;
    this.retry = retry;
    this.status = status;
    this.close = close;
    this.level = level;
    this.details = details;
  }

  /** The body of every HTTP error answer and error frame. */
  toJSON(): Record<string, unknown> {
    const { code, message, fault, retry } = this;
    const named = { code, message, fault, retry };
    // First to be read; and details cannot replace them.
    return { ...named, ...this.details, ...named };
  }
}

export function isReplicationError(error: unknown, code?: ErrorCode): error is ReplicationError {
  return error instanceof ReplicationError && (code === undefined || error.code === code);
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value);
}

/** Any thrown thing as a coded error: what is not ours is a bug and keeps its cause. */
export function codedError(error: unknown): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ReplicationError('INVARIANT', `unexpected: ${message}`, {}, { cause: error });
}

/** Throws INVARIANT: a state that our own code promised cannot be. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new ReplicationError('INVARIANT', `${message}: please report this with the log`);
}

/** Ends a switch over a union: the compiler proves it is never reached. */
export function assertNever(value: never): never {
  throw new ReplicationError('INVARIANT', `unexpected ${JSON.stringify(value)}`);
}
