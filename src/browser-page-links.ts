/** The links of a page: their handles by number, what another owner is told of them, and what an owner asks for one. */
import type { PagePortSource } from './browser-calls.ts';
import { wireTargetOf } from './browser-calls.ts';
import { PageLink } from './browser-link.ts';
import type { ClientMessage, OwnerMessage } from './browser-messages.ts';
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
      send: (type) => {
        if (type === 'close-link') this.#links.delete(number);
        post({ type, link: number });
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

  async tellToken(ask: number, number: number): Promise<void> {
    const { post } = this.#parts;
    const token = this.#links.get(number)?.token;
    try {
      post({ type: 'token', ask, token: typeof token === 'function' ? await token() : (token ?? '') });
    } catch (error) {
      post({ type: 'token', ask, error: wireError(error) });
    }
  }

  async givePort(ask: number, number: number): Promise<void> {
    const { post, carry } = this.#parts;
    try {
      const port = await this.#links.get(number)?.source?.();
      if (port === undefined) throw new ReplicationError('CLOSED', 'this link is closed: call db.sync for another one');
      post({ type: 'port', ask, carry: carry(port) });
    } catch (error) {
      post({ type: 'port', ask, error: wireError(error) });
    }
  }

  #join(number: number, link: PageLink): void {
    const paused = link.status.state === 'paused';
    const joined = this.#parts.calls.ask<void>({ type: 'sync', link: number, target: link.target, paused });
    joined.catch((error: unknown) => {
      if (this.#links.delete(number)) link.fail(codedError(error));
    });
  }
}
