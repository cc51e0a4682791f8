/**
 * Judges a disk after a fault: the database opens, is whole, is a state that it may be in, tells others nothing
 * wrong, and reuses no number.
 */
import { coversRanges, subtractRanges } from '../../src/core/range-set.ts';
import { rangesOfSite } from '../../src/core/coverage.ts';
import type { Connection, Driver } from '../../src/sqlite/database.ts';
import type { Store } from '../../src/store/store.ts';
import { contentsOf, differenceOf } from '../simulation/contents.ts';
import { DATABASE_PATH } from '../simulation/computers.ts';
import type { Computer } from '../simulation/computers.ts';
import { FIRST_SCHEMA } from '../simulation/schema-texts.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Peer, TestComputers } from './computers.ts';
import { driverOver, mergeAll, openOn } from './computers.ts';
import { stateOf } from './disk-state.ts';
import { expectThat } from './suite.ts';
import type { Promised } from './workload.ts';

const NO_ROWS: ReadonlySet<string> = new Set();

export interface Expectation {
  readonly promised: Promised;
  /** States that may come back; undefined inside a step of several commits. */
  readonly states: ReadonlySet<string> | undefined;
}

/** Judges states of one workload; a state that was judged in depth once is not judged so again. */
export class RecoveryJudge {
  readonly #computers: TestComputers;
  readonly #judged = new Set<string>();
  readonly #seed: number;
  deepJudgements = 0;

  constructor(computers: TestComputers, seed: number) {
    this.#computers = computers;
    this.#seed = seed;
  }

  /** Opens the database of `driver` and judges it; closes it. */
  judge(driver: Driver, expectation: Expectation): void {
    const connection = driver.open(DATABASE_PATH);
    let closed = false;
    try {
      const integrity = connection.prepare('PRAGMA integrity_check').all().flat().map(String);
      expectThat(integrity.join() === 'ok', () => `integrity_check says ${integrity.slice(0, 3).join('; ')}`);
      const state = stateOf(connection);
      const { states, promised } = expectation;
      expectThat(states === undefined || states.has(state), () => `an acknowledged state is gone, or a state is torn`);
      const key = `${state} ${promised.state} ${promised.sent.length}`;
      if (this.#judged.has(key)) return;
      this.#judged.add(key);
      this.deepJudgements += 1;
      closed = true;
      this.#judgeStore(connection, promised);
    } finally {
      if (!closed) connection.close();
    }
  }

  #judgeStore(connection: Connection, promised: Promised): void {
    const store = openOn(driverOver(connection), this.#seed * 1000 + 999);
    const stores = [store];
    try {
      judgeKnowledge(store, promised);
      // A file whose making was cut short has no schema yet.
      if (store.schema.tables['item'] === undefined) store.migrate(FIRST_SCHEMA);
      const { newcomer, newcomerTemplate, witness, witnessTemplate } = this.#computers;
      stores.push(openFrom(newcomer, newcomerTemplate, store.schema.text, this.#seed));
      stores.push(openFrom(witness, witnessTemplate, store.schema.text, this.#seed));
      const [, fed, witnessing] = stores as [Store, Store, Store];
      judgeNewcomer(store, fed);
      judgeAfterwards(store, witnessing, promised, [this.#computers.hub, this.#computers.other]);
    } finally {
      for (const one of stores) one.close();
    }
  }
}

function openFrom({ disk, driver }: Computer, template: DiskSnapshot, schema: string, seed: number): Store {
  disk.restore(template);
  return openOn(driver, seed, schema === '' ? undefined : schema);
}

function judgeKnowledge(store: Store, { announced, coverage }: Promised): void {
  expectThat(store.announced >= announced, () => `announced is ${store.announced}, was ${announced}`);
  for (const [site, ranges] of coverage) {
    const held = rangesOfSite(store.coverage, site);
    expectThat(coversRanges(held, ranges), () => `of ${site} ${JSON.stringify(subtractRanges(ranges, held))} is lost`);
  }
}

/** Whoever is fed by wants alone has the same as the one who feeds. */
function judgeNewcomer(store: Store, newcomer: Store): void {
  for (const [site, ranges] of store.coverage) {
    for (let left = ranges; left.length > 0;) {
      const part = store.serveWant(site, left, { changesMax: 50 });
      expectThat(
        part !== undefined && part.claims.length > 0,
        () => `${JSON.stringify(left)} of ${site} is not served`,
      );
      mergeAll(newcomer, [part]);
      left = subtractRanges(left, part.claims);
    }
  }
  // Rows outside of every claim (parked spans, early chunks) travel in windows only.
  pullAll(newcomer, store);
  expectEqual(store, newcomer, 'a newcomer');
}

/** A witness of what was sent before the fault agrees with what is written and merged after it. */
function judgeAfterwards(store: Store, witness: Store, { announced, sent }: Promised, peers: readonly Peer[]): void {
  mergeAll(witness, sent);
  store.connection.exec(`INSERT INTO tag (name) VALUES ('after') ON CONFLICT DO NOTHING; DELETE FROM item WHERE id = 3;
    INSERT INTO item (id, a) VALUES (4, 'after') ON CONFLICT DO UPDATE SET a = excluded.a || 'x', b = NULL`);
  const flushed = store.flush();
  expectThat(flushed !== undefined, () => 'a write after the fault is not announced');
  const from = flushed.announced[0];
  expectThat(from >= announced, () => `versions from ${from} are announced again, up to ${announced} had been`);
  if (flushed.part !== undefined) mergeAll(witness, [flushed.part]);
  for (const { store: peer } of peers) pullAll(store, peer);
  pullAll(witness, store);
  for (const { store: peer } of peers) pullAll(witness, peer);
  expectEqual(store, witness, 'a witness');
}

function expectEqual(store: Store, other: Store, who: string): void {
  const [ours, theirs] = [contentsOf(store.connection, NO_ROWS), contentsOf(other.connection, NO_ROWS)];
  const difference = differenceOf(ours.tables, theirs.tables) ?? differenceOf(ours.changes, theirs.changes);
  expectThat(difference === undefined, () => `${who} differs: ${difference}`);
}

/** Windows of the sender's whole store from the cursor held, claims with the last. */
export function pullAll(to: Store, from: Store): void {
  from.flush();
  to.flush();
  let { at } = from.resume(to.cursorOf(from.identity.site)).base;
  for (;;) {
    const piece = from.readPiece(at, { without: [to.identity.site], changesMax: 500 });
    const cursor = { peer: from.identity.site, cursor: { nonce: from.identity.era, at: piece.to } };
    to.merge([{ parts: piece.parts, claims: piece.last ? from.coverage : new Map(), cursor }]);
    if (piece.last) return;
    at = piece.to;
  }
}
