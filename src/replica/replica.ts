/**
 * A replica: one store, its links, and the one loop that drains their events.
 *
 * A turn of the loop takes what waits (frames, timers, calls), announces own writes, merges one group of inputs in
 * one transaction, and answers one read a link. Between turns the machine's own events run, and after a long turn those
 * of other replicas before the next one here. Nothing else touches the store; while a user transaction is open the loop
 * stands still (suspend).
 */
import { subtractCoverage } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import { ReplicationError, codedError, invariant } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import { schemaRefused } from '../core/schema-step.ts';
import type { SiteId } from '../core/site-id.ts';
import { STORE_VERSION_ZERO } from '../core/version.ts';
import type { InputResult, MergeInput, MigrationResult, StorePort } from '../store/store-port.ts';
import type { FramePort } from '../transport/frame-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import { announceCommit, commitOfFlush, commitOfGroup } from './commit.ts';
import { DurablePort } from './durable-port.ts';
import { GrowthLog } from './growth-log.ts';
import { LazyCursors } from './lazy-cursors.ts';
import { localFacts } from './local-facts.ts';
import { LoopInputs } from './loop-inputs.ts';
import { LoopJobs } from './loop-jobs.ts';
import { LoopTurns } from './loop-turns.ts';
import { LinkBudget } from './link-budget.ts';
import type { HostedLink, LinkHost } from './link-host.ts';
import { calledLinks, carryingLinks, meshOf, meshRefusal } from './mesh.ts';
import { coverageToState } from './peer-facts.ts';
import { ReadQueue } from './read-queue.ts';
import { endPeersOfRefused, refusedWritesRefusal } from './refused-writes.ts';
import type { AttachOptions, Commit, Link, ReplicaPort } from './replica-port.ts';
import { SessionLink } from './session-link.ts';
import { SiteChanges } from './site-changes.ts';

export interface ReplicaOptions {
  readonly store: StorePort;
  readonly codec: Codec;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly log: Log;
  readonly dbid: string;
  /** Shared by the replicas of a relay; one of its own by default. */
  readonly budget?: LinkBudget;
  /** It stays with its upstreams: the name of their mesh is kept, so that it is known before they are reached. */
  readonly hasUpstreams?: boolean;
}

