/**
 * What a page and the owner of its database say to each other, over any channel that clones objects.
 *
 * Messages of one turn travel in one post. Errors keep their code, REALs their mark.
 */
import type { StorageKind } from './browser-storage.ts';
import { isErrorCode, ReplicationError } from './core/errors.ts';
import type { SqlValue } from './core/sql-value.ts';
import { Real } from './core/sql-value.ts';
import type { DatabaseStatus } from './replica/database.ts';
import type { SyncEventName, SyncStatus } from './replica/sync-events.ts';
import type { Row } from './replica/user-statements.ts';
import type { LinkMode } from './wire/message.ts';

/** Calls that are passed to the database of this name as they are. */
export type PlainCall = 'migrate' | 'pending' | 'flushed' | 'countChanges' | 'coverage';

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export type WireValue = Exclude<SqlValue, Real> | { readonly real: number };

export interface Statement {
  readonly sql: string;
  readonly values: readonly WireValue[];
  readonly timeoutMs?: number | undefined;
}

/** `links` beside the local status: without the errors, which do not clone. */
export interface OwnerStatus extends Omit<DatabaseStatus, 'links'> {
  readonly storage: StorageKind;
  readonly links: readonly WireSyncStatus[];
}

export type WireSyncStatus = Omit<SyncStatus, 'lastError'> & { readonly lastError: WireError | undefined };

export type ClientMessage =
  | { readonly type: 'call'; readonly id: number; readonly method: PlainCall; readonly args: readonly unknown[] }
  | { readonly type: 'exec' | 'query'; readonly id: number; readonly statement: Statement; readonly tx?: number }
  | { readonly type: 'begin'; readonly id: number; readonly tx: number }
  | { readonly type: 'end'; readonly id: number; readonly tx: number; readonly commit: boolean }
  | { readonly type: 'watch'; readonly watch: number; readonly statement: Statement }
  | { readonly type: 'unwatch'; readonly watch: number }
  /** `paused`: as the page last wanted or knew it; for an owner that has no such link yet. */
  | {
      readonly type: 'sync';
      readonly id: number;
      readonly link: number;
      readonly target: WireTarget;
      readonly paused: boolean;
    }
  | { readonly type: 'synced'; readonly id: number; readonly link: number }
  | { readonly type: 'pause' | 'resume'; readonly id: number; readonly link: number }
  | { readonly type: 'close-link'; readonly link: number }
  | { readonly type: 'ephemeral'; readonly link: number; readonly bytes: Uint8Array }
  | (LinkAsk & { readonly type: 'token'; readonly token?: string; readonly error?: WireError })
  | (LinkAsk & { readonly type: 'port'; readonly carry?: number; readonly error?: WireError })
  | { readonly type: 'accept'; readonly id: number; readonly carry: number }
  | { readonly type: 'carry'; readonly carry: number; readonly message: unknown }
  | { readonly type: 'meet'; readonly id: number; readonly meeting: number; readonly room: string }
  | { readonly type: 'met'; readonly id: number; readonly meeting: number }
  | { readonly type: 'leave-room'; readonly meeting: number }
  | { readonly type: 'leave'; readonly id: number };

/** What an owner asks of one link of a page, and what answers it: each owner counts from 1. */
export interface LinkAsk {
  readonly ask: number;
  readonly link: number;
}

export interface WireTarget {
  readonly url: string;
  readonly mode: LinkMode | undefined;
  readonly token: string | undefined;
  /** The page is asked for the token at each connection. */
  readonly asksToken: boolean;
  /** The page is asked for a port at each connection; `url` is then only a name. */
  readonly asksPort: boolean;
}

export type OwnerMessage =
  | { readonly type: 'connected'; readonly status: OwnerStatus; readonly owner: boolean }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly error: WireError }
  | { readonly type: 'rows'; readonly watch: number; readonly rows: Row[] }
  | { readonly type: 'watch-failure'; readonly watch: number; readonly error: WireError }
  | { readonly type: 'link'; readonly link: number; readonly name: SyncEventName; readonly event: unknown }
  | (LinkAsk & { readonly type: 'ask-token' | 'ask-port' })
  | { readonly type: 'carry'; readonly carry: number; readonly message: unknown }
  | { readonly type: 'members'; readonly meeting: number; readonly members: number }
  | { readonly type: 'status'; readonly status: OwnerStatus }
  | { readonly type: 'gone'; readonly error: WireError };

/** Both directions of one conversation. */
export interface Channel<In, Out> {
  post(message: Out): void;
  /** `onNotSent` gets each message that holds what cannot be cloned. */
  listen(listener: (message: In) => void, onNotSent?: (message: Out) => void): void;
  close(): void;
}

/** What MessagePort, Worker, a worker's own scope and BroadcastChannel have in common. */
interface Postable {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  start?(): void;
}

export interface ChannelOptions {
  /** Hears what a listener threw; the messages after it are received all the same. */
  readonly report: (error: unknown) => void;
  readonly close?: () => void;
}

/** Messages of one turn leave together; one that cannot be cloned stays behind alone. */
export function channelOver<In, Out>(target: Postable, options: ChannelOptions): Channel<In, Out> {
  const { report, close = () => {} } = options;
  let batch: Out[] = [];
  let listener: ((message: In) => void) | undefined;
  let notSent: ((message: Out) => void) | undefined;
  const sendOne = (message: Out): void => {
    try {
      target.postMessage([message]);
    } catch (error) {
      if (notSent === undefined) report(error);
      else notSent(message);
    }
  };
  const send = (messages: readonly Out[]): void => {
    try {
      target.postMessage(messages);
    } catch {
      for (const message of messages) sendOne(message);
    }
  };
  const receiveOne = (message: In): void => {
    try {
      listener?.(message);
    } catch (error) {
      report(error);
    }
  };
  const receive = (event: MessageEvent): void => {
    if (Array.isArray(event.data)) for (const message of event.data as In[]) receiveOne(message);
  };
  return {
    post(message) {
      batch.push(message);
      if (batch.length > 1) return;
      queueMicrotask(() => {
        const sent = batch;
        batch = [];
        send(sent);
      });
    },
    listen(next, onNotSent) {
      listener = next;
      notSent = onNotSent;
      target.addEventListener('message', receive);
      target.start?.();
    },
    close() {
      target.removeEventListener('message', receive);
      queueMicrotask(close);
    },
  };
}

export function wireError(error: unknown): WireError {
  if (error instanceof ReplicationError) {
    return { code: error.code, message: error.message, details: cloneable(error.details) };
  }
  return { code: 'INVARIANT', message: error instanceof Error ? error.message : String(error), details: {} };
}

export function errorFromWire({ code, message, details }: WireError): ReplicationError {
  return new ReplicationError(isErrorCode(code) ? code : 'INVARIANT', message, details);
}

export function wireValue(value: SqlValue): WireValue {
  return value instanceof Real ? { real: value.value } : value;
}

export function valueFromWire(value: WireValue): SqlValue {
  return typeof value === 'object' && value !== null && 'real' in value ? new Real(value.real) : value;
}

export function wireSyncStatus(status: SyncStatus): WireSyncStatus {
  return { ...status, lastError: status.lastError === undefined ? undefined : wireError(status.lastError) };
}

function cloneable(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(details)) as Record<string, unknown>;
}
