import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { changeBytes } from '../../src/core/change.ts';
import { coverageOf, emptyCoverage } from '../../src/core/coverage.ts';
import { ReplicationError } from '../../src/core/errors.ts';
import type { PartBody } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { InboxEntry } from '../../src/replica/inbox.ts';
import { Inbox } from '../../src/replica/inbox.ts';
import { partsInPieces } from '../../src/replica/part-pieces.ts';
import type { InputResult } from '../../src/store/store-port.ts';

const SITE = 'aa'.repeat(16) as SiteId;
const CLAIMS = coverageOf(SITE, [[0, 9]]);
const BASE = { peer: SITE, cursor: { nonce: '0a'.repeat(16), at: 3 } } as unknown as NonNullable<
  InboxEntry<string>['base']
>;

function part(rows: number): PartBody {
  const change: Change = { table: 't', pk: new Uint8Array(3), cid: 'c', val: 1, colVersion: 1, cl: 1, seq: 0 };
  return { site: SITE, span: [0, 9], rows: Array.from({ length: rows }, () => change) };
}

function entry(source: string, rows: number, done: (result: InputResult) => void = () => {}): InboxEntry<string> {
  return { source, input: { parts: [part(rows)], claims: CLAIMS }, blobs: [], done, failed: () => {} };
}

/** What sources have sent, as many changes each, in this order. */
function inboxOf(inputs: readonly (readonly [source: string, changes: number])[]): Inbox<string> {
  const inbox = new Inbox<string>({ groupChangesMax: 20_000, messageBytesMax: 1_000_000 });
  for (const [source, changes] of inputs) inbox.add(entry(source, changes));
  return inbox;
}

function sent(group: readonly InboxEntry<string>[]): string[] {
  return group.map(({ source, input }) => `${source} ${input.parts[0]?.rows.length}`);
}

function result(applied: number): InputResult {
  const none = { duplicates: 0, parked: 0, leftOut: 0, changedByPart: [true], growth: emptyCoverage, invalid: [] };
  return { outcome: 'applied', applied, ...none };
}

