/**
 * One session over one port: feeds events to the session core and carries its effects out.
 *
 * Owns the port, the session's state and its timer; dies with the connection (R1). Everything runs inside the
 * replica's loop: port callbacks only post to it.
 */
import type { ErrorCode } from '../core/errors.ts';
import { ReplicationError, assertNever, codedError } from '../core/errors.ts';
import { hexFromBytes } from '../core/site-id.ts';
import type { SiteId } from '../core/site-id.ts';
import { steadyClock } from '../core/steady-clock.ts';
import type { RangeSet } from '../core/range-set.ts';
import { emptyRangeSet } from '../core/range-set.ts';
import { msUntilTick } from '../session/heartbeat.ts';
import type { Committed } from '../session/live-feed.ts';
import { passedWindow, stateAfterPass } from '../session/live-feed.ts';
import { newSession } from '../session/new-session.ts';
import type { SessionEffect, SessionEvent } from '../session/session-event.ts';
import type { SessionState } from '../session/session-state.ts';
import { step } from '../session/step.ts';
import { unsettledRanges } from '../session/upload.ts';
import { CLOSE_LOST } from '../transport/close-code.ts';
import type { FramePort } from '../transport/frame-port.ts';
import type { LinkMode, Message } from '../wire/message.ts';
import { isDataMessage } from '../wire/message.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import { EchoWatch } from './echo-watch.ts';
import { applyInput } from './link-input.ts';
import type { HostedLink, LinkHost } from './link-host.ts';
import { findImage } from './link-image.ts';
import { gapsIn, readOwn, readPiece, serveWant } from './link-reads.ts';
import { termsOf } from './link-terms.ts';
import { LinkWire } from './link-wire.ts';
import { checkOwn, noteVouching, peerKnown, recordAck } from './peer-facts.ts';
import type { AttachOptions, Link, Traffic } from './replica-port.ts';
import { SyncWaiters } from './sync-waiters.ts';
import { WaitingFrames } from './waiting-frames.ts';

/** A link with more unsent ends without a word when memory is short: it would be kept until the word is sent. */
const TOLD_BYTES_MAX = 16 << 10;

export class SessionLink implements Link, HostedLink {
  readonly host: LinkHost;
  readonly options: AttachOptions;
  readonly #port: FramePort;
  readonly #wire: LinkWire;
  readonly #echo: EchoWatch;
  readonly #waiters = new SyncWaiters();
  readonly #events: SessionEvent[] = [];
  readonly #now: () => number;
  #state: SessionState;
  #running = false;
  readonly #frames: WaitingFrames;
  #waitingBytes = 0;
  /** What the budget heard of last. */
  #notedBytes = 0;
  #overrun = false;
  /** The connection is no more. */
  #isGone = false;
  #begun = false;
  #lacking = 0;
  #stopTimer: () => void = () => {};

  constructor(host: LinkHost, port: FramePort, options: AttachOptions) {
    this.host = host;
    this.options = options;
    this.#port = port;
    this.#frames = new WaitingFrames(host.limits);
    // A client asks for the peer's database by the peer's name for it.
    const local = options.role === 'client' ? { ...host.facts(), dbid: options.dbid } : host.facts();
    const session = hexFromBytes(host.runtime.randomBytes(16));
    const start = { terms: termsOf(options), local, limits: host.limits, session };
    this.#now = steadyClock(host.now);
    this.#state = newSession(start, this.#now());
    this.#echo = new EchoWatch(local.site);
    this.#wire = new LinkWire(port, host.codec, host.limits, this.#echo);
    port.listen({
      onFrame: (frame) => this.#queueFrame(frame),
      onDrain: () => host.post(() => this.handle({ type: 'drained' })),
      onClose: (code, reason) => {
        this.#isGone = true;
        this.#noteHeld();
        host.post(() => this.handle({ type: 'port-closed', code, reason }));
      },
    });
    host.post(() => this.#begin());
  }

  get state(): Link['state'] {
    const { phase } = this.#state;
    return phase === 'greeting' ? 'opening' : phase;
  }

  get peer(): SiteId | undefined {
    return this.#state.peer?.site;
  }

  get session(): SessionState {
    return this.#state;
  }

  get mode(): LinkMode {
    return this.#state.mode;
  }

  get traffic(): Traffic {
    return this.#wire.traffic;
  }

  get live(): boolean {
    const { feed, intake } = this.#state;
    const fed = feed.state === 'off' || feed.state === 'live';
    return this.state === 'open' && fed && (intake.state === 'off' || intake.live);
  }

  get lag(): number {
    return this.#state.feed.state === 'off' ? 0 : this.host.store.storedMax - this.#state.feed.at;
  }

  get unacknowledged(): RangeSet {
    return this.#state.peer === undefined ? emptyRangeSet : unsettledRanges(this.#state.upload);
  }

  /** P4: the peer gave us exactly this part in this session; of others' parts a leaf does so in a vouched refill only. */
  hasDelivered(blob: PartBlob): boolean {
    if (this.#echo.isSilent) return false;
    const { intake } = this.#state;
    const refills = this.options.role === 'server' && (intake.vouched || intake.cursor !== undefined);
    return (this.mode === 'peer' || refills) && this.#echo.hasDelivered(blob);
  }

  get lacking(): number {
    return this.#lacking;
  }

  synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.host.post(() => {
        if (this.#state.phase === 'closed') return reject(new ReplicationError('LINK_LOST', 'the link has ended'));
        try {
          this.host.flush();
          this.#waiters.add({ announced: this.host.store.announced, ask: this.#state.asks.next, resolve, reject });
        } catch (error) {
          return reject(codedError(error));
        }
        this.handle({ type: 'ask' });
      });
    });
  }

