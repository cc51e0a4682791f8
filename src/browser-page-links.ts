/** The links of a page: their handles by number, what another owner is told of them, and what an owner asks for one. */
import type { PagePortSource } from './browser-calls.ts';
import { wireTargetOf } from './browser-calls.ts';
import { PageLink } from './browser-link.ts';
import type { ClientMessage, LinkAsk, OwnerMessage } from './browser-messages.ts';
import { wireError } from './browser-messages.ts';
import type { PageCalls } from './browser-page-calls.ts';
import type { BrowserSyncOptions } from './browser-replica.ts';
import { codedError, ReplicationError } from './core/errors.ts';

export interface PageLinksParts {
  readonly calls: PageCalls;
  readonly post: (message: ClientMessage) => void;
  /** Carries a port for the owner, under the number that is returned. */
  readonly carry: (port: MessagePort) => number;
  /** As the handles ask for it: fails when the database is closed. */
  readonly synced: (link: number) => Promise<void>;
}

interface Joined {
  readonly link: PageLink;
  readonly token: BrowserSyncOptions['token'];
  readonly source: PagePortSource | undefined;
}

export class PageLinks {
  readonly #parts: PageLinksParts;
  readonly #links = new Map<number, Joined>();
  /** Counts the owners: what an earlier one asked is of no use to the next. */
  #owners = 0;

  constructor(parts: PageLinksParts) {
    this.#parts = parts;
  }

  get statuses(): PageLink['status'][] {
    return [...this.#links.values()].map(({ link }) => link.status);
  }

  add(address: string | PagePortSource, options: BrowserSyncOptions): PageLink {
    const { calls, post, synced } = this.#parts;
    const number = calls.number();
    const link = new PageLink({
      target: wireTargetOf(address, options),
      synced: () => synced(number),
      turn: (type) => calls.ask({ type, link: number }),
      closed: () => {
        this.#links.delete(number);
        post({ type: 'close-link', link: number });
      },
      sendEphemeral: (bytes) => post({ type: 'ephemeral', link: number, bytes }),
      report: reportError,
    });
    const source = typeof address === 'function' ? address : undefined;
    this.#links.set(number, { link, token: options.token, source });
    this.#join(number, link);
    return link;
  }

  receive({ link, name, event }: Extract<OwnerMessage, { type: 'link' }>): void {
    this.#links.get(link)?.link.receive(name, event);
  }

  /** Of another owner, which knows nothing of them. */
  askAgain(): void {
    this.#owners += 1;
    for (const [number, { link }] of this.#links) this.#join(number, link);
  }

  closeAll(): void {
    for (const { link } of this.#links.values()) link.close();
  }

  /** There is no owner any more, and none comes. */
  giveUp(error: ReplicationError): void {
    for (const { link } of this.#links.values()) link.fail(error);
    this.#links.clear();
  }

  async tellToken({ ask, link }: LinkAsk): Promise<void> {
    const owner = this.#owners;
    const source = this.#links.get(link)?.token;
    try {
      const token = typeof source === 'function' ? await source() : (source ?? '');
      this.#answer(owner, { type: 'token', ask, link, token });
    } catch (error) {
      this.#answer(owner, { type: 'token', ask, link, error: wireError(error) });
    }
  }

  async givePort({ ask, link }: LinkAsk): Promise<void> {
    const owner = this.#owners;
    try {
      const port = await this.#links.get(link)?.source?.();
      if (port === undefined) throw new ReplicationError('CLOSED', 'this link is closed: call db.sync for another one');
      if (owner !== this.#owners) return port.close();
      this.#answer(owner, { type: 'port', ask, link, carry: this.#parts.carry(port) });
    } catch (error) {
      this.#answer(owner, { type: 'port', ask, link, error: wireError(error) });
    }
  }

  /** The next owner asks by itself: under the number that an earlier one gave, it asked something else. */
  #answer(owner: number, message: ClientMessage): void {
    if (owner === this.#owners) this.#parts.post(message);
  }

  #join(number: number, link: PageLink): void {
    const { target, isPaused: paused } = link;
    const joined = this.#parts.calls.ask<void>({ type: 'sync', link: number, target, paused });
    joined.catch((error: unknown) => {
      if (this.#links.delete(number)) link.fail(codedError(error));
    });
  }
}