describe('the inbox', () => {
  it('groups inputs up to the bound, in arrival order', () => {
    const inbox = new Inbox<string>({ groupChangesMax: 10, messageBytesMax: 1_000 });
    for (const [source, rows] of [
      ['a', 4],
      ['b', 6],
      ['c', 1],
    ] as const)
      inbox.add(entry(source, rows));
    expect(inbox.changes).toBe(11);
    expect(inbox.takeGroup().map(({ source }) => source)).toEqual(['a', 'b']);
    expect(inbox.takeGroup().map(({ source }) => source)).toEqual(['c']);
    expect([inbox.length, inbox.changes]).toEqual([0, 0]);
  });

  it('is full by number or by bytes, until what fills it is taken or dropped', () => {
    const inbox = new Inbox<string>({ groupChangesMax: 10, messageBytesMax: 1_000 });
    inbox.add({ ...entry('a', 1), heldBytes: 499 });
    expect([inbox.isFull(10), inbox.isFull(1)]).toEqual([false, true]);
    inbox.add({ ...entry('b', 25), heldBytes: 1 });
    expect(inbox.isFull(100)).toBe(true);
    inbox.dropFrom('b');
    expect(inbox.isFull(10)).toBe(false);
    inbox.add({ ...entry('c', 12), heldBytes: 600 });
    const [first, last] = [inbox.takeGroup(), inbox.takeGroup()];
    expect([first.length, last.length, inbox.length]).toEqual([1, 1, 1]);
    expect(inbox.isFull(10)).toBe(true);
    inbox.takeGroup();
    expect([inbox.length, inbox.isFull(1)]).toEqual([0, false]);
  });

  it('cuts a larger input into pieces with its span; claims go with the last, and its sender hears once', () => {
    const inbox = new Inbox<string>({ groupChangesMax: 10, messageBytesMax: 1_000 });
    const heard: InputResult[] = [];
    inbox.add(entry('a', 25, (one) => heard.push(one)));
    const pieces = [inbox.takeGroup(), inbox.takeGroup(), inbox.takeGroup()].flat();
    expect(pieces.map(({ input }) => input.parts[0]?.rows.length)).toEqual([10, 10, 5]);
    expect(pieces.map(({ input }) => input.parts[0]?.span)).toEqual([
      [0, 9],
      [0, 9],
      [0, 9],
    ]);
    expect(pieces.map(({ input }) => input.claims.size)).toEqual([0, 0, 1]);
    for (const { done, input } of pieces) done(result(input.parts[0]?.rows.length ?? 0));
    expect(heard).toMatchObject([{ outcome: 'applied', applied: 25 }]);
  });

  it('stores a base alone, between what came before and after it', () => {
    const inbox = new Inbox<string>({ groupChangesMax: 10, messageBytesMax: 1_000 });
    inbox.add(entry('a', 1));
    inbox.add({ ...entry('a', 0), base: BASE });
    inbox.add(entry('a', 1));
    expect([1, 2, 3].map(() => inbox.takeGroup().length)).toEqual([1, 1, 1]);
  });

  it('gives what sources with little waiting have sent before the groups of those with much', () => {
    const inbox = inboxOf([
      ['bulk', 3_000],
      ['live', 3],
      ['bulk', 3_000],
      ['live', 150],
      ['some', 200],
      ['more', 201],
    ]);
    expect(sent(inbox.takeLight())).toEqual(['live 3', 'live 150', 'some 200']);
    expect(inbox.takeLight()).toEqual([]);
    expect([inbox.changes, inbox.length]).toEqual([6_201, 3]);
    expect(sent(inbox.takeGroup(10_000))).toEqual(['bulk 3000', 'bulk 3000', 'more 201']);
  });

  it('keeps the order of a source with much waiting, and of one with a base', () => {
    const inbox = inboxOf([
      ['bulk', 3],
      ['bulk', 3_000],
      ['bulk', 3],
    ]);
    inbox.add({ ...entry('based', 0), base: BASE });
    inbox.add(entry('based', 3));
    inbox.add(entry('live', 3));
    expect(sent(inbox.takeLight())).toEqual(['live 3']);
    expect(sent(inbox.takeGroup())).toEqual(['bulk 3', 'bulk 3000', 'bulk 3']);
    expect([inbox.takeGroup(), inbox.takeGroup()].map(sent)).toEqual([['based 0'], ['based 3']]);
  });

  it('gives nothing first where all have little, or all together have not much, waiting', () => {
    expect(inboxOf(Array.from({ length: 30 }, (_, i) => [`${i}`, 100] as const)).takeLight()).toEqual([]);
    expect(inboxOf([['some', 900] as const, ['live', 3] as const]).takeLight()).toEqual([]);
  });

  it('gives first no more than is worth a commit, so that the others wait for a bounded time', () => {
    const inbox = inboxOf([['bulk', 3_000], ...Array.from({ length: 30 }, (_, i) => [`${i}`, 100] as const)]);
    expect(sent(inbox.takeLight())).toEqual(Array.from({ length: 10 }, (_, i) => `${i} 100`));
    expect(inbox.takeLight()[0]?.source).toBe('10');
  });

  it('takes more of a source with little waiting than fills it, but not beyond its bytes', () => {
    const inbox = inboxOf([
      ['bulk', 3_000],
      ['live', 200],
    ]);
    const mayOverfill = (): boolean[] => ['bulk', 'live', 'new'].map((source) => inbox.mayOverfill(source));
    expect([inbox.isFull(1_000), ...mayOverfill()]).toEqual([true, false, true, true]);
    inbox.add(entry('live', 1));
    expect(mayOverfill()).toEqual([false, false, true]);
    inbox.dropFrom('live');
    inbox.add({ ...entry('large', 1), heldBytes: 500_000 });
    expect(mayOverfill()).toEqual([false, false, false]);
  });

  it('drops what a closed session queued and nothing else', () => {
    const inbox = new Inbox<string>({ groupChangesMax: 10, messageBytesMax: 1_000 });
    for (const source of ['a', 'b', 'a']) inbox.add(entry(source, 2));
    inbox.dropFrom('a');
    expect(inbox.takeGroup().map(({ source }) => source)).toEqual(['b']);
    expect(inbox.changes).toBe(0);
  });

  it('merges nothing more of an input after a piece of it that failed', () => {
    const inbox = new Inbox<string>({ groupChangesMax: 10, messageBytesMax: 1_000 });
    const failures: string[] = [];
    inbox.add({ ...entry('large', 25), failed: ({ code }) => failures.push(code) });
    inbox.add(entry('other', 1));
    const [piece] = inbox.takeGroup();
    piece!.failed(new ReplicationError('STORAGE_FULL', 'the disk is full'));
    expect(failures).toEqual(['STORAGE_FULL']);
    expect(inbox.takeGroup().map(({ source }) => source)).toEqual(['other']);
  });

  it('cuts parts at the bound without losing or repeating a row', () => {
    const bounds = { changesMax: 5, bytesMax: Number.POSITIVE_INFINITY };
    const groups = partsInPieces([part(3), part(0), part(9)], bounds);
    expect(groups.map((group) => group.map(({ rows }) => rows.length))).toEqual([[3, 0, 2], [5], [2]]);
    expect(partsInPieces([], bounds)).toEqual([[]]);
    const { rows } = part(1);
    const bytesMax = 2 * changeBytes(rows[0]!) + 1;
    const small = partsInPieces([part(3), part(0), part(4)], { changesMax: 5, bytesMax });
    expect(small.map((group) => group.map((one) => one.rows.length))).toEqual([[2], [1, 0, 1], [2], [1]]);
    expect(partsInPieces([part(2)], { changesMax: 5, bytesMax: 1 }).length).toBe(2);
  });
});
