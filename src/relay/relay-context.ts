/** What the endpoints of one relay share, and what one call brings. */
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import type { Grant } from '../replica/replica-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { Authorize } from './access.ts';
import type { Connections } from './connections.ts';
import type { Directory, Lease } from './directory.ts';
import type { HttpSessions } from './http-sessions.ts';
import type { Images } from './images.ts';
import type { Meter } from './meter.ts';
import type { BodyBudget } from './request-body.ts';
import type { SitePins } from './site-pins.ts';

export interface RelayContext {
  readonly authorize: Authorize;
  readonly bodies: BodyBudget;
  readonly codec: Codec;
  readonly connections: Connections;
  readonly directory: Directory;
  readonly images: Images;
  readonly limits: Limits;
  readonly log: Log;
  readonly meter: Meter;
  readonly pins: SitePins;
  readonly runtime: Runtime;
  readonly sessions: HttpSessions;
  /** Streams to end when the relay closes. */
  readonly streams: Set<() => void>;
  /** Databases that are not there are created from it, for callers that may. */
  readonly schema: string | undefined;
}

/** Who calls, and what it may do with which database. */
export interface Caller {
  readonly dbid: string;
  readonly token: string | undefined;
  readonly address: string | undefined;
  readonly headers: Headers;
  readonly grant: Grant;
}

export interface Call extends Caller {
  readonly context: RelayContext;
  readonly request: Request;
  readonly url: URL;
  readonly sessionId: string;
  /** The request's body, counted until the call is answered. Errors  as readBody(). */
  body(bytesMax: number): Promise<Uint8Array>;
}

/**
 * Opens the database for a caller; one that is not there is created from `schemaText`, else from the relay's own
 * schema, where the grant has schema.
 *
 * Errors  NO_DATABASE; SCHEMA_REFUSED when the text is no schema.
 */
export function leaseFor(context: RelayContext, { dbid, grant }: Caller, schemaText?: string): Promise<Lease> {
  const given = schemaText === undefined || schemaText.trim() === '' ? context.schema : schemaText;
  if (!grant.schema || given === undefined) return context.directory.lease(dbid);
  return context.directory.leaseOrCreate(dbid, given);
}

/** Runs `use` with the database of a call and releases it. */
export async function withDatabase<T>(call: Call, use: (lease: Lease) => T | Promise<T>): Promise<T> {
  const lease = await leaseFor(call.context, call);
  try {
    return await use(lease);
  } finally {
    lease.release();
  }
}