  sendEphemeral(bytes: Uint8Array): void {
    this.host.post(() => this.handle({ type: 'ephemeral', bytes }));
  }

  close(code: ErrorCode = 'CLOSED'): void {
    const error = new ReplicationError(code, 'this side has closed the link');
    this.host.post(() => this.handle({ type: 'end', error }));
  }

  /** At once, since the loop may stand still: nothing more is taken from the connection. */
  overrun(why = 'of all links it holds most, and together they hold too much'): void {
    if (this.#overrun) return;
    this.#overrun = true;
    const error = beyondBounds(why);
    // Who does not read is not told: what it has not taken goes with the connection.
    this.#port.close(this.unsentBytes > TOLD_BYTES_MAX ? CLOSE_LOST : error.close, error.code);
    this.#frames.drop();
    this.#wire.drop();
    this.host.post(() => this.handle({ type: 'end', error }));
  }

  /** Once it has ended, what its connection is still sending. */
  get heldBytes(): number {
    if (this.#overrun || this.#isGone) return 0;
    if (this.#state.phase === 'closed') return this.unsentBytes;
    return this.#frames.bytes + this.#waitingBytes + this.#wire.heldBytes;
  }

  noteWaiting(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#noteHeld();
  }

  get unsentBytes(): number {
    return this.#port.bufferedBytes;
  }

  /** True when no other waits. Called by the loop: undecoded frames are bounded by credit, decoded ones by what the inbox holds. */
  takeFrame(): boolean {
    const frame = this.#begun ? this.#frames.take() : undefined;
    if (frame === undefined) return true;
    this.#takeFrame(frame);
    this.#noteHeld();
    return this.#frames.size === 0;
  }

  /** Mostly a live link passes a commit on as it is, and then no more is to be done for it. */
  takeCommit(commit: Committed): void {
    const window = this.#running || this.host.budget.isTight ? undefined : passedWindow(this.#state, commit);
    if (window === undefined) return this.handle(commit);
    try {
      const bytes = this.#wire.send(window, true);
      const { unsentBytes } = this.#wire;
      const blocked = this.#wire.isBlockedAt(unsentBytes);
      this.#state = stateAfterPass(this.#state, commit, { bytes, blocked, now: this.#now() });
      if (unsentBytes > 0 || this.#notedBytes > 0) this.#noteHeld();
      this.options.onProgress?.();
    } catch (error) {
      this.handle({ type: 'end', error: codedError(error) });
    }
  }

  /** Runs one event to the end, its effects and the events they cause included, in order. */
  handle(event: SessionEvent): void {
    this.#events.push(event);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#run(next);
    } finally {
      this.#running = false;
    }
    this.#waiters.check(this.#state.upload);
  }

  #run(event: SessionEvent): void {
    try {
      // A refill that ends goes live in the step of its last piece, which is no live traffic.
      const fedLive = this.#state.feed.state === 'live';
      const { state, effects } = step(this.#state, this.#asRoomAllows(event), this.#now());
      this.#state = state;
      for (const effect of effects) {
        if (state.phase === 'closed' && effect.type === 'send') this.#sayLast(effect.message);
        else this.#perform(effect, fedLive);
      }
    } catch (error) {
      // A fault of one link must not stop the others; the same event is not tried again.
      if (event.type === 'end' || event.type === 'port-closed') throw error;
      this.#events.unshift({ type: 'end', error: codedError(error) });
    }
  }

  /** While memory is short a commit leaves a live link behind: it is read for it when there is room. */
  #asRoomAllows(event: SessionEvent): SessionEvent {
    return event.type === 'committed' && this.host.budget.isTight ? { ...event, parts: undefined } : event;
  }

  #noteHeld(): void {
    this.#notedBytes = this.host.budget.note(this);
  }

  #begin(): void {
    this.#begun = true;
    if (this.#frames.size > 0) this.host.framesWait(this);
    if (this.options.role === 'server') {
      this.handle({ type: 'message', message: this.options.hello, bytes: 0 });
    } else this.handle({ type: 'start' });
    this.#armTimer();
  }

  #armTimer(): void {
    if (this.#state.phase === 'closed') return;
    const ms = msUntilTick(this.#state, this.#now());
    this.#stopTimer = this.host.runtime.setTimer(ms, () =>
      this.host.post(() => {
        this.handle({ type: 'tick', framesWait: this.#frames.size > 0 });
        this.#armTimer();
      }),
    );
  }

  #queueFrame(frame: Uint8Array): void {
    if (this.#overrun) return;
    if (!this.#frames.add(frame))
      return this.overrun(`it sent ${this.#frames.bytes} bytes that wait, more than its credit`);
    this.#noteHeld();
    this.host.framesWait(this);
  }

  #takeFrame(frame: Uint8Array): void {
    if (this.#state.phase === 'closed') return;
    try {
      const received = this.#wire.receive(frame);
      if (received === undefined) return;
      this.handle({ type: 'message', ...received });
      if (isDataMessage(received.message)) this.options.onProgress?.();
    } catch (error) {
      this.handle({ type: 'end', error: codedError(error) });
    }
  }

  #perform(effect: SessionEffect, fedLive: boolean): void {
    const { host, options } = this;
    switch (effect.type) {
      case 'send':
        return this.#send(effect.message, fedLive);
      case 'look-up-peer':
        return this.#lookUpPeer(effect.site, effect.sites);
      case 'find-base':
        return this.#read(() => {
          const { base, lost } = host.store.resume(effect.cursor);
          this.handle({ type: 'base-found', base, lost });
        });
      case 'store-base':
      case 'apply':
        return applyInput(this, effect);
      case 'read-piece':
        return this.#read(() => this.handle(readPiece(this, effect)));
      case 'read-own':
        return this.#read(() => this.handle(readOwn(this, effect.ranges)));
      case 'serve-want':
        return this.#read(() => this.handle(serveWant(this, effect.site, effect.ranges)));
      case 'find-gaps':
        return this.#read(() => this.handle({ type: 'gaps', gaps: gapsIn(host.store, effect.stated) }));
      case 'find-image':
        return findImage(this);
      case 'image-offered':
        return options.role === 'client' ? options.onImage?.(effect.offer) : undefined;
      case 'record-ack':
        return recordAck(this, effect.ack, effect.replace);
      case 'rejected': {
        const { ranges, code, message } = effect.refusal;
        return options.onRejected?.({ site: effect.site, ranges, code, message });
      }
      case 'vouching':
        this.#lacking = noteVouching(this, this.#port.description, effect.gaps, effect.taken);
        return undefined;
      case 'opened':
        host.opened(this);
        return this.peer === undefined ? undefined : options.onOpen?.({ site: this.peer, mode: this.mode });
      case 'live':
        return options.onLive?.();
      case 'asked':
        return undefined;
      case 'answered':
        return this.#waiters.answered(effect.ask);
      case 'ephemeral':
        return options.onEphemeral?.(effect.bytes);
      case 'check-own':
        return checkOwn(this, effect.held);
      case 'identity-lost':
        return host.identityLost(this, effect.alarm, effect.error);
      case 'alarm':
        return host.log.error({ code: effect.code, peer: this.peer, link: this.#port.description }, effect.message);
      case 'ended':
        return this.#end(effect.error, effect.retryAfterMs);
      default:
        return assertNever(effect);
    }
  }

  /** A last word that cannot be said must not keep the end from being told. */
  #sayLast(message: Message): void {
    try {
      this.#wire.send(message, false);
    } catch (error) {
      this.host.log.debug({ err: error, peer: this.peer }, `the peer is not told why: ${codedError(error).message}`);
    }
  }

  #send(message: Message, live: boolean): void {
    const bytes = this.#wire.send(message, live);
    this.#noteHeld();
    if (!isDataMessage(message)) return this.#endIfOverfull();
    // At once, not queued: the next effect of the same step must see the credit that is left.
    this.#state = step(this.#state, { type: 'sent', bytes, blocked: this.#wire.blocked }, this.#now()).state;
    this.options.onProgress?.();
  }

  #read(job: () => void): void {
    if (!this.host.read(this, job))
      this.handle({ type: 'end', error: beyondBounds('its questions wait for a read each') });
  }

  #endIfOverfull(): void {
    if (this.#wire.overfull)
      this.handle({ type: 'end', error: beyondBounds('it goes on asking and reads no answers') });
  }

  #lookUpPeer(site: SiteId, sites: readonly SiteId[]): void {
    const refusal = this.options.role === 'client' ? this.host.refusal(this) : undefined;
    this.handle(refusal === undefined ? peerKnown(this, site, sites) : { type: 'end', error: refusal });
  }

  #end(error: ReplicationError, retryAfterMs: number | undefined): void {
    this.#stopTimer();
    this.#port.close(error.close, error.code);
    this.#waiters.fail(error);
    this.#noteHeld();
    this.host.log[error.level]({ code: error.code, link: this.#port.description, peer: this.peer }, error.message);
    this.host.ended(this);
    this.options.onEnd?.(error, retryAfterMs);
  }
}

function beyondBounds(why: string): ReplicationError {
  return new ReplicationError('LIMIT_EXCEEDED', `the peer goes beyond its bounds: ${why}`);
}
