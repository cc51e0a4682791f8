/**
 * Worlds for property tests: a few real stores, random writes, and random exchanges of the three kinds (own parts in
 * chunks, wants, windows), with loss, repeats and any order. In the end everything is exchanged by wants, each
 * author's versions from another neighbour.
 */
import fc from 'fast-check';
import type { Part } from '../../src/core/part.ts';
import { subtractRanges } from '../../src/core/range-set.ts';
import { rangesOfSite } from '../../src/core/coverage.ts';
import type { StoreFaults } from '../../src/store/faults.ts';
import type { Store } from '../../src/store/store.ts';
import { contents, inputOf, openTestStore, pull, siteOf, write } from './test-store.ts';

export type Action =
  | { readonly kind: 'write'; readonly store: number; readonly statements: readonly string[] }
  | { readonly kind: 'rolledBack'; readonly store: number; readonly statement: string }
  | { readonly kind: 'send'; readonly from: number; readonly to: number; readonly part: number; readonly chunk: number }
  | { readonly kind: 'want'; readonly from: number; readonly to: number; readonly author: number }
  | { readonly kind: 'pull'; readonly from: number; readonly to: number; readonly piece: number };

const key = fc.constantFrom('a', 'b', 'c');
const num = fc.integer({ min: 1, max: 3 });
const value = fc.constantFrom(`'x'`, `'y'`, '1', '2', '1.0', 'NULL', `x'00'`, '-0.5');

const statement: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(key, value)
    .map(
      ([k, v]) => `INSERT INTO todo (id, title, any) VALUES ('${k}', ${v}, ${v}) ON CONFLICT DO UPDATE SET any = ${v}`,
    ),
  fc.tuple(key, value).map(([k, v]) => `UPDATE todo SET title = ${v}, weight = ${v} WHERE id = '${k}'`),
  fc.tuple(key, num).map(([k, n]) => `UPDATE todo SET done = ${n} WHERE id = '${k}'`),
  key.map((k) => `DELETE FROM todo WHERE id = '${k}'`),
  fc.tuple(key, key).map(([k, l]) => `UPDATE OR IGNORE todo SET id = '${l}' WHERE id = '${k}'`),
  fc.tuple(key, key).map(([k, l]) => `INSERT OR IGNORE INTO tag VALUES ('${k}', '${l}')`),
  key.map((k) => `DELETE FROM tag WHERE todo = '${k}'`),
  fc.tuple(num, value).map(([n, v]) => `INSERT INTO num VALUES (${n}, ${v}) ON CONFLICT DO UPDATE SET v = ${v}`),
  num.map((n) => `DELETE FROM num WHERE id = ${n}`),
);

export function actions(stores: number, length: number): fc.Arbitrary<Action[]> {
  const store = fc.integer({ min: 0, max: stores - 1 });
  const pair = { from: store, to: store };
  const action: fc.Arbitrary<Action> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        store,
        statements: fc.array(statement, { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('rolledBack' as const), store, statement }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('send' as const),
        ...pair,
        part: fc.nat(1000),
        chunk: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('want' as const), ...pair, author: store }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('pull' as const), ...pair, piece: fc.integer({ min: 1, max: 20 }) }),
    },
  );
  return fc.array(action, { minLength: length >> 1, maxLength: length });
}

/** Runs the actions, exchanges everything, and returns each store's tables and coverage as text. */
export function runWorld(stores: number, script: readonly Action[], faults: StoreFaults = {}): string[] {
  const world = Array.from({ length: stores }, () => openTestStore({ faults, limits: { bookEntriesMax: 3 } }));
  const sent = world.map((): Part[] => []);
  try {
    for (const action of script) act(world, sent, action);
    settle(world, sent);
    return world.map((store) => `${contents(store)}\n${coverageText(store)}`);
  } finally {
    for (const store of world) store.close();
  }
}

function act(world: readonly Store[], sent: Part[][], action: Action): void {
  switch (action.kind) {
    case 'write':
      write(world[action.store]!, ...action.statements);
      return;
    case 'rolledBack':
      undo(world[action.store]!, action.statement);
      return;
    case 'send': {
      flush(world, sent, action.from);
      const parts = sent[action.from]!;
      const part = parts[action.part % Math.max(1, parts.length)];
      if (part !== undefined && action.from !== action.to) deliver(world, sent, action.to, part, action.chunk);
      return;
    }
    case 'want':
      want(world, sent, action.from, action.to, action.author);
      return;
    case 'pull':
      if (action.from === action.to) return;
      flush(world, sent, action.from);
      flush(world, sent, action.to);
      pull(world[action.to]!, world[action.from]!, action.piece);
  }
}

/** A savepoint that is rolled back: it raises the engine's counter in memory only. */
function undo({ connection }: Store, statementSql: string): void {
  connection.exec('BEGIN; SAVEPOINT s');
  connection.prepare(statementSql).run();
  connection.exec('ROLLBACK TO s; RELEASE s; COMMIT');
}

function flush(world: readonly Store[], sent: Part[][], store: number): void {
  const part = world[store]!.flush()?.part;
  if (part !== undefined) sent[store]!.push(part);
}

/** In `chunk` chunks, the claim with the last one. */
function deliver(world: readonly Store[], sent: Part[][], to: number, part: Part, chunk: number): void {
  flush(world, sent, to);
  const size = Math.max(1, Math.ceil(part.rows.length / chunk));
  for (let i = 0; i < Math.max(1, part.rows.length); i += size) {
    const last = i + size >= part.rows.length;
    world[to]!.merge([inputOf({ ...part, rows: part.rows.slice(i, i + size), claims: last ? part.claims : [] })]);
  }
}

/** Store `to` asks `from` for what it covers of one author's versions; true when something came. */
function want(world: readonly Store[], sent: Part[][], from: number, to: number, author: number): boolean {
  if (from === to || author === to) return false;
  flush(world, sent, from);
  flush(world, sent, to);
  const site = siteOf(world[author]!);
  const missing = subtractRanges(rangesOfSite(world[from]!.coverage, site), rangesOfSite(world[to]!.coverage, site));
  const part = world[from]!.serveWant(site, missing, { changesMax: 5 });
  if (part === undefined) return false;
  world[to]!.merge([inputOf(part)]);
  return true;
}

/** Each author's versions come from another neighbour, so nobody gets a whole state from one place. */
function settle(world: readonly Store[], sent: Part[][]): void {
  const count = world.length;
  for (let round = 0, quiet = 0; quiet < count; round++) {
    if (round > 500) throw new Error('the exchange does not end');
    let news = false;
    for (let to = 0; to < count; to++) {
      for (let author = 0; author < count; author++) {
        news = want(world, sent, (to + author + round) % count, to, author) || news;
      }
    }
    quiet = news ? 0 : quiet + 1;
  }
}

function coverageText(store: Store): string {
  return [...store.coverage]
    .map(([site, ranges]) => `${site} ${JSON.stringify(ranges)}`)
    .sort()
    .join('\n');
}
