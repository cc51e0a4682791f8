/**
 * The links of a shared database: one an address and mode, held by any number of pages, closed with the last of them.
 */
import type { ClientMessage, OwnerMessage, WireTarget } from './browser-messages.ts';
import { errorFromWire, wireError, wireSyncStatus } from './browser-messages.ts';
import type { CarriedPorts } from './browser-ports.ts';
import type { LocalDatabase } from './browser-replica.ts';
import { ReplicationError } from './core/errors.ts';
import type { SyncEventName, SyncEvents } from './replica/sync-events.ts';
import type { SyncLink } from './replica/sync-link.ts';
import type { MessagePortLike } from './transport/message-port.ts';

/** A page, as the links see it. */
interface Holder {
  readonly ports: CarriedPorts;
  post(message: OwnerMessage): void;
}

/** Who is asked how to connect: a link does so from its first moment. */
interface Held {
  readonly holds: Map<Holder, Set<number>>;
  target: WireTarget;
}

interface Shared extends Held {
  readonly link: SyncLink;
}

interface Asked {
  readonly holder: Holder;
  readonly link: number;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

const EVENTS: readonly SyncEventName[] = ['status', 'rejected', 'live', 'error', 'ephemeral', 'progress'];

export class SharedLinks {
  readonly #database: LocalDatabase;
  readonly #changed: () => void;
  readonly #byAddress = new Map<string, Shared>();
  readonly #asked = new Map<number, Asked>();
  #asks = 0;

  constructor(database: LocalDatabase, changed: () => void) {
    this.#database = database;
    this.#changed = changed;
  }

  join(holder: Holder, { link: number, target, paused }: Extract<ClientMessage, { type: 'sync' }>): void {
    const address = `${target.mode ?? 'leaf'} ${target.url}`;
    const known = this.#byAddress.get(address);
    const held = known ?? { holds: new Map<Holder, Set<number>>(), target };
    held.target = target;
    const numbers = held.holds.get(holder) ?? new Set();
    held.holds.set(holder, numbers.add(number));
    const shared = known ?? this.#dial(address, held);
    // A switch that was off stays off when its owner goes.
    if (known === undefined && paused) shared.link.pause();
    tell(holder, number, 'status', shared.link.status);
  }

  /** Undefined for a number that is none: the link was refused, or the handle given up. */
  find(holder: Holder, number: number): SyncLink | undefined {
    for (const { link, holds } of this.#byAddress.values()) if (holds.get(holder)?.has(number) === true) return link;
    return undefined;
  }

  /** Errors  CLOSED for a number that is none. */
  of(holder: Holder, number: number): SyncLink {
    const link = this.find(holder, number);
    if (link !== undefined) return link;
    throw new ReplicationError('CLOSED', 'this link is closed: call db.sync for another one');
  }

  /** One handle, or all of a page that goes. */
  leave(holder: Holder, number?: number): void {
    for (const [address, { link, holds }] of this.#byAddress) {
      const numbers = holds.get(holder);
      if (numbers === undefined) continue;
      if (number === undefined) numbers.clear();
      else numbers.delete(number);
      if (numbers.size > 0) continue;
      holds.delete(holder);
      if (holds.size > 0) continue;
      this.#byAddress.delete(address);
      link.close();
      this.#changed();
    }
    if (number === undefined) this.#forgetAsked(holder);
  }

  /** A page answers what it was asked. What another page, another link or an earlier owner was asked is not taken. */
  answered(holder: Holder, message: Extract<ClientMessage, { type: 'token' | 'port' }>): void {
    const asked = this.#asked.get(message.ask);
    if (asked === undefined || asked.holder !== holder || asked.link !== message.link) return;
    this.#asked.delete(message.ask);
    if (message.error !== undefined) asked.reject(errorFromWire(message.error));
    else if (message.type === 'token') asked.resolve((message.token ?? '') as never);
    else asked.resolve(holder.ports.open(message.carry ?? 0) as never);
  }

  #dial(address: string, held: Held): Shared {
    const { holds, target } = held;
    const token = (): Promise<string> => this.#token(held);
    const needsToken = target.asksToken || target.token !== undefined;
    const port = (): Promise<MessagePortLike> => this.#ask('ask-port', held);
    const link = this.#database.sync(target.asksPort ? port : target.url, {
      ...(target.mode === undefined ? {} : { mode: target.mode }),
      ...(needsToken ? { token } : {}),
    });
    const shared = Object.assign(held, { link });
    this.#byAddress.set(address, shared);
    for (const name of EVENTS) {
      link.on(name, (event) => {
        for (const [holder, numbers] of holds) for (const number of numbers) tell(holder, number, name, event);
        if (name === 'status') this.#changed();
      });
    }
    return shared;
  }

  #token(held: Held): Promise<string> {
    const { asksToken, token } = held.target;
    return asksToken ? this.#ask('ask-token', held) : Promise.resolve(token ?? '');
  }

  /** Errors  UNAVAILABLE when the page that would know is gone. */
  #ask<T>(type: 'ask-token' | 'ask-port', { holds }: Held): Promise<T> {
    // The page that came last: an older one may be about to go.
    const [holder, numbers] = [...holds].at(-1) ?? [];
    const link = numbers === undefined ? undefined : [...numbers].at(-1);
    if (holder === undefined || link === undefined) return Promise.reject(pageGone());
    const ask = ++this.#asks;
    return new Promise((resolve, reject) => {
      this.#asked.set(ask, { holder, link, resolve, reject });
      holder.post({ type, ask, link });
    });
  }

  #forgetAsked(holder: Holder): void {
    for (const [ask, asked] of this.#asked) {
      if (asked.holder !== holder) continue;
      this.#asked.delete(ask);
      asked.reject(pageGone());
    }
  }
}

function pageGone(): ReplicationError {
  return new ReplicationError('UNAVAILABLE', 'the page that knows how to connect was closed');
}

function tell<N extends SyncEventName>(holder: Holder, link: number, name: N, event: SyncEvents[N]): void {
  holder.post({ type: 'link', link, name, event: clonedEvent(name, event) });
}

function clonedEvent<N extends SyncEventName>(name: N, event: SyncEvents[N]): unknown {
  if (name === 'error') return wireError(event);
  if (name === 'status' || name === 'live') return wireSyncStatus(event as SyncEvents['status']);
  return event;
}
