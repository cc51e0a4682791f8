/**
 * One replica's store: the database file, what is known about it, and every replication step as one transaction.
 *
 * Plain synchronous code. Memory is replaced only after a COMMIT, so a step that fails leaves the store as it was.
 */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import { rangesOfSite, subtractCoverage, withoutSites } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import { invariant, ReplicationError } from '../core/errors.ts';
import type { Part } from '../core/part.ts';
import type { RangeSet } from '../core/range-set.ts';
import { intersectRanges, subtractRanges } from '../core/range-set.ts';
import { schemaRefused } from '../core/schema-step.ts';
import type { SiteId } from '../core/site-id.ts';
import type { OriginVersion, StoreVersion } from '../core/version.ts';
import type { Connection } from '../sqlite/database.ts';
import { bookedSpans } from './book.ts';
import { overWholeTables } from './damaged-tables.ts';
import { resumeAt } from './era.ts';
import { holdsNoRows } from './image.ts';
import type { Knowledge } from './knowledge.ts';
import { mergeGroup } from './merge-group.ts';
import { readNote, saveNote } from './notes.ts';
import { invalidChanges } from './merge-plan.ts';
import type { OpenedStore, StoreOptions } from './open-store.ts';
import { commitDurability, giveNewSite, openDatabase, readTablesAgain, reopen, reopenTables } from './open-store.ts';
import { ownRowsIn } from './own-rows.ts';
import { announceOwnWrites } from './own-writes.ts';
import { saveCursor } from './peer-records.ts';
import { estimateRowBytes } from './row-bytes.ts';
import type { MigrateOptions } from './schema.ts';
import { readOwn, readPiece } from './serve.ts';
import type {
  FlushResult,
  Identity,
  InvalidChange,
  MergeInput,
  MergeResult,
  MigrationResult,
  OwnRow,
  Piece,
  Resume,
  Schema,
  StorePort,
} from './store-port.ts';
import { inFullTransaction, withFullCommits } from './transaction.ts';
import { serveWant } from './want.ts';

/**
 * Opens a file (or ':memory:') as a replica's store.
 *
 * Errors  what the driver says of the file; SCHEMA_REFUSED with steps when `schema` cannot be reached.
 */
export function openStore(options: StoreOptions): Store {
  const store = new Store(openDatabase(options), options);
  if (options.schema === undefined) return store;
  try {
    const { outcome, steps } = store.migrate(options.schema);
    if (outcome === 'refused') throw schemaRefused(steps);
    return store;
  } catch (error) {
    store.close();
    throw error;
  }
}

export class Store implements StorePort {
  readonly #options: StoreOptions;
  #opened: OpenedStore;
  #closed = false;
  /** A schema change failed half-way: what the engine and this store know of the tables is not what is in the file. */
  #isStale = false;
  /** After it the file was closed, and could not be opened again yet. */
  #isShut = false;
  /** The file is another one now, or has a new site id, and is not open: the next use opens it. */
  #isSwapped = false;

  /** Use openStore(). */
  constructor(opened: OpenedStore, options: StoreOptions) {
    this.#opened = opened;
    this.#options = options;
  }

  /** For the user's own SQL; replaced by reidentify() and after a schema change that failed. */
  get connection(): Connection {
    this.#refresh();
    return this.#opened.context.connection;
  }

  get identity(): Identity {
    const { identity, era } = this.#current;
    return { site: identity.site, formerSites: identity.formerSites, era };
  }

  /** 32 random bytes a site, own and former: keys for relays are derived from them; they never leave the file. */
  get secrets(): ReadonlyMap<SiteId, Uint8Array> {
    return this.#current.identity.secrets;
  }

  get schema(): Schema {
    return this.#current.schema.current;
  }

  /** Progress is measured with it at any time: what is not open is not opened for it. */
  get storedMax(): StoreVersion {
    return this.#opened.knowledge.storedMax as StoreVersion;
  }

  get announced(): OriginVersion {
    return this.#current.knowledge.announced as OriginVersion;
  }

  get shown(): OriginVersion {
    return this.#current.shown as OriginVersion;
  }

