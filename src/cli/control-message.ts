/**
 * What two crmesh processes say about one file on the local control socket: a line of JSON each way.
 *
 * The socket lies in a folder that only this user can enter, so a request needs no token.
 */
import { isErrorCode, ReplicationError } from '../core/errors.ts';
import type { ImportRequest, MigrateRequest } from './file-changes.ts';
import type { SyncRequest } from './file-operations.ts';

export type ControlRequest =
  | { readonly operation: 'query'; readonly file: string; readonly sql: string }
  | { readonly operation: 'status'; readonly file: string }
  | { readonly operation: 'backup'; readonly file: string; readonly out: string }
  | ({ readonly operation: 'sync'; readonly file: string } & SyncRequest)
  | ({ readonly operation: 'import'; readonly file: string } & ImportRequest)
  | ({ readonly operation: 'migrate'; readonly file: string } & MigrateRequest);

export type ControlAnswer = { readonly result: unknown } | { readonly error: Readonly<Record<string, unknown>> };

/** Errors  BAD_REQUEST for anything but a known request. */
export function controlRequestFrom(line: string): ControlRequest {
  const value = jsonObject(line) ?? {};
  const { operation, file, sql, url, token, out } = value;
  if (typeof file !== 'string') throw unknownRequest();
  if (operation === 'import') return { operation, file, ...importRequestFrom(value) };
  if (operation === 'migrate') return { operation, file, ...migrateRequestFrom(value) };
  if (operation === 'status') return { operation, file };
  if (operation === 'backup' && typeof out === 'string') return { operation, file, out };
  if (operation === 'query' && typeof sql === 'string') return { operation, file, sql };
  if (operation === 'sync' && typeof url === 'string') {
    return { operation, file, url, token: typeof token === 'string' ? token : undefined };
  }
  throw unknownRequest();
}

function importRequestFrom({ table, data, schema, key }: Record<string, unknown>): ImportRequest {
  if (typeof table !== 'string' || typeof data !== 'string') throw unknownRequest();
  return {
    table,
    data,
    ...(typeof schema === 'string' ? { schema } : {}),
    ...(typeof key === 'string' ? { key } : {}),
  };
}

function migrateRequestFrom({ schema, plan, allowDestructive }: Record<string, unknown>): MigrateRequest {
  if (typeof schema !== 'string') throw unknownRequest();
  return { schema, plan: plan === true, allowDestructive: allowDestructive === true };
}

/** The result of an answer line; throws the error that it carries. */
export function controlResultFrom(line: string): unknown {
  const value = jsonObject(line);
  if (value === undefined) throw new ReplicationError('UNAVAILABLE', 'the process that holds the file did not answer');
  const error = value['error'];
  if (typeof error === 'object' && error !== null) throw errorFromBody(error as Record<string, unknown>);
  return value['result'];
}

export function bodyOfError(error: unknown): Record<string, unknown> {
  if (error instanceof ReplicationError) return error.toJSON();
  return new ReplicationError('INVARIANT', String(error)).toJSON();
}

/** A coded error that came as a JSON body, from a control socket or over HTTP. */
export function errorFromBody(body: Readonly<Record<string, unknown>>): ReplicationError {
  const { code, message, fault: _fault, retry: _retry, ...details } = body;
  return new ReplicationError(isErrorCode(code) ? code : 'UNAVAILABLE', String(message ?? 'no reason given'), details);
}

export function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function unknownRequest(): ReplicationError {
  const message = 'this control request is unknown: use the same crmesh version on both sides';
  return new ReplicationError('BAD_REQUEST', message);
}
