/**
 * What one replica's store does for the floors above: plain synchronous calls, each at most one transaction.
 *
 * Assumes one owner and no open user transaction while a method runs (replica/ sees to both). Memory of the store
 * (coverage, stored maximum, announced) changes only after the COMMIT.
 */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import type { Cursor, EraNonce } from '../core/cursor.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Part, PartBody, ReceivedBody } from '../core/part.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import type { SchemaStep } from '../core/schema-step.ts';
import type { SiteId } from '../core/site-id.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { OriginVersion, StoreVersion } from '../core/version.ts';

export interface Identity {
  readonly site: SiteId;
  readonly formerSites: readonly SiteId[];
  readonly era: EraNonce;
}

/** Own writes that became announced: (from, to] in origin versions = store versions of this database. */
export interface FlushResult {
  /** Stored maximum at the last flush or merge, and now. */
  readonly before: StoreVersion;
  readonly after: StoreVersion;
  readonly announced: Range;
  /** The own part (rows carry exact versions); undefined when it has more than groupChangesMax rows: read it piecewise. */
  readonly part: Part | undefined;
}

/** One message's worth of parts to merge. */
export interface MergeInput {
  readonly parts: readonly ReceivedBody[];
  /** Complete once the parts are applied. */
  readonly claims: Coverage;
  /** Stored in the same transaction: the peer's cursor after this window. */
  readonly cursor?: { readonly peer: SiteId; readonly cursor: Cursor };
  /** Versions refused at the edge (R11), recorded in the same transaction. */
  readonly refused?: { readonly site: SiteId; readonly ranges: RangeSet };
  /** A leaf brings it: numbers that leap are invalid in its own changes, and those of others are left out. */
  readonly fromLeaf?: 'own' | 'vouched';
}

export interface InvalidChange {
  /** Index over the rows of all parts of the input, in order. */
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface InputResult {
  /** invalid: nothing of this input was applied; duplicate: all claims were held and no row changed anything. */
  readonly outcome: 'applied' | 'duplicate' | 'parked' | 'invalid';
  /** Changes merged, losers included; changes of ranges already held; changes parked. */
  readonly applied: number;
  readonly duplicates: number;
  readonly parked: number;
  /** Changes of others that a leaf vouched for, with numbers that leap. */
  readonly leftOut: number;
  /** Per part of the input: whether any of its rows changed this store. */
  readonly changedByPart: readonly boolean[];
  /** What the input added to `have` (without claims that wait for parked rows). */
  readonly growth: Coverage;
  readonly invalid: readonly InvalidChange[];
}

/** before = after: no row changed anything. */
export interface MergeResult {
  readonly before: StoreVersion;
  readonly after: StoreVersion;
  readonly inputs: readonly InputResult[];
}

/** One read of (from, to] in store order. */
export interface Piece {
  readonly from: StoreVersion;
  readonly to: StoreVersion;
  /** True when `to` is the stored maximum of this read: the reader now dominates this store. */
  readonly last: boolean;
  /** One part a site, empty parts left out; claims are not part of it. */
  readonly parts: readonly PartBody[];
}

/** A table row with own changes. */
export interface OwnRow {
  readonly table: string;
  /** Primary key column -> value. */
  readonly pk: ReadonlyMap<string, SqlValue>;
  /** Changes (cells) of it. */
  readonly changes: number;
}

export interface Resume {
  readonly base: Cursor;
  /** This store gave the cursor in a future that it has lost (R2). */
  readonly lost: boolean;
}

export interface Schema {
  /** The text as given; '' before any. */
  readonly text: string;
  /** Hex hash of the shape: equal shapes have equal hashes whatever their spelling. */
  readonly hash: string;
  /** Replicated tables -> columns. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
}

export interface MigrationResult {
  readonly outcome: 'created' | 'unchanged' | 'migrated' | 'refused';
  readonly steps: readonly SchemaStep[];
}

export interface StorePort {
  readonly identity: Identity;
  readonly schema: Schema;
  /** max(db_version) over all clock tables as of the last flush, merge or open. */
  readonly storedMax: StoreVersion;
  /** Own origin versions up to here may leave this replica. */
  readonly announced: OriginVersion;
  /** Own origin versions up to here may have left: a peer that holds more of us knows a future that this file lost. */
  readonly shown: OriginVersion;
  /** Held ranges by site, own site included as (0, announced]. */
  readonly coverage: Coverage;

