/** The calls of a page that are under way, by number; another owner is asked again what may be asked twice. */
import type { Unnumbered } from './browser-calls.ts';
import { isRepeatable, isWhole, ownerLost } from './browser-calls.ts';
import type { ClientMessage } from './browser-messages.ts';
import type { ReplicationError } from './core/errors.ts';

export interface PageCall {
  readonly message: ClientMessage;
  /** False for one that nobody can have heard. */
  readonly sent: boolean;
  readonly resolve: (value: never) => void;
  readonly reject: (error: ReplicationError) => void;
}

export class PageCalls {
  readonly #post: (message: ClientMessage) => void;
  readonly #calls = new Map<number, PageCall>();
  #last = 0;
  #holding = false;

  constructor(post: (message: ClientMessage) => void) {
    this.#post = post;
  }

  /** One that nothing else of this page has. */
  number(): number {
    this.#last += 1;
    return this.#last;
  }

  ask<T>(message: Unnumbered): Promise<T> {
    const numbered = { ...message, id: this.number() } as ClientMessage & { readonly id: number };
    return new Promise((resolve, reject) => {
      const sent = !this.#holding;
      this.#calls.set(numbered.id, { message: numbered, sent, resolve, reject });
      if (sent) this.#post(numbered);
    });
  }

  /** There is no owner for a while: what is asked until takeAll() is not sent. */
  hold(): void {
    this.#holding = true;
  }

  /** The call that is answered now; undefined for one that is no longer waited for. */
  settle(id: number): PageCall | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  /** Nobody answers them any more. */
  takeAll(): PageCall[] {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#holding = false;
    return calls;
  }

  /** Of another owner, which knows nothing of what was asked before. */
  askAgain({ message, sent, resolve, reject }: PageCall): void {
    if (message.type === 'sync' || message.type === 'meet') return;
    if (sent ? !isRepeatable(message) : !isWhole(message)) {
      this.#takeBack(message);
      return reject(ownerLost());
    }
    this.ask(message as unknown as Unnumbered).then(resolve as (value: unknown) => void, reject);
  }

  fail(error: ReplicationError): void {
    for (const { reject } of this.takeAll()) reject(error);
  }

  /** The new owner may have heard it before this page knew of the new owner: nobody would end what it began. */
  #takeBack(message: ClientMessage): void {
    if (message.type === 'begin') this.ask({ type: 'end', tx: message.tx, commit: false }).catch(() => undefined);
    if (message.type === 'accept') this.#post({ type: 'carry', carry: message.carry, message: undefined });
  }
}
