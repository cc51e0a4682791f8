/**
 * Message ports between a page and the owner of its database. A port cannot travel over a BroadcastChannel, so the page
 * keeps it and carries its messages: for the owner a carried port is a MessagePort like any other.
 */
import { ReplicationError } from './core/errors.ts';
import type { MessagePortLike } from './transport/message-port.ts';

/** Says something on one port; undefined = this end is closed. */
export type CarryPost = (carry: number, message: unknown) => void;

type Listener = (event: { readonly data?: unknown }) => void;

/** The page's half: real ports by number. */
export class PagePorts {
  readonly #post: CarryPost;
  readonly #ports = new Map<number, { readonly port: MessagePort; readonly onEnd: () => void }>();

  constructor(post: CarryPost) {
    this.#post = post;
  }

  /** Errors  USAGE for what is no MessagePort. */
  carry(number: number, port: MessagePort, onEnd: () => void = () => undefined): void {
    if (!(port instanceof MessagePort)) throw new ReplicationError('USAGE', 'give one end of a MessageChannel');
    this.#ports.set(number, { port, onEnd });
    port.addEventListener('message', ({ data }) => {
      if (this.#ports.has(number)) this.#post(number, data);
    });
    port.addEventListener('close', () => {
      if (this.#end(number)) this.#post(number, undefined);
    });
    port.start();
  }

  receive(number: number, message: unknown): void {
    if (message === undefined) this.#end(number);
    else this.#ports.get(number)?.port.postMessage(message);
  }

  /** The owner has gone, or the page goes. */
  endAll(): void {
    for (const number of this.#ports.keys()) this.#end(number);
  }

  #end(number: number): boolean {
    const carried = this.#ports.get(number);
    if (carried === undefined) return false;
    this.#ports.delete(number);
    carried.port.close();
    carried.onEnd();
    return true;
  }
}

/** The owner's half, for one page. */
export class CarriedPorts {
  readonly #post: CarryPost;
  readonly #ports = new Map<number, CarriedPort>();

  constructor(post: CarryPost) {
    this.#post = post;
  }

  open(number: number): MessagePortLike {
    const port = new CarriedPort((message) => this.#post(number, message));
    this.#ports.set(number, port);
    return port;
  }

  receive(number: number, message: unknown): void {
    if (message !== undefined) return this.#ports.get(number)?.tell('message', message);
    this.#ports.get(number)?.tell('close', undefined);
    this.#ports.delete(number);
  }

  endAll(): void {
    for (const port of this.#ports.values()) port.tell('close', undefined);
    this.#ports.clear();
  }
}

class CarriedPort implements MessagePortLike {
  readonly #post: (message: unknown) => void;
  readonly #listeners = new Map<string, Listener>();
  #closed = false;

  constructor(post: (message: unknown) => void) {
    this.#post = post;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
  }

  postMessage(message: unknown): void {
    if (!this.#closed) this.#post(message);
  }

  close(): void {
    this.postMessage(undefined);
    this.#closed = true;
  }

  tell(type: 'message' | 'close', data: unknown): void {
    this.#listeners.get(type)?.({ data });
  }
}
