/**
 * Changes as server-sent events: every event is one page, its id the cursor behind it.
 *
 * A page is read when the reader takes the one before: a slow reader costs a cursor, not a queue.
 */
import type { Cursor } from '../core/cursor.ts';
import { cursorToText } from '../core/cursor.ts';
import type { Runtime } from '../core/runtime.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';
import { sseCommentText, sseEventText } from '../transport/sse.ts';
import type { StoreOrderAnswer } from '../wire/bodies.ts';
import type { PageOptions } from './change-pages.ts';
import { resumes, storeOrderPage } from './change-pages.ts';

export interface ChangeStreamOptions {
  readonly replica: ReplicaPort;
  readonly since: Cursor | undefined;
  readonly page: PageOptions;
  readonly runtime: Runtime;
  readonly beatMs: number;
  /** Milliseconds since the Unix epoch; the stream ends then. */
  readonly expiresAt: number | undefined;
  readonly textOf: (page: StoreOrderAnswer) => string;
  /** Once, whoever ended it. */
  readonly onEnd: () => void;
}

export class ChangeStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: ChangeStreamOptions;
  readonly #encoder = new TextEncoder();
  readonly #stopListening: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #cursor: Cursor | undefined;
  #stopBeat: () => void = () => undefined;
  #stopExpiry: () => void = () => undefined;
  /** Claims grew, perhaps without a change: the next page is sent even if it is empty. */
  #claimsGrew = false;
  #scheduled = false;
  #ended = false;

  constructor(options: ChangeStreamOptions) {
    const { replica, since, runtime, expiresAt } = options;
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#fill(),
        cancel: () => this.#end(),
      },
      { highWaterMark: 1 },
    );
    this.#cursor = since;
    // A comment at once: the caller knows that it is connected.
    this.#write(`${sseCommentText('crmesh')}${this.#resetText()}`);
    this.#stopListening = replica.onCommit(({ growth }) => {
      this.#claimsGrew ||= growth.size > 0;
      this.#fillLater();
    });
    this.#beatLater();
    if (expiresAt !== undefined) this.#stopExpiry = runtime.setTimer(expiresAt - runtime.now(), () => this.close());
  }

  close(): void {
    if (this.#ended) return;
    this.#end();
    this.#controller?.close();
  }

  /** A cursor that does not resume here is told, and the stream starts from the start. */
  #resetText(): string {
    const { replica } = this.#options;
    if (this.#cursor === undefined || this.#cursor.at === 0 || resumes(replica, this.#cursor)) return '';
    this.#cursor = undefined;
    const { site, era } = replica.store.identity;
    return sseEventText({ event: 'reset', data: JSON.stringify({ site, epoch: era }) });
  }

  /** Outside of the replica's own loop, which is in the middle of a commit when it tells of one. */
  #fillLater(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    this.#options.runtime.defer(() => {
      this.#scheduled = false;
      this.#fill();
    });
  }

  #fill(): void {
    if (this.#ended || (this.#controller?.desiredSize ?? 0) <= 0) return;
    const { replica, page, textOf } = this.#options;
    try {
      const claimsGrew = this.#claimsGrew;
      this.#claimsGrew = false;
      const answer = storeOrderPage(replica, this.#cursor, page);
      this.#cursor = answer.cursor;
      if (answer.to === answer.from && !claimsGrew) return;
      this.#write(sseEventText({ id: cursorToText(answer.cursor), data: textOf(answer) }));
    } catch {
      // The replica is closing; the reader comes back with its cursor.
      this.close();
    }
  }

  #beatLater(): void {
    this.#stopBeat = this.#options.runtime.setTimer(this.#options.beatMs, () => {
      if ((this.#controller?.desiredSize ?? 0) > 0) this.#write(sseCommentText('beat'));
      this.#beatLater();
    });
  }

  #write(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text));
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopBeat();
    this.#stopExpiry();
    this.#stopListening();
    this.#options.onEnd();
  }
}