  get mesh(): string | undefined {
    const mesh = readNote(this.#open().context.connection, 'mesh');
    return typeof mesh === 'string' ? mesh : undefined;
  }

  setMesh(mesh: string): void {
    const { connection } = this.#open().context;
    this.#commit(() => saveNote(connection, 'mesh', mesh));
  }

  get mayReidentify(): boolean {
    return this.#options.path !== ':memory:';
  }

  get coverage(): Coverage {
    return this.#current.knowledge.have;
  }

  get unclaimed(): Coverage {
    const { context, identity, knowledge } = this.#open();
    const booked = bookedSpans(context.connection, context.sites);
    return withoutSites(subtractCoverage(booked, knowledge.have), [identity.site]);
  }

  isOnlySource(peer: SiteId): boolean {
    return this.#current.records.isOnlySource(peer);
  }

  get parkedChanges(): number {
    return this.#current.knowledge.parkedChanges;
  }

  whenDurable(): Promise<void> | undefined {
    return this.connection.whenDurable?.();
  }

  /** Own writes that no flush has announced yet. */
  get hasUnflushedWrites(): boolean {
    const { context, knowledge } = this.#open();
    return context.clocks.storedMax() > knowledge.storedMax;
  }

  flush({ leaving = true }: { readonly leaving?: boolean } = {}): FlushResult | undefined {
    if (!this.hasUnflushedWrites && this.#options.faults?.['empty-own-version'] !== true) return undefined;
    const { context, knowledge } = this.#open();
    const flushed = this.#commit(() => {
      const written = announceOwnWrites(context, knowledge);
      if (leaving && written.announced !== undefined) saveNote(context.connection, 'shown', written.announced[1]);
      return written;
    });
    this.#learn(flushed.knowledge);
    const { announced, part } = flushed;
    if (announced === undefined) return undefined;
    if (leaving) this.#noteShown(announced[1]);
    return { before: knowledge.storedMax as StoreVersion, after: this.storedMax, announced, part };
  }

  check(input: MergeInput): readonly InvalidChange[] {
    const { context, knowledge } = this.#open();
    return overWholeTables(() => invalidChanges(context, knowledge, input));
  }

