/** What a SyncLink tells: its status, its events and the listeners of them. */
import type { ReplicationError } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import type { LinkMode } from '../wire/message.ts';
import type { FirstSyncStatus, ImageProgress } from './first-sync.ts';
import type { Rejection, Traffic } from './replica-port.ts';

/**
 * connecting: dialling, or waiting for the peer's welcome; open: exchanging; live: everything known on both sides at
 * some moment is exchanged, changes flow as they happen; waiting: lost, tried again soon; paused: by pause();
 * refused: trying again as it is cannot help (resume() tries); closed: for good.
 */
export type SyncState = 'connecting' | 'open' | 'live' | 'waiting' | 'paused' | 'refused' | 'closed';

export interface SyncStatus {
  readonly state: SyncState;
  readonly mode: LinkMode;
  /** The peer's site id, once it was reached. */
  readonly peer: SiteId | undefined;
  /** Store versions of ours that the peer was not sent yet, as far as is known; undefined before the first link. */
  readonly lag: number | undefined;
  /** Own transactions that the peer has not acknowledged; undefined before the first link. */
  readonly unacknowledged: number | undefined;
  readonly lastError: ReplicationError | undefined;
  /** How this replica began, and why so; absent where it had rows before. */
  readonly firstSync?: FirstSyncStatus;
  /** Since sync() was called, over all connections. */
  readonly traffic: Traffic;
}

export interface SyncEvents {
  readonly status: SyncStatus;
  /** The peer refused own versions; they stay here, and are not sent again. */
  readonly rejected: Rejection;
  readonly live: SyncStatus;
  /** Why a connection ended or was refused; the link goes on by itself unless status.state says 'refused'. */
  readonly error: ReplicationError;
  readonly ephemeral: Uint8Array;
  readonly progress: SyncProgress;
}

/** Counters as in the status; while an image is fetched, how far that is. */
export interface SyncProgress extends Traffic {
  readonly phase: 'image' | 'changes';
  readonly image?: ImageProgress;
}

export type SyncEventName = keyof SyncEvents;
export type SyncEventListener<N extends SyncEventName> = (event: SyncEvents[N]) => void;

export const NO_TRAFFIC: Traffic = {
  bytesSent: 0,
  bytesReceived: 0,
  framesSent: 0,
  framesReceived: 0,
  changesSent: 0,
  changesReceived: 0,
  changesEchoed: 0,
};

export function sumTraffic(a: Traffic, b: Traffic): Traffic {
  return {
    bytesSent: a.bytesSent + b.bytesSent,
    bytesReceived: a.bytesReceived + b.bytesReceived,
    framesSent: a.framesSent + b.framesSent,
    framesReceived: a.framesReceived + b.framesReceived,
    changesSent: a.changesSent + b.changesSent,
    changesReceived: a.changesReceived + b.changesReceived,
    changesEchoed: a.changesEchoed + b.changesEchoed,
  };
}

/** The listeners of one link; one that throws does not keep the others from hearing. */
export class SyncListeners {
  readonly #byEvent = new Map<SyncEventName, Set<(event: never) => void>>();
  readonly #report: (error: unknown) => void;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  on<N extends SyncEventName>(name: N, listener: SyncEventListener<N>): () => void {
    const listeners = this.#byEvent.get(name) ?? new Set();
    this.#byEvent.set(name, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  emit<N extends SyncEventName>(name: N, event: SyncEvents[N]): void {
    for (const listener of this.#byEvent.get(name) ?? []) {
      try {
        (listener as SyncEventListener<N>)(event);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  has(name: SyncEventName): boolean {
    return (this.#byEvent.get(name)?.size ?? 0) > 0;
  }
}
