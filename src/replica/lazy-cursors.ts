/**
 * Cursors that marks moved: kept in memory and stored a little later, since a lower stored cursor only means that
 * some of the peer's windows come again. Everything else stores its cursor with its rows.
 */
import type { Cursor } from '../core/cursor.ts';
import type { Runtime } from '../core/runtime.ts';
import type { SiteId } from '../core/site-id.ts';
import type { MergeInput, StorePort } from '../store/store-port.ts';

const STORE_AFTER_MS = 5_000;

type PeerCursor = NonNullable<MergeInput['cursor']>;

/** An input that moves a cursor and nothing else needs no transaction now. */
export function movesCursorOnly({ parts, claims, cursor, refused }: MergeInput): boolean {
  return cursor !== undefined && parts.length === 0 && claims.size === 0 && refused === undefined;
}

export class LazyCursors {
  readonly #store: Pick<StorePort, 'cursorOf' | 'setCursor'>;
  readonly #runtime: Runtime;
  readonly #post: (job: () => void) => void;
  readonly #waiting = new Map<SiteId, Cursor>();
  #stopTimer: (() => void) | undefined;

  constructor(store: Pick<StorePort, 'cursorOf' | 'setCursor'>, runtime: Runtime, post: (job: () => void) => void) {
    this.#store = store;
    this.#runtime = runtime;
    this.#post = post;
  }

  get(peer: SiteId): Cursor | undefined {
    return this.#waiting.get(peer) ?? this.#store.cursorOf(peer);
  }

  /** Everything before the mark has been merged. */
  takeLazily({ peer, cursor }: PeerCursor): void {
    this.#waiting.set(peer, cursor);
    this.#stopTimer ??= this.#runtime.setTimer(STORE_AFTER_MS, () => this.#post(() => this.#storeAll()));
  }

  /** A merge stored a cursor. */
  noteStored({ peer }: PeerCursor): void {
    this.#waiting.delete(peer);
  }

  setNow(peer: SiteId, cursor: Cursor): void {
    this.#waiting.delete(peer);
    this.#store.setCursor(peer, cursor);
  }

  /** The store has a new site id: every peer is read from the start. */
  forget(): void {
    this.#waiting.clear();
  }

  close(): void {
    this.#storeAll();
  }

  #storeAll(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    for (const [peer, cursor] of this.#waiting) this.#store.setCursor(peer, cursor);
    this.#waiting.clear();
  }
}