  merge(inputs: readonly MergeInput[]): MergeResult {
    const opened = this.#open();
    invariant(!this.hasUnflushedWrites, 'own writes were not flushed before a merge');
    const { records, context, knowledge } = opened;
    if (inputs.some(({ cursor, parts }) => cursor === undefined && parts.length > 0)) records.noteOtherSource();
    const merged = mergeGroup(context, knowledge, inputs, (work) =>
      this.#commit(() => {
        const result = work();
        for (const record of result.cursors) saveCursor(context.connection, record);
        return result;
      }),
    );
    for (const record of merged.cursors) records.keepCursor(record);
    this.#learn(merged.knowledge);
    return { before: knowledge.storedMax as StoreVersion, after: this.storedMax, inputs: merged.results };
  }

  readPiece(from: StoreVersion, options: { readonly without: readonly SiteId[]; readonly changesMax: number }): Piece {
    this.#showOwn();
    const { context, knowledge } = this.#open();
    return overWholeTables(() => readPiece(context, knowledge, from, options));
  }

  readOwn(ranges: RangeSet, options: { readonly changesMax: number; readonly partsMax: number }): Part[] {
    this.#showOwn();
    const { context, knowledge } = this.#open();
    return overWholeTables(() => readOwn(context, knowledge, ranges, options));
  }

  ownRows(ranges: RangeSet): readonly OwnRow[] {
    const { context, knowledge } = this.#open();
    return overWholeTables(() => ownRowsIn(context, knowledge, ranges));
  }

  serveWant(site: SiteId, ranges: RangeSet, options: { readonly changesMax: number }): Part | undefined {
    this.#showOwn();
    const { context, knowledge } = this.#open();
    return overWholeTables(() => serveWant(context, knowledge, { site, ranges }, options.changesMax));
  }

  resume(cursor: Cursor | undefined): Resume {
    const { context, era } = this.#open();
    return resumeAt(context.connection, cursor, { nonce: era, storedMax: this.storedMax });
  }

  cursorOf(peer: SiteId, subset = ''): Cursor | undefined {
    return this.#opened.records.cursorOf(peer, subset);
  }

  setCursor(peer: SiteId, cursor: Cursor, subset = ''): void {
    this.#opened.records.setCursor({ peer, subset, cursor });
  }

  acknowledge(site: SiteId, ranges?: RangeSet): Acknowledgement {
    const { have, waiting, refused } = this.#opened.knowledge;
    const within = (set: RangeSet): RangeSet => (ranges === undefined ? set : intersectRanges(set, ranges));
    const held = rangesOfSite(have, site);
    const parked = subtractRanges(rangesOfSite(waiting, site), held);
    const refusedHere = subtractRanges(rangesOfSite(refused, site), held);
    return { held: within(held), parked: within(parked), refused: within(refusedHere) };
  }

  heldBy(peer: SiteId): Acknowledgement {
    return this.#opened.records.heldBy(peer);
  }

  acknowledgingPeers(): readonly SiteId[] {
    return this.#opened.records.acknowledgingPeers();
  }

  setHeldBy(peer: SiteId, ack: Acknowledgement): void {
    this.#opened.records.setHeldBy(peer, ack);
  }

  migrate(text: string, options: MigrateOptions = {}): MigrationResult {
    const { schema, context } = this.#open();
    if (options.plan === true) return schema.migrate(text, options);
    const durability = commitDurability(this.#options);
    this.#isStale = true;
    const result = withFullCommits(context.connection, durability, () => schema.migrate(text, options));
    if (result.outcome === 'created' || result.outcome === 'migrated') {
      this.#opened = readTablesAgain(this.#opened, this.#options);
    }
    this.#isStale = schema.mustReopen;
    return result;
  }

  /** The replicated tables changed: reads them again, keeps the numbering, and applies what can be stored by now. */
  tablesChanged(): void {
    this.#opened = readTablesAgain(this.#open(), this.#options);
  }

  countChanges(above = 0): number {
    const { clocks } = this.#open().context;
    return above === 0 ? clocks.countChanges() : clocks.count({ from: above, to: this.storedMax });
  }

  estimateRowBytes(): number {
    const { connection, clocks } = this.#open().context;
    return estimateRowBytes(connection, clocks.catalog, clocks.countChanges());
  }

  get isPristine(): boolean {
    const { context, identity, knowledge, records } = this.#open();
    const unknown = knowledge.storedMax === 0 && knowledge.parkedChanges === 0 && knowledge.have.size === 0;
    const isNobodys = identity.formerSites.length === 0 && !records.isUsed && this.mayReidentify;
    return unknown && isNobodys && !this.hasUnflushedWrites && holdsNoRows(context.connection);
  }

  adopt(swap: () => void): void {
    if (!this.isPristine) throw new ReplicationError('BAD_REQUEST', 'an image is for a database without any rows');
    this.#opened.context.connection.close();
    this.#isSwapped = true;
    swap();
    this.#refresh();
  }

  /**
   * Takes a new site id, because another copy of this file writes under the same one; links must be closed before.
   *
   * Shape   the old id becomes a former site, held up to what a peer acknowledged; later own rows are the new site's.
   *         The connection, the era and all cursors are new.
   * Errors  BAD_REQUEST for a database in memory.
   */
  reidentify(): void {
    if (this.#open().records.unsaved) this.#commit(() => undefined);
    giveNewSite(this.#open().context.connection, this.#options);
    this.#isSwapped = true;
    this.#opened = reopen(this.#options);
    this.#isSwapped = false;
  }

  copyTo(path: string): void {
    const { context, records } = this.#open();
    if (records.unsaved) this.#commit(() => undefined);
    context.connection.copyTo(path);
  }

  copyForOthers(path: string): void {
    this.#showOwn();
    this.copyTo(path);
  }

  /** Saves what is lazily durable, where the file is open, and closes. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { context, records } = this.#opened;
    try {
      if (records.unsaved && !this.#isShut && !this.#isSwapped) this.#commit(() => undefined);
    } finally {
      context.connection.close();
      this.#options.marker?.closed();
    }
  }

  #open(): OpenedStore {
    if (this.#closed) throw new ReplicationError('CLOSED', 'this store is closed: open it again');
    this.#refresh();
    return this.#opened;
  }

  /** What is told of another file or identity is told of the one that is there now. Errors  as opening it. */
  get #current(): OpenedStore {
    if (this.#isSwapped) this.#refresh();
    return this.#opened;
  }

  /** After a schema change or a swap that failed, on the next use: the disk that failed then may work by now. */
  #refresh(): void {
    if (this.#isSwapped && !this.#closed) {
      this.#opened = openDatabase(this.#options);
      this.#isSwapped = false;
    }
    if (!this.#isStale || this.#closed) return;
    this.#isShut = this.mayReidentify;
    this.#opened = reopenTables(this.#opened, this.#options);
    this.#isShut = false;
    this.#isStale = false;
  }

  /** Own versions are about to leave: that is durable before. */
  #showOwn(): void {
    const { context, knowledge, shown } = this.#open();
    if (shown >= knowledge.announced) return;
    this.#commit(() => saveNote(context.connection, 'shown', knowledge.announced));
    this.#noteShown(knowledge.announced);
  }

  #noteShown(shown: number): void {
    this.#opened = { ...this.#opened, shown };
    this.#options.marker?.announce(shown);
  }

  #learn(knowledge: Knowledge): void {
    this.#opened = { ...this.#opened, knowledge };
  }

  /** One commit that survives power loss; what was left to the next commit goes with it. */
  #commit<T>(work: () => T): T {
    const { context, records } = this.#opened;
    const { connection, sites, clocks } = context;
    clocks.maxima.begin();
    try {
      const result = overWholeTables(() =>
        inFullTransaction(connection, commitDurability(this.#options), () => {
          records.save(connection, sites);
          return work();
        }),
      );
      records.saved();
      clocks.maxima.committed();
      return result;
    } catch (error) {
      sites.forget();
      clocks.maxima.forget();
      throw error;
    }
  }
}