  /**
   * Announces own writes since the last flush in one FULL commit; undefined when there are none. `leaving` (default
   * true): the result may leave this replica; every read of own changes notes the same.
   */
  flush(options?: { readonly leaving?: boolean }): FlushResult | undefined;
  /** What is invalid in an input; merge would take nothing of it then. */
  check(input: MergeInput): readonly InvalidChange[];
  /**
   * Merges inputs in one FULL commit (own writes are flushed before by the caller). Never throws for peer data.
   *
   * Shape   an input that is not taken takes with it every later one whose cursor is of the same peer: a window stands
   *         on the windows before it.
   */
  merge(inputs: readonly MergeInput[]): MergeResult;
  /** What to wait for where a commit is safe only later; undefined when all are. Errors  as Connection.whenDurable. */
  whenDurable?(): Promise<void> | undefined;
  /** Rows of (from, ..] in store order but those of `without`, about `changesMax`, never cut inside a store version. */
  readPiece(from: StoreVersion, options: { readonly without: readonly SiteId[]; readonly changesMax: number }): Piece;
  /** Own announced rows of `ranges`, cut at version boundaries into parts of about `changesMax`, at most `partsMax`. */
  readOwn(ranges: RangeSet, options: { readonly changesMax: number; readonly partsMax: number }): Part[];
  /** Table rows with own announced changes in `ranges`. */
  ownRows(ranges: RangeSet): readonly OwnRow[];
  /** Answers a want: claims are exactly what is held of it and complete with these rows (weak kind, R16). */
  serveWant(site: SiteId, ranges: RangeSet, options: { readonly changesMax: number }): Part | undefined;

  /** R2: where a peer that shows this cursor resumes. */
  resume(cursor: Cursor | undefined): Resume;
  /** The cursor held for a peer's store; subset '' = the full link. */
  cursorOf(peer: SiteId, subset?: string): Cursor | undefined;
  setCursor(peer: SiteId, cursor: Cursor, subset?: string): void;

  /** What this store says of a writer's versions: all of them, or only of `ranges`. */
  acknowledge(site: SiteId, ranges?: RangeSet): Acknowledgement;
  /** Own ranges that `peer` acknowledged; a welcome replaces, an ack adds. Durable lazily (next full commit). */
  heldBy(peer: SiteId): Acknowledgement;
  /** Peers that ever acknowledged own ranges. */
  acknowledgingPeers(): readonly SiteId[];
  setHeldBy(peer: SiteId, ack: Acknowledgement): void;

  /** Applies plain CREATE TABLE text; additive changes only, the rest is refused with steps. */
  migrate(text: string, options?: { readonly plan?: boolean; readonly allowDestructive?: boolean }): MigrationResult;
  /** Where rows of other sites may lie that no claim covers yet: pieces of a refill that did not end, refilled rows. */
  readonly unclaimed: Coverage;
  /** All rows of others came by the windows of `peer`, which has lost none of them since: it lacks nothing of them. */
  isOnlySource(peer: SiteId): boolean;
  readonly parkedChanges: number;
  /** The mesh that was joined last; undefined before any. */
  readonly mesh: string | undefined;
  setMesh(mesh: string): void;
  /** False for a database in memory, which nobody can copy. */
  readonly mayReidentify: boolean;
  /** Takes a new site id: another copy of this file writes under the same one. Links are closed before. */
  reidentify(): void;
  /** Copies the file as of now, bookkeeping included; own writes are flushed by the caller. Errors  as Connection. */
  copyTo(path: string): void;
  /** The same for others to read: own versions in it count as left. */
  copyForOthers(path: string): void;
  /** Number of changes (cells) in the store; of those above a store version. */
  countChanges(above?: number): number;
  /** About how many bytes all rows take on a link. */
  estimateRowBytes(): number;
  /** Nothing was ever written or received here, `-- local` tables included: an image may take the file's place. */
  readonly isPristine: boolean;
  /**
   * Closes the file, lets `swap` put an image in its place, and opens what is there then.
   *
   * Errors  BAD_REQUEST when the store is not pristine; those of `swap` and of opening: the next call opens again.
   */
  adopt(swap: () => void): void;
  close(): void;
}

export type { Range };
