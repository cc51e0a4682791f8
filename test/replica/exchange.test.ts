/** Replication by hand: getChanges and applyChanges. */
import { afterEach, describe, expect, test } from 'vitest';
import { real } from '../../src/core/sql-value.ts';
import type { ChangesPage } from '../../src/replica/exchange.ts';
import type { ExchangedPart } from '../../src/replica/exchanged-part.ts';
import type { Wired, WiredOptions } from './wired.ts';
import { wire } from './wired.ts';

const opened: Wired[] = [];

async function open(options?: WiredOptions): Promise<Wired['db']> {
  const wired = await wire(options);
  opened.push(wired);
  return wired.db;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ db }) => db.close()));
});

async function pagesOf(db: Wired['db'], since?: string): Promise<ChangesPage[]> {
  const pages = [await db.getChanges(since)];
  while (pages.at(-1)!.more) pages.push(await db.getChanges(pages.at(-1)!.cursor));
  return pages;
}

async function write(db: Wired['db'], from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await db.exec('INSERT INTO todo VALUES (?, ?, ?, ?)', [`k${i}`, `t${i}`, i, real(i)]);
}

const rowsOf = (db: Wired['db']): Promise<unknown[]> =>
  db.query('SELECT *, typeof(size) AS kind FROM todo ORDER BY id');

