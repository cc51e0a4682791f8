/**
 * The page's side of a service worker that is a peer (crmesh/service-worker): the page whose worker holds the database
 * sends a port, and another one when that has ended, which also wakes a service worker that was stopped.
 */
import type { ServiceWorkerMessage } from './service-worker-events.ts';
import { randomId } from './transport/random-id.ts';

/** First and longest wait before another port is sent. */
const AGAIN_FIRST_MS = 1_000;
const AGAIN_MAX_MS = 30_000;
/** A port that lived so long ended well: the next wait is the first again. */
const LIVED_MS = 10_000;

/** Serves one end of a channel; `onEnd` is called once it has ended. */
export type AcceptUntil = (port: MessagePort, onEnd: () => void) => Promise<void>;

export class ServiceWorkerOffers {
  readonly #name: string;
  readonly #accept: AcceptUntil;
  readonly #workers: ServiceWorkerContainer;
  readonly #onMessage = (event: MessageEvent): void => this.#heard(event.data as Partial<ServiceWorkerMessage>);
  readonly #lock: string = `crmesh port ${randomId()}`;
  #locked: Promise<void> | undefined;
  #unlock = (): void => undefined;
  #owner = false;
  #offer = 0;
  #againMs = AGAIN_FIRST_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(name: string, accept: AcceptUntil, workers: ServiceWorkerContainer) {
    this.#name = name;
    this.#accept = accept;
    this.#workers = workers;
    workers.addEventListener('message', this.#onMessage);
    workers.startMessages();
  }

  /** This page's worker holds the database, or no longer. */
  setOwner(owner: boolean): void {
    this.#owner = owner;
    if (owner) void this.#send();
    else this.#withdraw();
  }

  close(): void {
    this.setOwner(false);
    this.#workers.removeEventListener('message', this.#onMessage);
  }

  #withdraw(): void {
    this.#offer += 1;
    clearTimeout(this.#timer);
    this.#locked = undefined;
    this.#unlock();
  }

  /** Tells the service worker that this page lives; the browser lets it go with the page, however that ends. */
  #holdLock(): Promise<void> {
    const released = new Promise<void>((unlock) => {
      this.#unlock = unlock;
    });
    return new Promise((resolve) => {
      const held = navigator.locks.request(this.#lock, () => {
        resolve();
        return released;
      });
      held.catch(() => resolve());
    });
  }

  #heard({ crmesh, name }: Partial<ServiceWorkerMessage>): void {
    if (crmesh === 'no-port' && name === this.#name && this.#owner) void this.#send();
  }

  async #send(): Promise<void> {
    clearTimeout(this.#timer);
    const offer = ++this.#offer;
    this.#locked ??= this.#holdLock();
    const [{ active }] = await Promise.all([this.#workers.ready, this.#locked]);
    if (offer !== this.#offer || active === null) return;
    const { port1, port2 } = new MessageChannel();
    const since = Date.now();
    const ended = (): void => {
      if (offer !== this.#offer || !this.#owner) return;
      this.#againMs = Date.now() - since > LIVED_MS ? AGAIN_FIRST_MS : Math.min(2 * this.#againMs, AGAIN_MAX_MS);
      this.#timer = setTimeout(() => void this.#send(), this.#againMs);
    };
    const message: ServiceWorkerMessage = { crmesh: 'port', name: this.#name, lock: this.#lock };
    active.postMessage(message, [port2]);
    await this.#accept(port1, ended).catch(ended);
  }
}
