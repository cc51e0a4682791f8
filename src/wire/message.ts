/**
 * The messages of the session protocol, as values. wire/codec.ts turns them into bytes and back; session/ decides
 * when they are sent. Every frame names the wire version it needs in its first byte.
 */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import type { CoverageDigest } from '../core/coverage-digest.ts';
import type { Cursor, EraNonce } from '../core/cursor.ts';
import type { RangeSet } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { PartBlob } from './part-blob.ts';

export type LinkMode = 'leaf' | 'peer';

/** table -> its columns: what a replica can store. */
export type ShapeSummary = Readonly<Record<string, readonly string[]>>;

interface Greeting {
  readonly wire: number;
  /** 32 hex digits, random, chosen by the client; names this session on both sides (R1). */
  readonly session: string;
  readonly dbid: string;
  readonly site: SiteId;
  readonly formerSites: readonly SiteId[];
  readonly era: EraNonce;
  readonly schemaHash: string;
  readonly shape: ShapeSummary;
  /** In hello: the mode asked for; in welcome: the mode granted. */
  readonly mode: LinkMode;
  /** The mesh this replica belongs to: own site id, or the upstream's (R13). */
  readonly mesh: string;
  /** The cursor this side holds for the other side's store; absent = none. */
  readonly cursor?: Cursor;
  readonly digest: CoverageDigest;
  readonly capabilities: readonly string[];
  /** Bytes of data messages the other side may send before more is granted. */
  readonly credit: number;
}

export interface Hello extends Greeting {
  readonly type: 'hello';
  /** Schema text, where the server may create the database from it. */
  readonly schemaText?: string;
  /** Hex; a key derived from the site's secret for this relay. */
  readonly siteKey?: string;
}

export interface Welcome extends Greeting {
  readonly type: 'welcome';
  /** What this side holds of each of the other side's sites: replaces what the writer believed. */
  readonly acks: ReadonlyMap<SiteId, Acknowledgement>;
}

/** Answers a resume: windows start behind `base`, numbered from 0. */
export interface Base {
  readonly type: 'base';
  readonly era: EraNonce;
  readonly at: StoreVersion;
}

/** (from, to] of the sender's store, whole; to = from carries a piece of one huge version and moves no cursor. */
export interface Window {
  readonly type: 'window';
  readonly era: EraNonce;
  readonly from: StoreVersion;
  readonly to: StoreVersion;
  readonly n: number;
  readonly parts: readonly PartBlob[];
  readonly claims: Coverage;
}

/** (from, to] holds nothing for the receiver. */
export interface Mark {
  readonly type: 'mark';
  readonly era: EraNonce;
  readonly from: StoreVersion;
  readonly to: StoreVersion;
  readonly n: number;
}

/** Heartbeat: the position of the link (R5), the bytes of data sent and granted so far, and a question or its answer. */
export interface Beat {
  readonly type: 'beat';
  readonly era: EraNonce;
  /** Sent up to here; absent where this side sends no windows. */
  readonly at?: StoreVersion;
  /** The number of the next window. */
  readonly n: number;
  /** True once everything in the store was sent. */
  readonly live: boolean;
  readonly sentBytes: number;
  readonly grantedBytes: number;
  /** Asks for a beat with the same number in `answer`, sent once live. */
  readonly ask?: number;
  readonly answer?: number;
}

export interface Pull {
  readonly type: 'pull';
  readonly cursor?: Cursor;
}

/** Vouched refill (R12): send windows of all rows in your store order, from this cursor. */
export interface PullAll {
  readonly type: 'pullall';
  readonly cursor?: Cursor;
}

/** A part outside any window: a leaf's own writes, or an answer to a want. Moves no cursor. */
export interface PartMessage {
  readonly type: 'part';
  readonly blob: PartBlob;
  readonly claims: RangeSet;
}

export interface Ack {
  readonly type: 'ack';
  readonly site: SiteId;
  readonly ack: Acknowledgement;
}

/** Versions refused at the edge: `reject` is shown to the app, `drop` is only recorded. */
export interface Nack {
  readonly type: 'nack';
  readonly site: SiteId;
  readonly ranges: RangeSet;
  readonly kind: 'reject' | 'drop';
  readonly code: string;
  readonly message: string;
}

/** What this side covers, for the buckets that differ. */
export interface CoverageMessage {
  readonly type: 'coverage';
  readonly coverage: Coverage;
}

export interface Want {
  readonly type: 'want';
  readonly site: SiteId;
  readonly ranges: RangeSet;
}

/** Bytes of data messages granted since the session began (cumulative, so a lost one does not matter). */
export interface Credit {
  readonly type: 'credit';
  readonly grantedBytes: number;
}

/** Piece i of n of one encoded message that is larger than a frame; transfers of one sender do not mix. */
export interface Chunk {
  readonly type: 'chunk';
  readonly transfer: number;
  readonly i: number;
  readonly n: number;
  readonly bytes: Uint8Array;
}

/** A store's file, to begin with: everything in it up to `at`. */
export interface ImageOffer {
  readonly era: EraNonce;
  readonly at: StoreVersion;
  /** Compressed. */
  readonly bytes: number;
  /** SHA-256 of the compressed bytes, 64 hex digits. */
  readonly hash: string;
}

/** To a replica that starts with nothing (R15): take my file from GET /:dbid/image, or pull again for rows. */
export interface ImageMessage extends ImageOffer {
  readonly type: 'image';
}

/** Presence and the like: passed to the app, not stored. */
export interface Ephemeral {
  readonly type: 'ephemeral';
  readonly bytes: Uint8Array;
}

/** A coded refusal or failure; the sender closes after it. */
export interface ErrorMessage {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** An orderly end; `retryAfterMs` absent = reconnect as usual. */
export interface Bye {
  readonly type: 'bye';
  readonly code: string;
  readonly retryAfterMs?: number;
}

export type Message =
  | Hello
  | Welcome
  | Base
  | Window
  | Mark
  | Beat
  | Pull
  | PullAll
  | PartMessage
  | Ack
  | Nack
  | CoverageMessage
  | Want
  | Credit
  | Chunk
  | ImageMessage
  | Ephemeral
  | ErrorMessage
  | Bye;

export type MessageType = Message['type'];

/** Messages that carry rows: they use up credit. */
export function isDataMessage(message: Message): message is Window | PartMessage {
  return message.type === 'window' || message.type === 'part';
}