describe('exchange by hand', () => {
  test('parts survive a structured clone and make two databases equal', async () => {
    const [a, b] = [await open(), await open()];
    await write(a, 0, 5);
    const page = structuredClone(await a.getChanges());
    expect(await b.applyChanges(page.parts)).toMatchObject([{ outcome: 'applied', duplicates: 0 }]);
    expect(await rowsOf(b)).toEqual(await rowsOf(a));
    expect(b.coverage()).toEqual(a.coverage());
    expect(await b.applyChanges(page.parts)).toMatchObject([{ outcome: 'duplicate', applied: 0 }]);
  });

  test('pages follow each other, and the cursor finds what came later', async () => {
    const a = await open({ limits: { pageChanges: 7 } });
    const b = await open();
    await write(a, 0, 20);
    const pages = await pagesOf(a);
    expect(pages.length).toBeGreaterThan(3);
    for (const { parts } of pages) await b.applyChanges(parts);
    await write(a, 20, 25);
    for (const { parts } of await pagesOf(a, pages.at(-1)!.cursor)) await b.applyChanges(parts);
    expect(await rowsOf(b)).toEqual(await rowsOf(a));
    expect(b.coverage()).toEqual(a.coverage());
  });

  test('a page that does not follow is a gap, nothing of it is taken, and the cursor to ask with is named', async () => {
    const a = await open({ limits: { pageChanges: 7 } });
    const b = await open();
    await write(a, 0, 20);
    const [first, second, third] = await pagesOf(a);
    expect(await b.applyChanges(third!.parts)).toMatchObject([{ outcome: 'gap', applied: 0 }]);
    expect(b.coverage().size).toBe(0);
    await b.applyChanges(first!.parts);
    const [gap] = await b.applyChanges(third!.parts);
    expect(gap).toMatchObject({ outcome: 'gap', cursor: first!.cursor });
    expect((await a.getChanges(gap!.cursor)).parts).toEqual(second!.parts);
  });

  test('what a third database wrote travels on with its own name', async () => {
    const [a, b, c] = [await open(), await open(), await open()];
    await write(a, 0, 3);
    await b.applyChanges((await a.getChanges()).parts);
    await write(b, 3, 6);
    await c.applyChanges((await b.getChanges()).parts);
    expect(await rowsOf(c)).toEqual(await rowsOf(b));
    expect([...c.coverage().keys()].sort()).toEqual([a.siteId, b.siteId].sort());
  });

  test('own changes that come back are duplicates', async () => {
    const [a, b] = [await open(), await open()];
    await write(a, 0, 3);
    await b.applyChanges((await a.getChanges()).parts);
    const results = await a.applyChanges((await b.getChanges()).parts);
    expect(results).toMatchObject([{ outcome: 'duplicate', applied: 0 }]);
  });

  test('inOrder answers gap with the ranges that are missing', async () => {
    const [a, b] = [await open(), await open()];
    await write(a, 0, 3);
    const { cursor } = await a.getChanges();
    await write(a, 3, 4);
    const [{ page: _page, ...alone }] = (await a.getChanges(cursor)).parts as [ExchangedPart];
    const part = { ...alone, span: [3, 4] as const, claims: [[3, 4] as const] };
    expect(await b.applyChanges([part], { inOrder: true })).toEqual([
      { outcome: 'gap', applied: 0, duplicates: 0, missing: { [a.siteId]: [[0, 3]] } },
    ]);
    expect(await b.applyChanges([part])).toMatchObject([{ outcome: 'applied' }]);
  });

  test('a cursor that is none is refused with BAD_REQUEST, one of another database with EPOCH_CHANGED', async () => {
    const [a, b] = [await open(), await open()];
    await write(a, 0, 1);
    await expect(a.getChanges('x')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    const { cursor } = await a.getChanges();
    await expect(b.getChanges(cursor)).rejects.toMatchObject({ code: 'EPOCH_CHANGED' });
  });

  test('versions of this site that it never wrote are refused with SITE_CONFLICT', async () => {
    const a = await open();
    const forged = { site: a.siteId, span: [0, 9] as const, claims: [[0, 9] as const], rows: [] };
    await expect(a.applyChanges([forged])).rejects.toMatchObject({ code: 'SITE_CONFLICT' });
  });
});

describe('parts from anywhere', () => {
  const site = 'ab'.repeat(16) as ExchangedPart['site'];
  const row = {
    table: 'todo',
    pk: new Uint8Array([1, 11, 1, 97]),
    cid: 'title',
    val: 'x',
    colVersion: 1,
    cl: 1,
    seq: 0,
  };
  const part = { site, span: [0, 1] as const, claims: [[0, 1] as const], rows: [row] };

  test.each<[string, unknown]>([
    ['nothing', null],
    ['no site', { ...part, site: 'me' }],
    ['an inverted span', { ...part, span: [2, 1] }],
    ['claims that are no ranges', { ...part, claims: [[1]] }],
    ['rows that are no list', { ...part, rows: {} }],
    ['a row that is none', { ...part, rows: [7] }],
    ['a key that is no packed key', { ...part, rows: [{ ...row, pk: new Uint8Array() }] }],
    ['a value that is none', { ...part, rows: [{ ...row, val: true }] }],
    ['a number that is not exact', { ...part, rows: [{ ...row, val: 2 ** 60 }] }],
    ['a poisoned version', { ...part, rows: [{ ...row, colVersion: 2 ** 50 }] }],
    ['a causal length of 0', { ...part, rows: [{ ...row, cl: 0 }] }],
    ['a version outside the span', { ...part, rows: [{ ...row, version: 2 }] }],
    ['a page without numbers', { ...part, page: { site, epoch: site } }],
    ['a vector that is none', { ...part, seen: {} }],
  ])('%s is refused with CHANGE_INVALID and changes nothing', async (_name, value) => {
    const db = await open();
    await expect(db.applyChanges([value as ExchangedPart])).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
    expect(db.coverage().size).toBe(0);
  });

  test('something that is no list is refused', async () => {
    const db = await open();
    const call = db.applyChanges({} as unknown as ExchangedPart[]);
    await expect(call).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });

  test('changes of tables that are not there are parked', async () => {
    const db = await open();
    const unknown = { ...part, rows: [{ ...row, table: 'later' }] };
    expect(await db.applyChanges([unknown])).toMatchObject([{ outcome: 'parked' }]);
    expect(db.status.parkedChanges).toBe(1);
  });
});
