/** The handle of a link in a page: what db.sync gives there. The link itself lives with the database's owner. */
import type { WireError, WireSyncStatus, WireTarget } from './browser-messages.ts';
import { errorFromWire } from './browser-messages.ts';
import type { ReplicationError } from './core/errors.ts';
import type { SyncEventListener, SyncEventName, SyncEvents, SyncStatus } from './replica/sync-events.ts';
import { NO_TRAFFIC, SyncListeners } from './replica/sync-events.ts';

export interface PageLinkParts {
  readonly target: WireTarget;
  readonly synced: () => Promise<void>;
  /** Resolves when an owner has done it, and its status was heard. */
  readonly turn: (to: 'pause' | 'resume') => Promise<void>;
  readonly closed: () => void;
  readonly sendEphemeral: (bytes: Uint8Array) => void;
  readonly report: (error: unknown) => void;
}

export class PageLink {
  readonly #parts: PageLinkParts;
  readonly #listeners: SyncListeners;
  #status: SyncStatus;
  /** How the switch was turned, while no owner has answered that: the status knows nothing of it yet. */
  #turned: { readonly to: 'pause' | 'resume' } | undefined;

  constructor(parts: PageLinkParts) {
    this.#parts = parts;
    this.#listeners = new SyncListeners(parts.report);
    this.#status = {
      state: 'connecting',
      mode: parts.target.mode ?? 'leaf',
      peer: undefined,
      lag: undefined,
      unacknowledged: undefined,
      lastError: undefined,
      traffic: NO_TRAFFIC,
    };
  }

  get target(): WireTarget {
    return this.#parts.target;
  }

  /** As the owner last told it. */
  get status(): SyncStatus {
    return this.#status;
  }

  /** @internal As it is wanted: what another owner is told. */
  get isPaused(): boolean {
    return this.#turned === undefined ? this.#status.state === 'paused' : this.#turned.to === 'pause';
  }

  /** Calls `listener` at every such event; the returned function ends it. */
  on<N extends SyncEventName>(name: N, listener: SyncEventListener<N>): () => void {
    return this.#listeners.on(name, listener);
  }

  /** Resolves when the writes before this call are acknowledged and the peer's state at this call is applied here. */
  synced(): Promise<void> {
    return this.#parts.synced();
  }

  sendEphemeral(bytes: Uint8Array): void {
    if (this.#status.state !== 'closed') this.#parts.sendEphemeral(bytes);
  }

  /** The offline switch, for all pages that share the link. */
  pause(): void {
    this.#turn('pause');
  }

  resume(): void {
    this.#turn('resume');
  }

  /** Gives the handle up; the link ends with its last handle. */
  close(): void {
    if (this.#status.state === 'closed') return;
    this.#status = { ...this.#status, state: 'closed' };
    this.#parts.closed();
    this.#listeners.emit('status', this.#status);
  }

  /** @internal There is no such link, or no owner for it any more. */
  fail(error: ReplicationError): void {
    if (this.#status.state === 'closed') return;
    this.#status = { ...this.#status, state: 'closed', lastError: error };
    this.#listeners.emit('error', error);
    this.#listeners.emit('status', this.#status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** @internal */
  receive(name: SyncEventName, event: unknown): void {
    if (this.#status.state === 'closed') return;
    const told = eventFromWire(name, event);
    if (name === 'status' || name === 'live') this.#status = told as SyncStatus;
    if (name === 'progress') this.#progressed(told as SyncEvents['progress']);
    this.#listeners.emit(name, told as never);
  }

  #turn(to: 'pause' | 'resume'): void {
    if (this.#status.state === 'closed') return;
    const turned = { to };
    this.#turned = turned;
    const settled = (): void => {
      if (this.#turned === turned) this.#turned = undefined;
    };
    // It fails with the database alone, and then the link is told so.
    this.#parts.turn(to).then(settled, settled);
  }

  #progressed({ phase, image, ...traffic }: SyncEvents['progress']): void {
    const isImage = phase === 'image' && image !== undefined;
    const firstSync = { by: 'image', phase: 'fetching', why: 'the peer offered an image', ...image } as const;
    this.#status = { ...this.#status, traffic, ...(isImage ? { firstSync } : {}) };
  }
}

function eventFromWire(name: SyncEventName, event: unknown): unknown {
  if (name === 'error') return errorFromWire(event as WireError);
  if (name !== 'status' && name !== 'live') return event;
  const status = event as WireSyncStatus;
  return { ...status, lastError: status.lastError === undefined ? undefined : errorFromWire(status.lastError) };
}
