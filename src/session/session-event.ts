/** What happens to a session, and what it makes happen: the two alphabets of session/step.ts. */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import type { CoverageDigest } from '../core/coverage-digest.ts';
import type { Cursor } from '../core/cursor.ts';
import type { ReplicationError } from '../core/errors.ts';
import type { RangeSet } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { ImageOffer, Message } from '../wire/message.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import type { SessionState } from './session-state.ts';

export interface ClaimedBlob {
  readonly blob: PartBlob;
  readonly claims: RangeSet;
}

/** Versions that the edge refused (R11). */
export interface Refusal {
  readonly ranges: RangeSet;
  readonly kind: 'reject' | 'drop';
  readonly code: string;
  readonly message: string;
}

export type SessionEvent =
  /** The link is up: a client greets. */
  | { readonly type: 'start' }
  | { readonly type: 'message'; readonly message: Message; readonly bytes: number }
  /** What the store knows of the peer that has just greeted. */
  | {
      readonly type: 'peer-known';
      readonly cursor: Cursor | undefined;
      /** What we hold of each of the peer's sites. */
      readonly acks: ReadonlyMap<SiteId, Acknowledgement>;
      /** What the peer acknowledged of our own versions, from earlier sessions. */
      readonly heldByPeer: Acknowledgement;
      /** Own versions up to here may have left this replica. */
      readonly shown: number;
      /** Our digest and coverage in the buckets that differ, as of now. */
      readonly digest: CoverageDigest;
      readonly differing: Coverage;
      /** Where rows lie without a claim that this peer gave us: it is told only when its base shows that it lost some. */
      readonly unclaimed: Coverage;
    }
  /** A commit of our store: own flush or merge. */
  | {
      readonly type: 'committed';
      readonly before: StoreVersion;
      readonly after: StoreVersion;
      readonly claimsBefore: number;
      readonly claimsAfter: number;
      /** Parts that changed something; undefined = too large, read them. */
      readonly parts: readonly { readonly blob: PartBlob; readonly fromPeer: boolean }[] | undefined;
      /** Growth that did not come from this peer. */
      readonly growth: Coverage;
      /** Own versions announced by this commit. */
      readonly own: { readonly announced: number; readonly part: ClaimedBlob | undefined } | undefined;
    }
  /** An input of this session was merged, or failed for good. */
  | {
      readonly type: 'applied';
      readonly acks: ReadonlyMap<SiteId, Acknowledgement>;
      readonly refusals: readonly (Refusal & { readonly site: SiteId })[];
      readonly failure: ReplicationError | undefined;
      readonly bytes: number;
    }
  | { readonly type: 'base-found'; readonly base: Cursor; readonly lost: boolean }
  | {
      readonly type: 'piece';
      readonly from: StoreVersion;
      readonly to: StoreVersion;
      readonly last: boolean;
      /** More than one where a single huge version was cut. */
      readonly windows: readonly (readonly PartBlob[])[];
      /** With the last piece: everything the peer may lack (R6). */
      readonly claims: Coverage;
      readonly claimNumber: number;
    }
  | { readonly type: 'own-parts'; readonly parts: readonly ClaimedBlob[] }
  | { readonly type: 'served'; readonly parts: readonly ClaimedBlob[] }
  | { readonly type: 'gaps'; readonly gaps: Coverage }
  /** The image to offer; undefined: the peer gets rows. */
  | { readonly type: 'image-found'; readonly offer: ImageOffer | undefined }
  /** A data message left as this many bytes. */
  | { readonly type: 'sent'; readonly bytes: number; readonly blocked: boolean }
  | { readonly type: 'drained' }
  /** This leaf stands between several meshes and carries its store, as far as it is now; undefined: no longer. */
  | { readonly type: 'carry'; readonly to: StoreVersion | undefined }
  /** The application asks to be told when the peer's present state is applied. */
  | { readonly type: 'ask' }
  /** After a migration here: what we now hold of the peer's sites. */
  | { readonly type: 'acknowledge'; readonly acks: ReadonlyMap<SiteId, Acknowledgement> }
  /** This leaf has rows to bring that it could not bring when it greeted: what it covers now. */
  | { readonly type: 'state'; readonly coverage: Coverage }
  | { readonly type: 'ephemeral'; readonly bytes: Uint8Array }
  /** `framesWait`: the peer was heard of, what it said is not decoded yet. */
  | { readonly type: 'tick'; readonly framesWait?: boolean }
  /** This side ends it. */
  | { readonly type: 'end'; readonly error: ReplicationError; readonly retryAfterMs?: number }
  | { readonly type: 'port-closed'; readonly code: number; readonly reason: string };

export type SessionEventType = SessionEvent['type'];

export type IdentityAlarm = 'OWN_HISTORY_LOST' | 'SITE_CONFLICT';

export type SessionEffect =
  | { readonly type: 'send'; readonly message: Message }
  /** The peer greeted: answer with peer-known. */
  | {
      readonly type: 'look-up-peer';
      readonly site: SiteId;
      readonly sites: readonly SiteId[];
      readonly digest: CoverageDigest;
    }
  | { readonly type: 'find-base'; readonly cursor: Cursor | undefined }
  | { readonly type: 'store-base'; readonly peer: SiteId; readonly cursor: Cursor }
  | {
      readonly type: 'read-piece';
      readonly from: StoreVersion;
      readonly without: SiteId;
      readonly claimNumber: number | undefined;
    }
  | { readonly type: 'read-own'; readonly ranges: RangeSet }
  | { readonly type: 'serve-want'; readonly site: SiteId; readonly ranges: RangeSet }
  | { readonly type: 'find-gaps'; readonly stated: Coverage }
  /** Answer with image-found, however long that takes. */
  | { readonly type: 'find-image' }
  /** To take it end this session; the intake waits for a base meanwhile. */
  | { readonly type: 'image-offered'; readonly offer: ImageOffer }
  /** Merge (in arrival order), then answer with applied. A cursor alone may be stored lazily. */
  | {
      readonly type: 'apply';
      readonly parts: readonly PartBlob[];
      readonly claims: Coverage;
      readonly cursor: Cursor | undefined;
      readonly bytes: number;
      /** Rows of a vouched refill: their origin versions are not known (R12). */
      readonly vouched?: boolean;
    }
  | { readonly type: 'record-ack'; readonly ack: Acknowledgement; readonly replace: boolean }
  | { readonly type: 'rejected'; readonly refusal: Refusal; readonly site: SiteId }
  /** A leaf holds what we lack: `taken` tells whether its grant lets it bring that back (R12). */
  | { readonly type: 'vouching'; readonly gaps: Coverage; readonly taken: boolean }
  | { readonly type: 'opened' }
  | { readonly type: 'live' }
  | { readonly type: 'asked'; readonly ask: number }
  | { readonly type: 'answered'; readonly ask: number }
  | { readonly type: 'ephemeral'; readonly bytes: Uint8Array }
  /** The peer says that it holds own versions up to here: more than ever left is a sign of a lost future. */
  | { readonly type: 'check-own'; readonly held: number }
  /** Another copy of this store writes, or wrote, under its site id: nothing may be sent any more. Answer with end. */
  | { readonly type: 'identity-lost'; readonly alarm: IdentityAlarm; readonly error: ReplicationError }
  | { readonly type: 'alarm'; readonly code: 'PEER_LOST_HISTORY' | 'OWN_HISTORY_LOST'; readonly message: string }
  /** Close the port with the error's close code; nothing of this session happens afterwards. */
  | { readonly type: 'ended'; readonly error: ReplicationError; readonly retryAfterMs?: number };

export interface Step {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}
