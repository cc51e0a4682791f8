/** Calls of a page: how a statement is sent, and which calls may be asked again of another owner. */
import type { ClientMessage, Statement, WireTarget } from './browser-messages.ts';
import { wireValue } from './browser-messages.ts';
import type { BrowserSyncOptions } from './browser-replica.ts';
import { ReplicationError } from './core/errors.ts';
import type { QueryOptions } from './replica/database.ts';
import type { SqlParameter } from './replica/sql-parameters.ts';
import { sqlValuesFromParameters } from './replica/sql-parameters.ts';
import { randomId } from './transport/random-id.ts';

/** Gives a fresh port whose other end somebody accepts. */
export type PagePortSource = () => MessagePort | Promise<MessagePort>;

export type Unnumbered = ClientMessage extends infer M
  ? M extends { readonly id: number }
    ? Omit<M, 'id'>
    : never
  : never;

export function statementOf(sql: string, parameters?: readonly SqlParameter[], options?: QueryOptions): Statement {
  const values = sqlValuesFromParameters(parameters).map(wireValue);
  return { sql, values, timeoutMs: options?.timeoutMs };
}

export function wireTargetOf(address: string | PagePortSource, { token, mode }: BrowserSyncOptions): WireTarget {
  const asksPort = typeof address === 'function';
  return {
    url: asksPort ? `port:${randomId()}` : address,
    mode,
    token: typeof token === 'string' ? token : undefined,
    asksToken: typeof token === 'function',
    asksPort,
  };
}

const REPEATABLE: ReadonlySet<ClientMessage['type']> = new Set(['synced', 'met', 'pause', 'resume', 'leave']);

/** Nothing is changed by asking twice. */
export function isRepeatable(message: ClientMessage): boolean {
  switch (message.type) {
    case 'query':
      return message.tx === undefined && /^\s*(?:select|explain|values)\b/i.test(message.statement.sql);
    case 'call':
      return message.method !== 'migrate';
    default:
      return REPEATABLE.has(message.type);
  }
}

/** It needs nothing that was before it: neither a transaction that has begun, nor a port that is open. */
export function isWhole(message: ClientMessage): boolean {
  switch (message.type) {
    case 'exec':
    case 'query':
      return message.tx === undefined;
    default:
      return message.type !== 'end' && message.type !== 'accept';
  }
}

export function ownerLost(): ReplicationError {
  const message =
    'the tab that held the database ended before it answered: look whether the write is there, then repeat';
  return new ReplicationError('LINK_LOST', message);
}
