/**
 * How a replica that has nothing yet begins: with an image of the peer's database, or with rows.
 *
 * Belongs to one SyncLink. The link ends its session to take an image, and dials again when that is done; whatever
 * goes wrong for good, the next session asks for rows.
 */
import type { ReplicationError } from '../core/errors.ts';
import { codedError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { ImageOffer } from '../wire/message.ts';

export interface ImageProgress {
  readonly receivedBytes: number;
  /** Of the whole image, compressed. */
  readonly bytes: number;
}

/** What a door does with an offer: fetch, check, and put it in the place of the database. */
export interface ImageTaker {
  /** Whether the database has nothing yet, so that an image may take its place. */
  wants(): boolean;
  /** Errors  IMAGE_REFUSED and other refusals; those with retry 'back-off' may pass, and what was fetched is kept. */
  take(offer: ImageOffer, options: TakeOptions): Promise<void>;
}

export interface TakeOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ImageProgress) => void;
}

/** asked: no answer yet. rows: `why` it is not the image. Nothing of the kind where the database had rows before. */
export interface FirstSyncStatus extends Partial<ImageProgress> {
  readonly by: 'asked' | 'image' | 'rows';
  readonly phase: 'waiting' | 'fetching' | 'done';
  readonly why: string;
}

export class FirstSync {
  readonly #taker: ImageTaker;
  readonly #triesMax: number;
  /** Tries in a row that brought nothing. */
  #tries = 0;
  #receivedBytes = 0;
  #fetchedBytes = 0;
  #abort: AbortController | undefined;
  #status: FirstSyncStatus | undefined;

  constructor(taker: ImageTaker, limits: Pick<Limits, 'imageTriesMax'>) {
    this.#taker = taker;
    this.#triesMax = limits.imageTriesMax;
  }

  get status(): FirstSyncStatus | undefined {
    return this.#status;
  }

  /** Image bytes that came over this link; those of an earlier run, which a transfer goes on from, are not among them. */
  get fetchedBytes(): number {
    return this.#fetchedBytes;
  }

  /** Whether the next session asks for an image. */
  wants(): boolean {
    if (this.#status?.by === 'rows' || !this.#taker.wants()) return false;
    this.#status ??= { by: 'asked', phase: 'waiting', why: 'the database is empty: the peer may offer an image' };
    return true;
  }

  /** A session that asked went on with rows: the peer had nothing better. */
  noteLive(): void {
    if (this.#status?.by !== 'asked') return;
    const why = 'the peer offered no image: its database is small, its schema another, or rows are fewer bytes';
    this.#status = { by: 'rows', phase: 'done', why };
  }

  /** 'later': dial again after a pause. 'rows': dial again, the error says why there is no image. Never rejects. */
  async take(
    offer: ImageOffer,
    onProgress: (progress: ImageProgress) => void,
  ): Promise<{ readonly outcome: 'taken' } | { readonly outcome: 'later' | 'rows'; readonly error: ReplicationError }> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#note('fetching', 'the peer offered an image', { receivedBytes: 0, bytes: offer.bytes });
    /** The first time it says where the transfer goes on. */
    let hadBytes: number | undefined;
    try {
      await this.#taker.take(offer, {
        signal,
        onProgress: (progress) => {
          this.#fetchedBytes += progress.receivedBytes - (hadBytes ?? progress.receivedBytes);
          hadBytes = progress.receivedBytes;
          if (progress.receivedBytes > this.#receivedBytes) this.#tries = 0;
          this.#receivedBytes = Math.max(this.#receivedBytes, progress.receivedBytes);
          this.#note('fetching', 'the peer offered an image', progress);
          onProgress(progress);
        },
      });
      this.#note('done', 'the peer offered an image', { receivedBytes: offer.bytes, bytes: offer.bytes });
      return { outcome: 'taken' };
    } catch (error) {
      const coded = codedError(error);
      this.#tries += 1;
      const mayPass = coded.code === 'LINK_LOST' || coded.code === 'UNAVAILABLE' || coded.code === 'RATE_LIMITED';
      if (signal.aborted || (mayPass && this.#tries < this.#triesMax)) return { outcome: 'later', error: coded };
      this.#status = { by: 'rows', phase: 'done', why: `no image: ${coded.message}` };
      return { outcome: 'rows', error: coded };
    }
  }

  /** The link ends, or is paused: what was fetched is kept. */
  stop(): void {
    this.#abort?.abort();
  }

  #note(phase: FirstSyncStatus['phase'], why: string, progress: ImageProgress): void {
    this.#status = { by: 'image', phase, why, ...progress };
  }
}
