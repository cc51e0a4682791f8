/** Speeds of each way to read and merge the changes of N rows; prints them as one JSON line. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import { createWasmDriver } from '../src/sqlite/wasm/driver.ts';
import type { StoreVersion } from '../src/core/version.ts';
import type { Piece } from '../src/store/store-port.ts';
import type { Store } from '../src/store/store.ts';
import { openStore } from '../src/store/store.ts';
import { nodeRuntime } from '../src/transport/node-runtime.ts';
import { carryChanges } from './lib/engine-changes.ts';
import type { MergeSpeeds } from './lib/merge-speeds.ts';
import { benchRows, ROW_SCHEMA } from './lib/rows.ts';

const ROW_CHANGES = 3;
const TRANSACTION_ROWS = 1_000;

const count = Number(process.argv[2] ?? 1_000);
const folder = mkdtempSync(join(tmpdir(), 'crmesh-merge-'));
const driver = await createWasmDriver();
const { randomBytes } = nodeRuntime();
const source = storeNamed('source');
fill(source);
const [pieces, readMs] = timed(() => piecesOf(source));
const whole = storeNamed('whole');
const [, wholeMs] = timed(() => mergeAll(whole, pieces));
const [, knownMs] = timed(() => mergeAll(whole, pieces));
const [, cellsMs] = timed(() => mergeAll(storeNamed('cells', { wholeRows: false }), pieces));
const { readMs: engineReadMs, mergeMs: engineMergeMs } = carryChanges(
  source.connection,
  storeNamed('engine').connection,
);
const perSecond = (ms: number): number => (1_000 * count * ROW_CHANGES) / ms;
const speeds: MergeSpeeds = {
  mergeWhole: perSecond(wholeMs),
  mergeCells: perSecond(cellsMs),
  mergeKnown: perSecond(knownMs),
  mergeEngine: perSecond(engineMergeMs),
  readStore: perSecond(readMs),
  readEngine: perSecond(engineReadMs),
};
process.stdout.write(`${JSON.stringify(speeds)}\n`);
rmSync(folder, { recursive: true });
process.exit(0);

function storeNamed(name: string, options: { readonly wholeRows?: boolean } = {}): Store {
  const path = join(folder, `${name}.db`);
  return openStore({ driver, path, randomBytes, limits: DEFAULT_LIMITS, schema: ROW_SCHEMA, ...options });
}

function fill({ connection }: Store): void {
  const insert = connection.prepare('INSERT INTO todo VALUES (?, ?, ?, ?)');
  for (let i = 0; i < count; i += TRANSACTION_ROWS) {
    connection.exec('BEGIN');
    for (const { id, title, done, owner } of benchRows(i, Math.min(count, i + TRANSACTION_ROWS))) {
      insert.run([id, title, done, owner]);
    }
    connection.exec('COMMIT');
  }
  source.flush();
}

function piecesOf(store: Store): Piece[] {
  const pieces: Piece[] = [];
  let from = 0 as StoreVersion;
  for (;;) {
    const piece = store.readPiece(from, { without: [], changesMax: DEFAULT_LIMITS.pieceChangesMax });
    pieces.push(piece);
    if (piece.last) return pieces;
    from = piece.to;
  }
}

function mergeAll(store: Store, all: readonly Piece[]): void {
  for (const { parts } of all) {
    store.merge([{ parts, claims: new Map(parts.map(({ site, span }) => [site, [span]])) }]);
  }
}

function timed<T>(work: () => T): [T, number] {
  const start = performance.now();
  const value = work();
  return [value, performance.now() - start];
}