export class Replica implements ReplicaPort {
  readonly store: StorePort;
  readonly dbid: string;
  readonly #options: ReplicaOptions;
  readonly #host: LinkHost;
  readonly #growth: GrowthLog;
  readonly #cursors: LazyCursors;
  readonly #inputs: LoopInputs<HostedLink>;
  readonly #links = new Set<SessionLink>();
  readonly #listeners = new Set<(commit: Commit) => void>();
  readonly #reads: ReadQueue<HostedLink>;
  readonly #jobs = new LoopJobs((job) => this.#post(job));
  readonly #turns: LoopTurns;
  #posted: (() => void)[] = [];
  #wrote = true;
  #suspended = 0;
  #mesh: string | undefined;
  #closed = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.store = options.store;
    this.dbid = options.dbid;
    if (options.hasUpstreams === true) this.#mesh = options.store.mesh;
    this.#growth = new GrowthLog(options.limits.growthLogMax);
    this.#cursors = new LazyCursors(options.store, options.runtime, (job) => this.#post(job));
    const mayTurn = (): boolean => !this.#closed && this.#suspended === 0;
    this.#turns = new LoopTurns({ runtime: options.runtime, mayTurn, turn: () => this.#turn() });
    const { limits, runtime, budget = new LinkBudget(limits.linksBytesMax) } = options;
    this.#inputs = this.#makeInputs(budget);
    const wake = (): void => this.#turns.ask();
    this.#reads = new ReadQueue({ waitingMax: limits.linkReadsMax, budget, runtime, wake });
    this.#host = this.#makeHost(budget);
    // Writes of an earlier run may not be announced yet.
    this.#turns.ask();
  }

  get links(): readonly Link[] {
    return [...this.#links];
  }

  /** Changes received and not merged yet: the loop decodes no more than it can merge soon. */
  get waitingChanges(): number {
    return this.#inputs.changes;
  }

  /** Errors  CLOSED; LIMIT_EXCEEDED beyond limits.linksMax. */
  attach(port: FramePort, options: AttachOptions): Link {
    this.#assertOpen();
    if (this.#links.size >= this.#options.limits.linksMax) {
      throw new ReplicationError(
        'LIMIT_EXCEEDED',
        `a replica has at most ${this.#options.limits.linksMax} links: try later`,
      );
    }
    const durable = new DurablePort(port, this.store, this.#options.limits);
    const link = new SessionLink(this.#host, durable, options);
    this.#links.add(link);
    this.#host.budget.join(link);
    return link;
  }

  wrote(): void {
    this.#wrote = true;
    this.#inputs.noteWrite();
    this.#turns.ask();
  }

  flush(): void {
    this.#assertOpen();
    invariant(this.#suspended === 0, 'own writes cannot be announced inside a user transaction');
    this.#flush();
  }

  async submit(input: MergeInput): Promise<InputResult> {
    const result = await this.#submit(input);
    await this.store.whenDurable?.();
    return result;
  }

  #submit(input: MergeInput): Promise<InputResult> {
    return new Promise((resolve, reject) => {
      this.#assertOpen();
      this.#inputs.add({ source: undefined, input, blobs: [], done: resolve, failed: reject });
      this.#turns.ask();
    });
  }

  migrate(
    text: string,
    options: { readonly plan?: boolean; readonly allowDestructive?: boolean } = {},
  ): MigrationResult {
    this.flush();
    const { storedMax: before, coverage, parkedChanges } = this.store;
    const result = this.store.migrate(text, options);
    if (result.outcome === 'refused' && options.plan !== true) throw schemaRefused(result.steps);
    const growth = subtractCoverage(this.store.coverage, coverage);
    if (this.store.storedMax > before || growth.size > 0) {
      this.#publish({ before, after: this.store.storedMax, parts: undefined, growth }, undefined);
    }
    const released = this.store.parkedChanges < parkedChanges;
    for (const link of this.#links) this.#tellMigrated(link, released);
    return result;
  }

  async run<T>(job: () => T): Promise<T> {
    this.#assertOpen();
    return this.#jobs.run(() => {
      this.#flush();
      return job();
    });
  }

  adopt(swap: () => void): Promise<void> {
    return this.run(() => {
      if (this.store.isPristine) this.#endAll('this replica takes an image: connect again');
      this.store.adopt(swap);
      this.#cursors.forget();
      const { storedMax: after, coverage: growth } = this.store;
      this.#publish({ before: STORE_VERSION_ZERO, after, parts: undefined, growth }, undefined);
    });
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  suspend(): () => void {
    this.#suspended += 1;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#suspended -= 1;
      this.#turns.ask();
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flushAtLast();
    const error = new ReplicationError('CLOSED', 'the replica was closed');
    for (const link of this.#links) link.handle({ type: 'end', error });
    for (const entry of this.#inputs.takeAll()) entry.failed(error);
    this.#jobs.failAll(error);
    this.#closed = true;
    this.#posted = [];
    this.#cursors.close();
    this.store.close();
  }

  #makeInputs(budget: LinkBudget): LoopInputs<HostedLink> {
    const { limits, runtime } = this.#options;
    return new LoopInputs({
      store: this.store,
      cursors: this.#cursors,
      limits,
      now: () => runtime.now(),
      links: () => budget.links,
      publish: (entries, merged) => {
        const commit = commitOfGroup(entries, merged, this.#options);
        if (commit !== undefined) this.#publish(commit, undefined);
      },
      guard: (job) => this.#guard(job),
    });
  }

  #makeHost(budget: LinkBudget): LinkHost {
    const { store, codec, runtime, limits, log } = this.#options;
    const startOver = (why: string): void => {
      this.#endAll(why);
      this.#cursors.forget();
    };
    const siteChanges = new SiteChanges({ store, limits, log, startOver });
    return {
      store,
      codec,
      runtime,
      now: () => runtime.now(),
      limits,
      log,
      growth: this.#growth,
      budget,
      facts: () => localFacts(store, { dbid: this.dbid, mesh: this.#mesh, growth: this.#growth }),
      cursorOf: (peer: SiteId): Cursor | undefined => this.#cursors.get(peer),
      enqueue: (entry) => {
        this.#inputs.add(entry);
        this.#turns.ask();
      },
      read: (link, job) => {
        this.#turns.ask();
        return this.#reads.add(link, job);
      },
      framesWait: (link) => {
        this.#inputs.framesWait(link);
        this.#turns.ask();
      },
      post: (job) => this.#post(job),
      flush: () => this.#flush(),
      identityLost: (link, alarm, error) => siteChanges.take(link, alarm, error),
      refusal: (link) => refusedWritesRefusal(link) ?? meshRefusal(calledLinks(this.#links), link),
      writesRefused: () => endPeersOfRefused(this.#links),
      opened: (link) => this.#linksChanged(link.session.terms.role === 'client'),
      ended: (link) => this.#forget(link),
    };
  }

  #assertOpen(): void {
    if (this.#closed) throw new ReplicationError('CLOSED', 'this replica is closed: open it again');
  }

  #post(job: () => void): void {
    if (this.#closed) return;
    this.#posted.push(job);
    this.#turns.ask();
  }

  #turn(): void {
    // What was written here waits for nothing that peers have sent.
    const isAnnounced = this.#flushOrWait();
    // Frames first: the end of a port is posted behind them.
    const decoded = this.#inputs.receive();
    for (const job of this.#posted.splice(0)) this.#guard(job);
    // Own writes go before reading and merging: while they cannot be announced, nothing else happens here.
    if (!isAnnounced || !this.#flushOrWait()) return;
    const merged = this.#inputs.merge(decoded);
    this.#turns.noteChanges(Math.max(decoded, merged));
    this.#reads.takeOneEach((link, read) => this.#readOnce(link, read));
    if (this.#wrote || this.#posted.length > 0 || this.#inputs.isWaiting || this.#reads.isReady) this.#turns.ask();
  }

  /** False when the disk refused: tried again after a pause, peers wait within their credit. */
  #flushOrWait(): boolean {
    try {
      this.#flush();
      return true;
    } catch (error) {
      this.#logUnannounced(error);
      this.#options.runtime.setTimer(this.#options.limits.retryFirstMs, () => this.#turns.ask());
      return false;
    }
  }

  #logUnannounced(error: unknown): void {
    const { code, message } = codedError(error);
    this.#options.log.error({ code, err: error }, `own writes cannot be announced: ${message}`);
  }

  /** A read that fails ends its link: a session that waits for an answer would wait for ever. */
  #readOnce(link: HostedLink, read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#guard(() => link.handle({ type: 'end', error: codedError(error) }));
    }
  }

  /** One job's fault is logged and must not stop the loop. */
  #guard(job: () => void): void {
    try {
      job();
    } catch (error) {
      const { code, message } = codedError(error);
      this.#options.log.error({ code, err: error }, message);
    }
  }

  #flush(): void {
    if (!this.#wrote || this.#closed) return;
    // While this fails nothing may be merged, whoever asked for the flush.
    // A link that still greets sends nothing of ours: the welcome is compared with what really left.
    const leaving = [...this.#links].some(({ state }) => state === 'open');
    const flushed = this.store.flush({ leaving });
    this.#wrote = false;
    if (flushed === undefined) return;
    const { commit, own } = commitOfFlush(flushed, this.store.identity.site, this.#options.codec);
    this.#publish(commit, own);
  }

  /** What the disk refuses now is in the file, and announced when it is opened again. */
  #flushAtLast(): void {
    try {
      this.#flush();
    } catch (error) {
      this.#logUnannounced(error);
    }
  }

  #publish(commit: Parameters<typeof announceCommit>[0], own: Parameters<typeof announceCommit>[1]): void {
    const claimsBefore = this.#growth.number;
    this.#growth.add(commit.growth);
    const claims = { claimsBefore, claimsAfter: this.#growth.number };
    announceCommit(commit, own, claims, this.#links);
    for (const listener of this.#listeners) this.#guard(() => listener(commit));
  }

  #tellMigrated(link: SessionLink, released: boolean): void {
    const { peer } = link.session;
    if (peer === undefined || link.state !== 'open') return;
    const sites = [peer.site, ...peer.formerSites];
    link.handle({ type: 'acknowledge', acks: new Map(sites.map((site) => [site, this.store.acknowledge(site)])) });
    if (released) link.handle({ type: 'state', coverage: coverageToState(link) });
  }

  #endAll(why: string): void {
    const error = new ReplicationError('UNAVAILABLE', why);
    for (const link of Array.from(this.#links)) link.handle({ type: 'end', error });
    for (const entry of this.#inputs.takeAll()) entry.failed(error);
  }

  #forget(link: HostedLink): void {
    for (const one of this.#links) {
      if (one !== link) continue;
      this.#links.delete(one);
      this.#host.budget.leave(one);
    }
    this.#reads.drop(link);
    this.#inputs.drop(link);
    this.#linksChanged(link.session.terms.role === 'client');
  }

  /** R13: the mesh is that of the links that this replica opened; between several meshes its leaf links carry. */
  #linksChanged(called: boolean): void {
    if (!called || this.#closed) return;
    const links = calledLinks(this.#links);
    const mesh = meshOf(links);
    if (mesh !== undefined && mesh !== this.#mesh) {
      this.#mesh = mesh;
      if (this.#options.hasUpstreams === true) this.store.setMesh(mesh);
    }
    const carrying = new Set(carryingLinks(links));
    for (const link of links) {
      const carries = link.session.carriesTo !== undefined;
      if (carries !== carrying.has(link))
        link.handle({ type: 'carry', to: carries ? undefined : this.store.storedMax });
    }
  }
}
