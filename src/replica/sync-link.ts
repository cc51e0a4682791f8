/**
 * A link that is kept up: dials, attaches the port to the replica, and dials again when it is lost.
 *
 * Used by db.sync and by a relay for its upstreams. Assumes a dial function that rejects with coded errors. Stops
 * trying when the peer refused for good (an error whose retry is 'never' or 'after-fix'): the reason stays in
 * status.lastError, and resume() tries again.
 */
import type { ErrorCode } from '../core/errors.ts';
import { isReplicationError, ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { countVersions } from '../core/range-set.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Dial, FramePort } from '../transport/frame-port.ts';
import type { ImageOffer, LinkMode } from '../wire/message.ts';
import type { ImageTaker } from './first-sync.ts';
import { FirstSync } from './first-sync.ts';
import type { ClientAttachOptions, Link, LinkListener, ReplicaPort, Traffic } from './replica-port.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { SyncEventListener, SyncEventName, SyncState, SyncStatus } from './sync-events.ts';
import { NO_TRAFFIC, sumTraffic, SyncListeners } from './sync-events.ts';

export interface SyncLinkOptions {
  readonly replica: ReplicaPort;
  readonly dial: Dial;
  /** The peer's name for the database. */
  readonly dbid: string;
  readonly mode: LinkMode;
  /** Proves to this peer that the site is ours; asked at each connection, since a site id may change. */
  readonly siteKey?: () => string;
  readonly runtime: Runtime;
  readonly limits: Pick<Limits, 'retryFirstMs' | 'retryMaxMs' | 'retryAfterMsMax' | 'handshakeMs' | 'imageTriesMax'>;
  /** Begins an empty replica with an image of the peer's database; absent where that cannot be. */
  readonly images?: ImageTaker;
  /** The peer acknowledged something. */
  readonly onAck?: () => void;
  /** Called once, when the link is closed. */
  readonly onClose?: () => void;
  /** Errors thrown by event listeners. */
  readonly report: (error: unknown) => void;
}

/** A dial that neither answers nor fails is given up after so many handshake times. */
const DIAL_HANDSHAKES = 2;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ReplicationError) => void;
}

export class SyncLink {
  readonly #options: SyncLinkOptions;
  readonly #listeners: SyncListeners;
  readonly #waiters = new Set<Waiter>();
  #state: SyncState = 'connecting';
  /** Numbers connections: what belongs to an earlier one is dropped. */
  #attempt = 0;
  #failures = 0;
  #link: Link | undefined;
  #cancelTimer: () => void = () => undefined;
  #lastError: ReplicationError | undefined;
  #trafficBefore: Traffic = NO_TRAFFIC;
  #peer: SyncStatus['peer'];
  readonly #firstSync: FirstSync | undefined;

  /** Starts to connect at once. */
  constructor(options: SyncLinkOptions) {
    this.#options = options;
    this.#listeners = new SyncListeners(options.report);
    const { images, limits } = options;
    this.#firstSync = images === undefined ? undefined : new FirstSync(images, limits);
    this.#connect();
  }

  get status(): SyncStatus {
    const firstSync = this.#firstSync?.status;
    return {
      state: this.#state,
      mode: this.#options.mode,
      peer: this.#peer,
      lag: this.#link?.lag,
      unacknowledged: this.#link === undefined ? undefined : countVersions(this.#link.unacknowledged),
      lastError: this.#lastError,
      traffic: this.#traffic(),
      ...(firstSync === undefined ? {} : { firstSync }),
    };
  }

  /** Calls `listener` at every such event; the returned function ends it. */
  on<N extends SyncEventName>(name: N, listener: SyncEventListener<N>): () => void {
    return this.#listeners.on(name, listener);
  }

