/**
 * One replica at work: opens, writes, announces, merges, parks, migrates, checkpoints, closes, in any order.
 *
 * Beside it stands what it has promised: the state after each commit, and which of them must survive whatever
 * happens next.
 */
import type { Coverage } from '../../src/core/coverage.ts';
import { emptyCoverage, rangesOfSite } from '../../src/core/coverage.ts';
import type { Part } from '../../src/core/part.ts';
import type { MergeInput } from '../../src/store/store-port.ts';
import type { Store } from '../../src/store/store.ts';
import { Random } from '../simulation/random.ts';
import { FIRST_SCHEMA, SECOND_SCHEMA } from '../simulation/schema-texts.ts';
import { bulkTransaction, randomEnding, randomTransaction, runTransaction } from '../simulation/writes.ts';
import type { Peer, TestComputers } from './computers.ts';
import { openOn } from './computers.ts';
import { stateOf } from './disk-state.ts';

/** What must be there after any fault from now on. */
export interface Promised {
  /** Index of the oldest state that may come back. */
  readonly state: number;
  readonly announced: number;
  readonly coverage: Coverage;
  /** Own parts that have left this replica. */
  readonly sent: readonly Part[];
}

export type ActionName =
  | 'write'
  | 'bulk'
  | 'flush'
  | 'pull'
  | 'part'
  | 'group'
  | 'records'
  | 'migrate'
  | 'checkpoint'
  | 'reopen';

const ACTIONS: readonly (readonly [number, ActionName])[] = [
  [6, 'write'],
  [1, 'bulk'],
  [4, 'flush'],
  [5, 'pull'],
  [4, 'part'],
  [2, 'group'],
  [1, 'records'],
  [2, 'migrate'],
  [1, 'checkpoint'],
  [2, 'reopen'],
];

const NOTHING_PROMISED: Promised = { state: 0, announced: 0, coverage: emptyCoverage, sent: [] };

export interface WorkloadOptions {
  readonly seed: number;
  /** The disk is empty: the first open makes the file. */
  readonly fresh: boolean;
}

export class Workload {
  readonly random: Random;
  readonly #computers: TestComputers;
  readonly #options: WorkloadOptions;
  /** The state before anything, then after each commit that was seen; not inside steps of several commits. */
  readonly states: string[] = [];
  promised: Promised = NOTHING_PROMISED;
  /** A step of several commits is under way: states between them are not known. */
  isBetweenStates = true;
  doing = 'open';
  #store: Store | undefined;
  #opens = 0;
  #hasOpened = false;

  constructor(computers: TestComputers, options: WorkloadOptions) {
    this.random = new Random(options.seed, 'workload');
    this.#computers = computers;
    this.#options = options;
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error('the workload is not open');
    return this.#store;
  }

  get isOpen(): boolean {
    return this.#store !== undefined;
  }

  /** Before the first open. */
  noteStart(state: string): void {
    this.states.push(state);
  }

  open(): void {
    this.isBetweenStates = true;
    this.#opens += 1;
    const { seed, fresh } = this.#options;
    const schema = fresh && !this.#hasOpened ? FIRST_SCHEMA : undefined;
    this.#store = openOn(this.#computers.faulty.driver, seed * 1000 + this.#opens, schema);
    this.#hasOpened = true;
    this.#noteState();
    this.promise();
    this.isBetweenStates = false;
  }

  close(): void {
    this.isBetweenStates = true;
    const store = this.#store;
    this.#store = undefined;
    store?.close();
  }

  /** Gives up a store whose disk or process is gone. */
  abandon(): void {
    try {
      this.#store?.connection.close();
    } catch {
      // Its files are lost: only the engine's memory is given back.
    }
    this.#store = undefined;
  }

  nextAction(): ActionName {
    return this.random.weighted(ACTIONS);
  }

  run(action: ActionName): void {
    this.doing = action;
    switch (action) {
      case 'write':
        runTransaction(this.store.connection, randomTransaction(this.random, this.#isLate), randomEnding(this.random));
        return this.#noteState();
      case 'bulk':
        runTransaction(this.store.connection, bulkTransaction(this.random), 'commit');
        return this.#noteState();
      case 'flush':
        return this.flush();
      case 'pull':
        return this.#merge([this.#windowOf(this.#computers.hub)]);
      case 'part':
        return this.#merge([this.#partOf(this.#computers.other)]);
      case 'group':
        return this.#merge([this.#windowOf(this.#computers.hub), this.#partOf(this.#computers.other)]);
      case 'records':
        return this.#noteAcknowledgement();
      case 'migrate':
        return this.#migrate();
      case 'checkpoint':
        this.store.connection.exec(`PRAGMA wal_checkpoint(${this.random.pick(['PASSIVE', 'TRUNCATE'])})`);
        return;
      case 'reopen':
        this.close();
        return this.open();
    }
  }

  flush(): void {
    const flushed = this.store.flush();
    this.#noteState();
    if (flushed === undefined) return;
    const part = flushed.part === undefined ? [] : [flushed.part];
    this.promise([...this.promised.sent, ...part]);
  }

  /** What the store says of itself now must survive: a full commit has just ended. */
  promise(sent: readonly Part[] = this.promised.sent): void {
    const { announced, coverage } = this.store;
    this.promised = { state: this.states.length - 1, announced, coverage, sent };
  }

  get #isLate(): boolean {
    return this.store.schema.tables['note'] !== undefined;
  }

  #merge(inputs: readonly MergeInput[]): void {
    this.flush();
    this.store.merge(inputs);
    this.#noteState();
    this.promise();
  }

  /** The next piece of a peer's store order. */
  #windowOf({ store, site }: Peer): MergeInput {
    const { base } = store.resume(this.store.cursorOf(site));
    const without = [this.store.identity.site];
    const piece = store.readPiece(base.at, { without, changesMax: this.random.pick([3, 20, 200]) });
    const cursor = { peer: site, cursor: { nonce: store.identity.era, at: piece.to } };
    return { parts: piece.parts, claims: piece.last ? store.coverage : emptyCoverage, cursor };
  }

  #partOf({ parts }: Peer): MergeInput {
    const part = this.random.pick(parts);
    const { site, claims } = part;
    if (this.random.chance(0.8)) return { parts: [part], claims: new Map([[site, claims]]) };
    // An early chunk: rows without their claim.
    return { parts: [{ ...part, rows: part.rows.slice(0, 1) }], claims: emptyCoverage };
  }

  #noteAcknowledgement(): void {
    const { site, store } = this.#computers.hub;
    const held = rangesOfSite(this.store.coverage, this.store.identity.site);
    this.store.setHeldBy(site, { held, parked: [], refused: [] });
    this.store.setCursor(store.identity.site, { nonce: store.identity.era, at: 0 as never }, 'some-subset');
  }

  #migrate(): void {
    this.isBetweenStates = true;
    this.flush();
    this.store.migrate(SECOND_SCHEMA);
    this.#noteState();
    this.promise();
    this.isBetweenStates = false;
  }

  #noteState(): void {
    this.states.push(stateOf(this.store.connection));
  }
}
