/**
 * What a replica offers to the doors, the relay and the simulator. replica.ts implements it: one store, its links,
 * and one loop that drains their events; every store call happens inside that loop or between its runs.
 */
import type { Change } from '../core/change.ts';
import type { Coverage } from '../core/coverage.ts';
import type { ErrorCode, ReplicationError } from '../core/errors.ts';
import type { RangeSet } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { InputResult, MergeInput, MigrationResult, StorePort } from '../store/store-port.ts';
import type { FramePort } from '../transport/frame-port.ts';
import type { Hello, ImageOffer, LinkMode } from '../wire/message.ts';
import type { PartBlob } from '../wire/part-blob.ts';

export type WriteDecision = 'allow' | 'drop' | 'reject';

/** What an authorized peer may do (the authorize hook's answer, checked). */
export interface Grant {
  readonly read: 'all' | 'none';
  readonly write: 'all' | 'none' | ((change: Change, site: SiteId) => WriteDecision);
  readonly schema: boolean;
  /** The highest mode. */
  readonly mode: LinkMode;
  readonly vouch: boolean;
  /** Milliseconds since the Unix epoch; the link ends then. */
  readonly expiresAt?: number;
}

export type AttachOptions = ClientAttachOptions | ServerAttachOptions;

export interface ClientAttachOptions extends LinkListener {
  readonly role: 'client';
  readonly mode: LinkMode;
  readonly dbid: string;
  readonly siteKey?: string;
  /**
   * This replica has nothing yet and can begin with an image: the peer offers one, and sends nothing until the link
   * is closed or this has thrown, which ends the link too.
   */
  onImage?(offer: ImageOffer): void;
}

/** The relay has read and decoded the hello, authorized it and found the database. */
export interface ServerAttachOptions extends LinkListener {
  readonly role: 'server';
  readonly hello: Hello;
  readonly grant: Grant;
  /** Looks for the image to offer this peer. Absent where none may be offered. */
  readonly image?: (answer: ImageAnswer) => void;
}

/** One of the two is called, once. */
export interface ImageAnswer {
  /** Undefined for rows. */
  readonly found: (offer: ImageOffer | undefined) => void;
  readonly failed: (error: unknown) => void;
}

export interface Rejection {
  readonly site: SiteId;
  readonly ranges: RangeSet;
  readonly code: string;
  readonly message: string;
}

/** Called from the loop, never inside a call of the listener's owner. */
export interface LinkListener {
  onOpen?(peer: { readonly site: SiteId; readonly mode: LinkMode }): void;
  /** The link went live: the peer's whole store, as of now, is applied here. */
  onLive?(): void;
  onRejected?(rejection: Rejection): void;
  /** Own versions that the peer now calls held, parked or refused changed. */
  onAck?(): void;
  onEphemeral?(bytes: Uint8Array): void;
  /** Changes of other sites that a leaf vouched for: merged here, and left out for numbers that leap. */
  onVouched?(vouched: { readonly merged: number; readonly leftOut: number }): void;
  /** Anything that moved: counters of `traffic` are up to date. */
  onProgress?(): void;
  /** Once, last. `retryAfterMs` as the peer said; error.retry tells whether trying again helps. */
  onEnd?(error: ReplicationError, retryAfterMs?: number): void;
}

/** Counters since the link began; changes are cell changes, bytes are frame bytes, and received ones those of an image too. */
export interface Traffic {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly framesSent: number;
  readonly framesReceived: number;
  readonly changesSent: number;
  readonly changesReceived: number;
  /** Changes received that this replica wrote itself, or sent on this link before: P4 says 0 in live traffic. */
  readonly changesEchoed: number;
}

/** One session over one port. */
export interface Link {
  readonly state: 'opening' | 'open' | 'closed';
  /** Known once open. */
  readonly peer: SiteId | undefined;
  readonly mode: LinkMode;
  readonly traffic: Traffic;
  /** Sent everything and told that everything was sent. */
  readonly live: boolean;
  /** Store versions of ours that the peer was not sent yet. */
  readonly lag: number;
  /** Versions of other sites that this leaf holds, that are missing here, and that its grant keeps it from bringing back. */
  readonly lacking: number;
  /** Own announced ranges that the peer has not acknowledged as held, parked or refused. */
  readonly unacknowledged: RangeSet;
  /** Resolves when local writes before the call are acknowledged and the peer's state at the call is applied here. */
  synced(): Promise<void>;
  sendEphemeral(bytes: Uint8Array): void;
  close(code?: ErrorCode): void;
}

/** What one commit brought, for links, streams and live queries. */
export interface Commit {
  readonly before: StoreVersion;
  readonly after: StoreVersion;
  /** Undefined when it was too large to keep: read it from the store. `source` = the link that delivered it. */
  readonly parts: readonly { readonly blob: PartBlob; readonly source: Link | undefined }[] | undefined;
  readonly growth: Coverage;
}

export interface ReplicaPort {
  readonly store: StorePort;
  readonly dbid: string;
  readonly links: readonly Link[];
  attach(port: FramePort, options: AttachOptions): Link;
  /** A local transaction committed: it is flushed and passed on soon. */
  wrote(): void;
  /** Flushes own writes now (FULL commit) and passes them on. */
  flush(): void;
  /** Merges with group commit; resolves after the FULL commit. */
  submit(input: MergeInput): Promise<InputResult>;
  /** Flushes, migrates, and tells links; throws SCHEMA_REFUSED with steps when refused (unless `plan`). */
  migrate(text: string, options?: { readonly plan?: boolean; readonly allowDestructive?: boolean }): MigrationResult;
  /**
   * Ends all links and lets `swap` put an image in the place of the database file, which has no rows yet.
   *
   * Errors  BAD_REQUEST when it has some by now; those of `swap` and of opening the file.
   */
  adopt(swap: () => void): Promise<void>;
  onCommit(listener: (commit: Commit) => void): () => void;
  /** Runs a job of the store in the loop: own writes are announced, no user transaction is open. Errors  CLOSED. */
  run<T>(job: () => T): Promise<T>;
  /** While a user transaction is open no store call of ours runs; the returned function ends it. */
  suspend(): () => void;
  /** Says bye on every link, flushes, closes the store. */
  close(): Promise<void>;
}
