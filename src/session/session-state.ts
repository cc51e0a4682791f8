/**
 * The conversation with one peer, as data: what session/step.ts reads and returns.
 *
 * A session belongs to one (store, link) and dies with it (R1). It holds no rows: it decides what is sent, taken,
 * asked for and acknowledged; replica/ reads and merges. All fields are replaced, never changed in place.
 */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import type { CoverageDigest } from '../core/coverage-digest.ts';
import type { Cursor, EraNonce } from '../core/cursor.ts';
import type { Limits } from '../core/limits.ts';
import type { RangeSet } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { LinkMode, ShapeSummary } from '../wire/message.ts';

export type Phase = 'greeting' | 'open' | 'closed';

/** This replica's side of the greeting. */
export interface LocalFacts {
  readonly dbid: string;
  readonly site: SiteId;
  readonly formerSites: readonly SiteId[];
  readonly era: EraNonce;
  readonly schemaHash: string;
  readonly shape: ShapeSummary;
  readonly schemaText: string;
  readonly mesh: string;
  readonly digest: CoverageDigest;
  /** Own origin versions announced so far. */
  readonly announced: number;
}

/** What this side may ask for or grant. */
export interface SessionTerms {
  readonly role: 'client' | 'server';
  /** Client: the mode asked for. Server: the highest mode granted. */
  readonly mode: LinkMode;
  readonly read: 'all' | 'none';
  /** some: a hook decides change by change. */
  readonly write: 'all' | 'some' | 'none';
  readonly siteKey?: string;
  /** Server: a leaf may bring back what others wrote and this side lost (R12). */
  readonly vouch: boolean;
  /** Client: it can begin with an image. Server: it may offer one to this peer (R15). */
  readonly image: boolean;
  readonly expiresAt?: number;
}

export interface PeerFacts {
  readonly site: SiteId;
  readonly formerSites: readonly SiteId[];
  readonly era: EraNonce;
  readonly mesh: string;
  readonly shape: ShapeSummary;
  readonly schemaHash: string;
  readonly digest: CoverageDigest;
  /** The cursor it showed for our store. */
  readonly cursor: Cursor | undefined;
  /** Of a welcome: a leaf may bring what others wrote. */
  readonly vouch: boolean;
  /** Of a hello: it can begin with an image. */
  readonly image: boolean;
  /** Of a welcome: what it holds of our own site. */
  readonly ack: Acknowledgement;
}

/** Windows to the peer. off: this side sends none. idle: the peer has not said from where. */
export interface Feed {
  readonly state: 'off' | 'idle' | 'refill' | 'live';
  /** Everything up to here was sent (our store versions). */
  readonly at: StoreVersion;
  /** Claims up to this number were sent in this session; undefined = none. */
  readonly claimNumber: number | undefined;
  /** Number of the next window or mark. */
  readonly n: number;
  /** A read of the store for this feed is under way. */
  readonly reading: boolean;
  /** A leaf's vouched refill: ends with the last piece instead of going live (R12). */
  readonly once: boolean;
}

/** Windows from the peer. */
export interface Intake {
  readonly state: 'off' | 'pulling' | 'taking';
  /** Taken up to here, queued windows included (the peer's store versions). */
  readonly cursor: Cursor | undefined;
  readonly n: number;
  readonly pulledAt: number;
  /** The cursor at the beginning of the session, 0 without one: a store does not go back while it is open. */
  readonly askedFrom: number;
  /** What the peer is told that we have of it without a claim, once it shows that it lost some. */
  readonly unclaimed: Coverage;
  /** The peer said that it sent everything: true once this many inputs are merged. */
  readonly liveAfter: number | undefined;
  readonly live: boolean;
  /** A leaf's vouched refill: its rows are taken, its claims are not (R12). */
  readonly vouched: boolean;
}

/** Own writes: sent as bare parts by a leaf (R8), in windows by a peer; acknowledged either way. */
export interface Upload {
  readonly sends: boolean;
  readonly announced: number;
  /** Held, parked or refused over there. */
  readonly settled: RangeSet;
  readonly held: RangeSet;
  /** Sent in this session, not settled yet. */
  readonly inFlight: RangeSet;
  readonly reading: boolean;
  readonly progressAt: number;
}

/** Bytes of data messages, cumulative since the session began. */
export interface CreditState {
  readonly sentBytes: number;
  readonly maySendBytes: number;
  readonly receivedBytes: number;
  readonly doneBytes: number;
  readonly grantedBytes: number;
  /** The transport holds too much unsent. */
  readonly blocked: boolean;
}

/** Gaps: what the peer covers and this side lacked when it said so (R16). */
export interface Repair {
  readonly stated: Coverage;
  readonly asked: Coverage;
  readonly waitingSince: number | undefined;
}

/** What the peer is told that this side covers, until it has heard it. */
export interface Stating {
  /** Sent and not heard yet. */
  readonly open: Coverage;
  /** Sent once that is heard. */
  readonly next: Coverage;
  readonly sentAt: number;
}

/** A want of the peer that waits for its answer (R16). */
export interface Serving {
  readonly wanted: { readonly site: SiteId; readonly ranges: RangeSet } | undefined;
  readonly reading: boolean;
}

/** Questions 'did I get all that you had?': ours by number, and the peer's that wait for the feed to be live. */
export interface Asks {
  readonly next: number;
  readonly open: readonly { readonly ask: number; readonly askedAt: number; readonly afterInput: number | undefined }[];
  readonly toAnswer: readonly number[];
}

export interface SessionState {
  readonly phase: Phase;
  readonly terms: SessionTerms;
  readonly limits: Limits;
  readonly local: LocalFacts;
  readonly session: string;
  readonly mode: LinkMode;
  readonly peer: PeerFacts | undefined;
  readonly feed: Feed;
  readonly intake: Intake;
  readonly upload: Upload;
  /** A leaf between several meshes: its store up to here is for the peer too (R13); undefined when it is not. */
  readonly carriesTo: StoreVersion | undefined;
  readonly credit: CreditState;
  readonly repair: Repair;
  readonly stating: Stating;
  readonly serving: Serving;
  readonly asks: Asks;
  /** asked: windows wait for the answer whether there is an image to offer (image-offer.ts). */
  readonly imageOffer: 'none' | 'asked' | 'done';
  /** Inputs given to the replica and finished by it, for asks. */
  readonly inputsQueued: number;
  readonly inputsDone: number;
  readonly startedAt: number;
  readonly sentAt: number;
  readonly heardAt: number;
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * A copy whose maker may change it before anybody else sees it.
 *
 * Why     Field by field: for so many fields that is some thirty times faster than a spread, and where a commit meets
 *         hundreds of links nothing else of a session costs as much.
 */
export function copyOfState(state: SessionState): Mutable<SessionState> {
  return {
    phase: state.phase,
    terms: state.terms,
    limits: state.limits,
    local: state.local,
    session: state.session,
    mode: state.mode,
    peer: state.peer,
    feed: state.feed,
    intake: state.intake,
    upload: state.upload,
    carriesTo: state.carriesTo,
    credit: state.credit,
    repair: state.repair,
    stating: state.stating,
    serving: state.serving,
    asks: state.asks,
    imageOffer: state.imageOffer,
    inputsQueued: state.inputsQueued,
    inputsDone: state.inputsDone,
    startedAt: state.startedAt,
    sentAt: state.sentAt,
    heardAt: state.heardAt,
  };
}
