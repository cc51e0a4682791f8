/** The live queries of a page: the owner of the database runs them, and another owner runs them again. */
import type { ClientMessage, Statement } from './browser-messages.ts';
import type { ReplicationError } from './core/errors.ts';
import type { Row } from './replica/user-statements.ts';

export interface PageWatch {
  readonly statement: Statement;
  readonly callback: (rows: Row[]) => void;
  readonly onError: (error: unknown) => void;
}

export class PageWatches {
  readonly #post: (message: ClientMessage) => void;
  readonly #watches = new Map<number, PageWatch>();

  constructor(post: (message: ClientMessage) => void) {
    this.#post = post;
  }

  /** The returned function ends it. */
  add(watch: number, parts: PageWatch): () => void {
    this.#watches.set(watch, parts);
    this.#post({ type: 'watch', watch, statement: parts.statement });
    return () => {
      if (this.#watches.delete(watch)) this.#post({ type: 'unwatch', watch });
    };
  }

  /** Of another owner, which knows nothing of them. */
  askAgain(): void {
    for (const [watch, { statement }] of this.#watches) this.#post({ type: 'watch', watch, statement });
  }

  rows(watch: number, rows: Row[]): void {
    const { callback, onError } = this.#watches.get(watch) ?? {};
    try {
      callback?.(rows);
    } catch (error) {
      onError?.(error);
    }
  }

  failed(watch: number, error: ReplicationError): void {
    this.#watches.get(watch)?.onError(error);
  }

  /** There is no owner any more, and none comes: each hears why, whatever another one throws at it. */
  giveUp(error: ReplicationError): void {
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const { onError } of watches) {
      try {
        onError(error);
      } catch (thrown) {
        reportError(thrown);
      }
    }
  }
}
