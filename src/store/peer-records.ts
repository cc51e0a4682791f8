/**
 * What a store remembers about its peers: the cursor into each peer's store, and which own ranges each peer
 * acknowledged.
 *
 * Kept in memory and written lazily: with the next commit that is made anyway, or at close. Losing the newest of
 * them costs a repeat, never a change.
 */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import { emptyAcknowledgement } from '../core/acknowledgement.ts';
import type { Cursor, EraNonce } from '../core/cursor.ts';
import type { Range } from '../core/range-set.ts';
import { rangeSetFromRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import { siteIdBytes, siteIdFromBytes } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import { STORE_VERSION_ZERO } from '../core/version.ts';
import type { Connection } from '../sqlite/database.ts';
import { readNote, saveNote } from './notes.ts';
import type { SiteRegistry } from './site-registry.ts';
import { bytesOf, numberOf, textOf } from './sql-text.ts';

const KINDS = ['held', 'parked', 'refused'] as const;

export interface CursorRecord {
  readonly peer: SiteId;
  readonly subset: string;
  readonly cursor: Cursor;
}

export class PeerRecords {
  readonly #cursors = new Map<string, CursorRecord>();
  readonly #held = new Map<SiteId, Acknowledgement>();
  readonly #unsavedCursors = new Set<string>();
  readonly #unsavedHeld = new Set<SiteId>();
  #hasManySources: boolean;
  #unsavedSources = false;

  constructor(connection: Connection, sites: SiteRegistry) {
    this.#hasManySources = readNote(connection, 'many-sources') !== undefined;
    for (const [peer, subset, nonce, at] of connection
      .prepare('SELECT peer, subset, nonce, c FROM crmesh_cursor')
      .all()) {
      const cursor = { nonce: textOf(nonce) as EraNonce, at: numberOf(at) as StoreVersion };
      const record = { peer: siteIdFromBytes(bytesOf(peer)), subset: textOf(subset), cursor };
      this.#cursors.set(keyOf(record), record);
    }
    const rows = connection.prepare('SELECT peer, kind, lo, hi FROM crmesh_held').all();
    for (const [ord, kind, lo, hi] of rows) {
      const peer = sites.siteOf(numberOf(ord));
      const ack = this.heldBy(peer);
      const name = textOf(kind) as (typeof KINDS)[number];
      const range: Range = [numberOf(lo), numberOf(hi)];
      this.#held.set(peer, { ...ack, [name]: rangeSetFromRanges([...ack[name], range]) });
    }
  }

  cursorOf(peer: SiteId, subset: string): Cursor | undefined {
    return this.#cursors.get(keyOf({ peer, subset }))?.cursor;
  }

  setCursor(record: CursorRecord): void {
    const { peer, subset, cursor } = record;
    const before = this.cursorOf(peer, subset);
    // In the same era a lower one is an old answer; in another one the peer lost what it had.
    if (before !== undefined && before.nonce !== cursor.nonce && before.at > cursor.at) this.noteOtherSource();
    this.#cursors.set(keyOf(record), record);
    this.#unsavedCursors.add(keyOf(record));
  }

  /** After the commit of saveCursor(). */
  keepCursor(record: CursorRecord): void {
    this.#cursors.set(keyOf(record), record);
  }

  heldBy(peer: SiteId): Acknowledgement {
    return this.#held.get(peer) ?? emptyAcknowledgement;
  }

  acknowledgingPeers(): readonly SiteId[] {
    return [...this.#held.keys()];
  }

  setHeldBy(peer: SiteId, ack: Acknowledgement): void {
    this.#held.set(peer, ack);
    this.#unsavedHeld.add(peer);
  }

  /** Rows of others are here that did not come by the windows of one peer, or that it has no more. */
  noteOtherSource(): void {
    if (this.#hasManySources) return;
    this.#hasManySources = true;
    this.#unsavedSources = true;
  }

  /**
   * All rows of others came by the windows of `peer`, which has lost none of them since.
   *
   * Why     Behind a cursor at 0 stands no row: so a relay that was met empty, and took an image and with it another
   *         site id since, is no second source.
   */
  isOnlySource(peer: SiteId): boolean {
    const sources = [...this.#cursors.values()].filter(({ cursor }) => cursor.at > STORE_VERSION_ZERO);
    return !this.#hasManySources && sources.length > 0 && sources.every((source) => source.peer === peer);
  }

  /** Something was received from a peer, or acknowledged by one. */
  get isUsed(): boolean {
    const says = (ack: Acknowledgement): boolean => KINDS.some((kind) => ack[kind].length > 0);
    return this.#cursors.size > 0 || [...this.#held.values()].some(says);
  }

  get unsaved(): boolean {
    return this.#unsavedSources || this.#unsavedCursors.size + this.#unsavedHeld.size > 0;
  }

  /** Writes what is not saved yet; inside a transaction. Call saved() once it has committed. */
  save(connection: Connection, sites: SiteRegistry): void {
    for (const key of this.#unsavedCursors) saveCursor(connection, this.#cursors.get(key)!);
    for (const peer of this.#unsavedHeld) saveHeld(connection, sites.ordOf(peer), this.heldBy(peer));
    if (this.#unsavedSources) saveNote(connection, 'many-sources', 1);
  }

  saved(): void {
    this.#unsavedCursors.clear();
    this.#unsavedHeld.clear();
    this.#unsavedSources = false;
  }
}

/** A cursor in the transaction of the changes that it stands behind. */
export function saveCursor(connection: Connection, { peer, subset, cursor }: CursorRecord): void {
  connection
    .prepare(
      `INSERT INTO crmesh_cursor (peer, subset, nonce, c) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET nonce = excluded.nonce, c = excluded.c`,
    )
    .run([siteIdBytes(peer), subset, cursor.nonce, cursor.at]);
}

function saveHeld(connection: Connection, ord: number, ack: Acknowledgement): void {
  connection.prepare('DELETE FROM crmesh_held WHERE peer = ?').run([ord]);
  for (const kind of KINDS) {
    for (const [lo, hi] of ack[kind]) {
      connection.prepare('INSERT INTO crmesh_held (peer, kind, lo, hi) VALUES (?, ?, ?, ?)').run([ord, kind, lo, hi]);
    }
  }
}

function keyOf({ peer, subset }: { readonly peer: SiteId; readonly subset: string }): string {
  return `${peer}/${subset}`;
}