  /**
   * Resolves when the local writes before this call are acknowledged and the peer's state at this call is applied
   * here, over as many connections as that takes.
   *
   * Errors  the peer's refusal when it is for good; CLOSED after close().
   */
  synced(): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(closedError());
    if (this.#state === 'refused') return Promise.reject(this.#lastError ?? closedError());
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.add(waiter);
      if (this.#link?.state === 'open') this.#serve(waiter, this.#link);
    });
  }

  /** Sends bytes that nobody stores (presence); dropped while there is no open link. */
  sendEphemeral(bytes: Uint8Array): void {
    if (this.#link?.state === 'open') this.#link.sendEphemeral(bytes);
  }

  /** The offline switch: ends the connection until resume(). */
  pause(): void {
    if (this.#state === 'closed' || this.#state === 'paused') return;
    this.#hangUp('UNAVAILABLE');
    this.#enter('paused');
  }

  /** Connects now: after pause(), after a refusal that was put right, or instead of waiting. */
  resume(): void {
    if (this.#state !== 'paused' && this.#state !== 'refused' && this.#state !== 'waiting') return;
    this.#failures = 0;
    this.#connect();
  }

  /** Ends the link for good; waiting synced() calls are rejected with CLOSED. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#hangUp('CLOSED');
    this.#enter('closed');
    this.#rejectWaiters(closedError());
    this.#options.onClose?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #connect(): void {
    this.#cancelTimer();
    const attempt = ++this.#attempt;
    const { dial, runtime, limits } = this.#options;
    const dialMs = DIAL_HANDSHAKES * limits.handshakeMs;
    this.#cancelTimer = runtime.setTimer(dialMs, () => this.#ended(attempt, dialTimeout(dialMs)));
    this.#enter('connecting');
    dial().then(
      (port) => this.#dialled(attempt, port),
      (error: unknown) => {
        const coded = asReplicationError(error);
        this.#ended(attempt, coded, retryAfterOf(coded));
      },
    );
  }

  #dialled(attempt: number, port: FramePort): void {
    if (attempt !== this.#attempt) {
      port.close(1000, 'no longer wanted');
      return;
    }
    this.#cancelTimer();
    const { replica, dbid, mode, siteKey } = this.#options;
    try {
      const key = siteKey === undefined ? {} : { siteKey: siteKey() };
      this.#link = replica.attach(port, { role: 'client', dbid, mode, ...key, ...this.#listener(attempt) });
    } catch (error) {
      port.close(1000, 'not attached');
      if (isReplicationError(error, 'CLOSED')) this.close();
      else this.#ended(attempt, asReplicationError(error));
    }
  }

  #listener(attempt: number): LinkListener & Pick<ClientAttachOptions, 'onImage'> {
    const wantsImage = this.#firstSync?.wants() === true;
    const current =
      <A extends unknown[]>(react: (...args: A) => void) =>
      (...args: A): void => {
        if (attempt === this.#attempt) react(...args);
      };
    return {
      onOpen: current(({ site }) => this.#opened(site)),
      onLive: current(() => this.#live()),
      onRejected: current((rejection) => this.#listeners.emit('rejected', rejection)),
      onAck: current(() => this.#acknowledged()),
      onEphemeral: current((bytes) => this.#listeners.emit('ephemeral', bytes)),
      onProgress: current(() => this.#progressed()),
      onEnd: current((error, retryAfterMs) => this.#ended(attempt, error, retryAfterMs)),
      ...(wantsImage ? { onImage: current((offer: ImageOffer) => void this.#takeImage(offer)) } : {}),
    };
  }

  #opened(site: SyncStatus['peer']): void {
    this.#peer = site;
    this.#enter('open');
    if (this.#link !== undefined) for (const waiter of this.#waiters) this.#serve(waiter, this.#link);
  }

  /** Ends the session, whose store is about to be another, and connects again with it, or without an image. */
  async #takeImage(offer: ImageOffer): Promise<void> {
    const firstSync = this.#firstSync;
    if (firstSync === undefined) return;
    this.#hangUp('UNAVAILABLE');
    this.#enter('connecting');
    const attempt = this.#attempt;
    const result = await firstSync.take(offer, (image) => {
      if (attempt === this.#attempt) this.#listeners.emit('progress', { ...this.#traffic(), phase: 'image', image });
    });
    if (attempt !== this.#attempt) return;
    if (result.outcome === 'later') return this.#ended(attempt, result.error, retryAfterOf(result.error));
    if (result.outcome === 'rows') this.#listeners.emit('error', result.error);
    if (attempt === this.#attempt) this.#connect();
  }

  #live(): void {
    this.#firstSync?.noteLive();
    this.#failures = 0;
    this.#lastError = undefined;
    this.#enter('live');
    this.#listeners.emit('live', this.status);
  }

  #acknowledged(): void {
    this.#options.onAck?.();
    if (this.#listeners.has('status')) this.#listeners.emit('status', this.status);
  }

  #progressed(): void {
    if (this.#listeners.has('progress')) this.#listeners.emit('progress', { ...this.#traffic(), phase: 'changes' });
  }

  /** The connection failed or ended by itself. */
  #ended(attempt: number, error: ReplicationError, retryAfterMs?: number): void {
    if (attempt !== this.#attempt) return;
    this.#hangUp(error.code);
    this.#lastError = error;
    // A peer that says CLOSED goes away for now (a restart); our own close never comes here.
    if (error.retry === 'back-off' || error.code === 'CLOSED') this.#wait(retryAfterMs);
    else this.#enter('refused');
    this.#listeners.emit('error', error);
    if (this.#state === 'refused') this.#rejectWaiters(error);
  }

  #wait(retryAfterMs: number | undefined): void {
    const { runtime, limits } = this.#options;
    const [high = 0, low = 0] = runtime.randomBytes(2);
    const random = (high * 256 + low) / 65_536;
    const delay = retryDelayMs({ failures: this.#failures, random, retryAfterMs }, limits);
    this.#failures++;
    this.#cancelTimer = runtime.setTimer(delay, () => this.#connect());
    this.#enter('waiting');
  }

  /** Ends the current connection and drops whatever it still says. */
  #hangUp(code: ErrorCode): void {
    this.#attempt++;
    this.#cancelTimer();
    this.#firstSync?.stop();
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    this.#trafficBefore = sumTraffic(this.#trafficBefore, link.traffic);
    if (link.state !== 'closed') link.close(code);
  }

  /** A link that ends meanwhile leaves the waiter to the next one. */
  #serve(waiter: Waiter, link: Link): void {
    link.synced().then(
      () => {
        if (this.#waiters.delete(waiter)) waiter.resolve();
      },
      (error: unknown) => {
        if (link !== this.#link || link.state === 'closed') return;
        if (this.#waiters.delete(waiter)) waiter.reject(asReplicationError(error));
      },
    );
  }

  #rejectWaiters(error: ReplicationError): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const { reject } of waiters) reject(error);
  }

  #enter(state: SyncState): void {
    const changed = this.#state !== state;
    this.#state = state;
    if (changed && this.#listeners.has('status')) this.#listeners.emit('status', this.status);
  }

  #traffic(): Traffic {
    const traffic = sumTraffic(this.#trafficBefore, this.#link?.traffic ?? NO_TRAFFIC);
    return { ...traffic, bytesReceived: traffic.bytesReceived + (this.#firstSync?.fetchedBytes ?? 0) };
  }
}

function asReplicationError(error: unknown): ReplicationError {
  if (isReplicationError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ReplicationError('LINK_LOST', `the connection failed: ${reason}`, {}, { cause: error });
}

/** A refused connection may say when to come back. */
function retryAfterOf({ details }: ReplicationError): number | undefined {
  const retryAfterMs = details['retryAfterMs'];
  return typeof retryAfterMs === 'number' ? retryAfterMs : undefined;
}

function dialTimeout(dialMs: number): ReplicationError {
  const message = `no connection within ${dialMs} ms: check the address and that the peer runs`;
  return new ReplicationError('HANDSHAKE_TIMEOUT', message);
}

function closedError(): ReplicationError {
  return new ReplicationError('CLOSED', 'this link is closed: call db.sync for another one');
}
