/**
 * The tabs of an origin that gather on a BroadcastChannel, and the frame ports between each two of them: no server.
 *
 * Everybody hears everything on such a channel, so each message names its sender and, but for greetings, its receiver
 * and their pair; what is for others is ignored. A member greets when it comes and goes on saying that it is here: one
 * that says goodbye, or nothing for limits.silenceMs, is gone, and so are its ports.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Runtime } from '../core/runtime.ts';
import { hexFromBytes } from '../core/site-id.ts';
import { steadyClock } from '../core/steady-clock.ts';
import { CLOSE_LOST } from './close-code.ts';
import type { FramePort } from './frame-port.ts';
import type { Posted } from './posted-port.ts';
import { PostedPort } from './posted-port.ts';

export interface GatheringListener {
  /** Somebody is here; the one of the smaller id dials. */
  onMember(member: string): void;
  onGone(member: string): void;
  /** A member has dialled. */
  onPort(port: FramePort, member: string): void;
}

export interface GatheringOptions {
  readonly channel: BroadcastChannel;
  readonly runtime: Pick<Runtime, 'now' | 'setTimer' | 'randomBytes'>;
  readonly limits: Pick<
    Limits,
    'frameBytesMax' | 'bufferedBytesMax' | 'inboxMessagesMax' | 'beatMs' | 'silenceMs' | 'linksMax'
  >;
}

/** The channel of a room. Errors  USAGE where the platform has none. */
export function channelOf(room: string): BroadcastChannel {
  if (typeof BroadcastChannel === 'function') return new BroadcastChannel(`crmesh room ${room}`);
  throw new ReplicationError('USAGE', 'this platform has no BroadcastChannel: sync through a relay');
}

type Kind = 'here' | 'bye' | 'open' | 'post' | 'unknown';

interface Envelope {
  readonly kind: Kind;
  readonly from: string;
  readonly to?: string;
  readonly pair?: string;
  readonly message?: Posted;
}

interface Pair {
  readonly port: PostedPort;
  readonly member: string;
}

export class Gathering {
  /** Random: each opening of a tab is another member. */
  readonly id: string;
  readonly #options: GatheringOptions;
  readonly #listener: GatheringListener;
  readonly #now: () => number;
  readonly #heardAt = new Map<string, number>();
  readonly #pairs = new Map<string, Pair>();
  #stopTimer: () => void = () => undefined;
  #closed = false;

  constructor(options: GatheringOptions, listener: GatheringListener) {
    this.#options = options;
    this.#listener = listener;
    this.#now = steadyClock(() => options.runtime.now());
    this.id = hexFromBytes(options.runtime.randomBytes(16));
    options.channel.addEventListener('message', ({ data }) => this.#heard(data));
    this.#beat();
  }

  /** A new connection to a member. */
  dial(member: string): FramePort {
    const pair = hexFromBytes(this.#options.runtime.randomBytes(16));
    this.#post({ kind: 'open', from: this.id, to: member, pair });
    return this.#joined(pair, member);
  }

  /** Says goodbye; every port ends. Idempotent. */
  close(): void {
    if (this.#closed) return;
    for (const { port } of this.#pairs.values()) port.close(1001, 'CLOSED');
    this.#post({ kind: 'bye', from: this.id });
    this.#closed = true;
    this.#stopTimer();
    this.#options.channel.close();
  }

  #beat(): void {
    const { runtime, limits } = this.#options;
    this.#post({ kind: 'here', from: this.id });
    const silentSince = this.#now() - limits.silenceMs;
    for (const [member, at] of this.#heardAt) if (at < silentSince) this.#gone(member, 'nothing was heard of it');
    if (!this.#closed) this.#stopTimer = runtime.setTimer(limits.beatMs, () => this.#beat());
  }

  #heard(data: unknown): void {
    const envelope = envelopeFrom(data);
    if (this.#closed || envelope === undefined || envelope.from === this.id) return;
    const { kind, from, to, pair, message } = envelope;
    if (to !== undefined && to !== this.id) return;
    if (kind === 'bye') return this.#gone(from, 'it said goodbye');
    if (!this.#welcomed(from)) return;
    const known = pair === undefined ? undefined : this.#pairs.get(pair);
    if (kind === 'open' && pair !== undefined && known === undefined) {
      this.#listener.onPort(this.#joined(pair, from), from);
    }
    if (known?.member === from && kind === 'unknown') known.port.lost('the other end has forgotten it');
    if (kind !== 'post' || pair === undefined) return;
    if (known?.member === from) known.port.receive(message);
    else if (Object.hasOwn(Object(message) as object, 'frame')) {
      this.#post({ kind: 'unknown', from: this.id, to: from, pair });
    }
  }

  /** False where there are too many. A member that is new may not have heard our greeting. */
  #welcomed(member: string): boolean {
    const { limits } = this.#options;
    const isNew = !this.#heardAt.has(member);
    if (isNew && this.#heardAt.size >= limits.linksMax) return false;
    this.#heardAt.set(member, this.#now());
    if (!isNew) return true;
    this.#post({ kind: 'here', from: this.id, to: member });
    this.#listener.onMember(member);
    return true;
  }

  #gone(member: string, reason: string): void {
    if (!this.#heardAt.delete(member)) return;
    for (const pair of [...this.#pairs.values()]) if (pair.member === member) pair.port.lost(reason);
    this.#listener.onGone(member);
  }

  #joined(pair: string, member: string): PostedPort {
    const port = new PostedPort(
      {
        description: `broadcast ${member.slice(0, 8)}`,
        post: (message) => this.#post({ kind: 'post', from: this.id, to: member, pair, message }),
        release: () => void this.#pairs.delete(pair),
      },
      this.#options.limits,
    );
    this.#pairs.set(pair, { port, member });
    return port;
  }

  #post(envelope: Envelope): void {
    if (this.#closed) return;
    try {
      this.#options.channel.postMessage(envelope);
    } catch {
      // The channel was closed under us, as it is when its page goes: nobody hears anything any more.
      this.#closed = true;
      this.#stopTimer();
      for (const { port } of [...this.#pairs.values()]) port.close(CLOSE_LOST, 'the channel is closed');
    }
  }
}

/** Anything of this origin may speak on the channel. */
function envelopeFrom(data: unknown): Envelope | undefined {
  const { kind, from, to, pair } = Object(data) as Partial<Record<keyof Envelope, unknown>>;
  const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';
  return typeof kind === 'string' && typeof from === 'string' && isText(to) && isText(pair)
    ? (data as Envelope)
    : undefined;
}
