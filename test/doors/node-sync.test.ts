/** Databases of Node and a real relay: real sockets, real files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database, OpenOptions } from '../../src/node.ts';
import { open, real } from '../../src/node.ts';
import type { RelayOptions, ServedRelay } from '../../src/relay.ts';
import { createRelay, serveRelay } from '../../src/relay.ts';

const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY, title TEXT, size REAL)';
const QUICK = { retryFirstMs: 5, retryMaxMs: 20 };

let folder: string;
const opened: { close(): Promise<void> }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crmesh-sync-'));
});

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
  rmSync(folder, { recursive: true });
});

async function relayAt(options: Partial<RelayOptions> = {}, port = 0): Promise<ServedRelay> {
  const served = await serveRelay(createRelay({ dir: join(folder, 'relay'), limits: QUICK, ...options }), { port });
  opened.push(served);
  return served;
}

async function openFile(name: string, options: OpenOptions = {}): Promise<Database> {
  const db = await open(join(folder, name), { schema: SCHEMA, limits: QUICK, ...options });
  opened.push(db);
  return db;
}

const wsUrl = ({ url }: ServedRelay): string => `${url.replace('http', 'ws')}/todo`;
const add = (db: Database, id: string): Promise<unknown> =>
  db.exec('INSERT INTO todo VALUES (?, ?, ?)', [id, `title ${id}`, real(1)]);
const rowsOf = (db: Database): Promise<unknown[]> => db.query('SELECT *, typeof(size) AS kind FROM todo ORDER BY id');

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('sync through a relay', () => {
  test.each(['ws', 'http'])('two databases meet over %s, live in both directions', async (scheme) => {
    const relay = await relayAt();
    const [a, b] = [await openFile('a.db'), await openFile('b.db')];
    await add(a, 'before');
    const url = scheme === 'ws' ? wsUrl(relay) : `${relay.url}/todo`;
    const [toA, toB] = [a.sync(url), b.sync(url)];
    await toA.synced();
    await toB.synced();
    expect(await rowsOf(b)).toEqual(await rowsOf(a));
    const seen: unknown[] = [];
    a.watch('SELECT id FROM todo ORDER BY id', [], (rows) => seen.push(rows.map(({ id }) => id)));
    await until(() => seen.length === 1);
    await add(b, 'live');
    await until(() => seen.length === 2);
    expect(seen).toEqual([['before'], ['before', 'live']]);
    await b.flushed({ tier: 'relay' });
    expect(await b.pending()).toEqual([]);
    expect(toA.status.traffic.changesEchoed + toB.status.traffic.changesEchoed).toBe(0);
  });

  test('both sides edit offline and are equal after the relay came back on its port', async () => {
    const first = await relayAt();
    const port = Number(new URL(first.url).port);
    const [a, b] = [await openFile('a.db'), await openFile('b.db')];
    const [toA, toB] = [a.sync(wsUrl(first)), b.sync(wsUrl(first))];
    await Promise.all([toA.synced(), toB.synced()]);
    await first.close();
    await until(() => toA.status.state === 'waiting' || toA.status.state === 'connecting');
    for (let i = 0; i < 20; i++) {
      await add(a, `a${i}`);
      await add(b, `b${i}`);
    }
    expect(await a.pending()).toHaveLength(20);
    await relayAt({}, port);
    for (const link of [toA, toB, toA]) await link.synced();
    expect(await rowsOf(a)).toHaveLength(40);
    expect(await rowsOf(b)).toEqual(await rowsOf(a));
  });

  test('a relay that lost its folder is filled again by a database that has everything', async () => {
    const first = await relayAt();
    const port = Number(new URL(first.url).port);
    const a = await openFile('a.db');
    await add(a, 'kept');
    const link = a.sync(wsUrl(first));
    await link.synced();
    await first.close();
    rmSync(join(folder, 'relay'), { recursive: true });
    await relayAt({}, port);
    await link.synced();
    const b = await openFile('b.db');
    await b.sync(wsUrl(first)).synced();
    expect(await rowsOf(b)).toEqual(await rowsOf(a));
  });

  test('a token that is not taken ends the link for good; another one works', async () => {
    const relay = await relayAt({ token: 'right' });
    const a = await openFile('a.db');
    for (const url of [wsUrl(relay), `${relay.url}/todo`]) {
      const refused = a.sync(url, { token: 'wrong' });
      await expect(refused.synced()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
      expect(refused.status.state).toBe('refused');
      refused.close();
    }
    await a.sync(wsUrl(relay), { token: async () => 'right' }).synced();
  });

  test('the site key holds for the relay on any port: nobody else can take the site', async () => {
    const first = await relayAt();
    const a = await openFile('a.db');
    const early = a.sync(wsUrl(first));
    await early.synced();
    early.close();
    await first.close();
    const second = await relayAt();
    await add(a, 'again');
    await a.sync(wsUrl(second)).synced();
    expect(a.status.links[0]?.state).toBe('live');
  });

  test('without a schema text a database that is not there is NO_DATABASE', async () => {
    const relay = await relayAt();
    const a = await open(join(folder, 'empty.db'));
    opened.push(a);
    await expect(a.sync(wsUrl(relay)).synced()).rejects.toMatchObject({
      code: expect.stringMatching(/NO_DATABASE|SCHEMA_REFUSED/),
    });
  });

  test('ten thousand rows of one transaction arrive in one piece', async () => {
    const relay = await relayAt();
    const [a, b] = [await openFile('a.db'), await openFile('b.db')];
    await a.transaction(async (tx) => {
      for (let i = 0; i < 10_000; i++) await tx.exec('INSERT INTO todo VALUES (?, ?, ?)', [`k${i}`, `t${i}`, i + 0.5]);
    });
    const counts = new Set<unknown>();
    b.watch('SELECT count(*) AS n FROM todo', [], ([row]) => counts.add(row?.['n']));
    await a.sync(wsUrl(relay)).synced();
    await b.sync(wsUrl(relay)).synced();
    expect(await rowsOf(b)).toEqual(await rowsOf(a));
    await until(() => counts.has(10_000));
  });
});

describe('the native engine', () => {
  test('works where its packages are installed, and says what to install where not', async () => {
    const attempt = open(join(folder, 'native.db'), { schema: SCHEMA, engine: 'native' });
    const outcome = await attempt.then(
      async (db) => {
        opened.push(db);
        await add(db, 'a');
        return (await rowsOf(db)).length;
      },
      (error: { code: string; message: string }) => error,
    );
    if (typeof outcome === 'number') expect(outcome).toBe(1);
    else {
      expect(outcome.code).toBe('NATIVE_ABSENT');
      expect(outcome.message).toMatch(/better-sqlite3/);
    }
  });

  test('a link in a mode that there is not is refused with USAGE, before anything is dialled', async () => {
    const db = await openFile('todo.db');
    const options = { mode: 'both' as unknown as 'leaf' };
    expect(() => db.sync('ws://127.0.0.1:1/todo', options)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('an engine of another name is refused with USAGE', async () => {
    const call = open(':memory:', { engine: 'other' as 'wasm' });
    await expect(call).rejects.toMatchObject({ code: 'USAGE' });
  });
});
