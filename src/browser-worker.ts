/**
 * The worker of one page, which can be let go and started again: a page that stands still, frozen by the browser or
 * kept for its back button, would keep the lock and the files of the database from the tabs that go on.
 */
import type { Channel, ClientMessage, OwnerMessage } from './browser-messages.ts';
import { channelOver } from './browser-messages.ts';
import type { TabOptions } from './browser-tab.ts';

export interface PageWorkerParts {
  readonly start: () => Worker;
  readonly options: TabOptions;
  /** Hears what the worker threw, or why it did not start. */
  readonly onFailure: (message: string) => void;
}

type PageConversation = Channel<OwnerMessage, ClientMessage>;

interface Running {
  readonly worker: Worker;
  readonly channel: PageConversation;
}

export class PageWorker implements PageConversation {
  readonly #parts: PageWorkerParts;
  #listeners: Parameters<PageConversation['listen']> = [() => undefined];
  #running: Running | undefined;

  constructor(parts: PageWorkerParts) {
    this.#parts = parts;
  }

  /** Without a worker nothing is sent: the next one is told everything anew. */
  post(message: ClientMessage): void {
    this.#running?.channel.post(message);
  }

  listen(...listeners: Parameters<PageConversation['listen']>): void {
    this.#listeners = listeners;
    this.#running?.channel.listen(...listeners);
  }

  close(): void {
    this.#running?.channel.close();
  }

  /** Nothing where one runs. */
  start(): void {
    if (this.#running !== undefined) return;
    const { start, onFailure } = this.#parts;
    try {
      this.#run(start());
    } catch (error) {
      onFailure(error instanceof Error ? error.message : String(error));
    }
  }

  /** What it held is free for others when this returns, or soon after; what it said until now and was not heard is lost. */
  stop(): void {
    this.#running?.channel.close();
    this.#running?.worker.terminate();
    this.#running = undefined;
  }

  #run(worker: Worker): void {
    const { options, onFailure } = this.#parts;
    const channel = channelOver<OwnerMessage, ClientMessage>(worker, { report: reportError });
    this.#running = { worker, channel };
    channel.listen(...this.#listeners);
    worker.addEventListener('error', ({ message }) => {
      if (this.#running?.worker === worker) onFailure(message);
    });
    worker.postMessage({ open: options });
  }
}

export interface PageLife {
  /** The page is about to stand still: only what happens before this returns is sure to happen. */
  readonly onRest: () => void;
  readonly onWake: () => void;
}

/** Tells when this page stands still and when it goes on; the returned function ends that. Nothing in a worker. */
export function watchPageLife({ onRest, onWake }: PageLife): () => void {
  if (typeof document === 'undefined') return () => undefined;
  const ended = new AbortController();
  const { signal } = ended;
  const onShow = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) onWake();
  };
  document.addEventListener('resume', onWake, { signal });
  globalThis.addEventListener('pageshow', onShow, { signal });
  // Where there is a freeze event it comes also after pagehide, when the app has written its last.
  if ('onfreeze' in document) {
    document.addEventListener('freeze', onRest, { signal });
  } else {
    const onHide = ({ persisted }: PageTransitionEvent): void => {
      if (persisted) onRest();
    };
    globalThis.addEventListener('pagehide', onHide, { signal });
  }
  return () => ended.abort();
}
