/** The door crmesh on Node: files, locks, reopening, what is exported. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database, Log, OpenOptions } from '../../src/node.ts';
import { isReplicationError, open, real, ReplicationError } from '../../src/node.ts';

const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY, title TEXT, size REAL)';

let folder: string;
const opened: Database[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crmesh-node-'));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
  rmSync(folder, { recursive: true });
});

async function openFile(name = 'todo.db', options: OpenOptions = { schema: SCHEMA }): Promise<Database> {
  const db = await open(join(folder, name), options);
  opened.push(db);
  return db;
}

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('open', () => {
  test('keeps what was written, under the same site id and a new epoch, and needs no schema the second time', async () => {
    const first = await openFile();
    await first.exec('INSERT INTO todo VALUES (?, ?, ?)', ['a', 'milk', real(1)]);
    const { siteId, epoch } = first;
    await first.close();
    const second = await openFile('todo.db', {});
    expect(await second.query('SELECT * FROM todo')).toEqual([{ id: 'a', title: 'milk', size: 1 }]);
    expect(second.siteId).toBe(siteId);
    expect(second.epoch).not.toBe(epoch);
    expect(second.schema.text).toContain('todo');
  });

  test('a later schema adds to the file, one that loses something is refused and leaves it', async () => {
    const first = await openFile();
    await first.exec("INSERT INTO todo VALUES ('a', 'milk', 1.5)");
    await first.close();
    const wider = await openFile('todo.db', {
      schema: 'CREATE TABLE todo (id TEXT PRIMARY KEY, title TEXT, size REAL, done INTEGER)',
    });
    expect(await wider.query('SELECT done FROM todo')).toEqual([{ done: null }]);
    await wider.close();
    await expect(openFile('todo.db', { schema: 'CREATE TABLE other (id TEXT PRIMARY KEY)' })).rejects.toMatchObject({
      code: 'SCHEMA_REFUSED',
    });
    expect(await (await openFile('todo.db', {})).query('SELECT title FROM todo')).toEqual([{ title: 'milk' }]);
  });

  test('a file that is open is refused with FILE_LOCKED', async () => {
    await openFile();
    await expect(openFile()).rejects.toMatchObject({ code: 'FILE_LOCKED' });
  });

  test('mustExist refuses to make a file', async () => {
    await expect(openFile('none.db', { mustExist: true })).rejects.toMatchObject({ code: 'NO_DATABASE' });
  });

  test('durability full and memory databases work', async () => {
    for (const db of [
      await openFile('full.db', { schema: SCHEMA, durability: 'full' }),
      await open(':memory:', { schema: SCHEMA }),
    ]) {
      opened.push(db);
      await db.exec("INSERT INTO todo VALUES ('a', 'x', 2.5)");
      await db.flushed();
      expect(await db.query('SELECT count(*) AS n FROM todo')).toEqual([{ n: 1 }]);
    }
  });

  test('is an async disposable', async () => {
    const db = await open(':memory:');
    await db[Symbol.asyncDispose]();
    await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('a path that is none is refused with USAGE', async () => {
    await expect(open('')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(open(undefined as unknown as string)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test.each([
    ['a schema that is no text', { schema: 5 }],
    ['an unknown durability', { schema: SCHEMA, durability: 'never' }],
    ['an unknown engine', { schema: SCHEMA, engine: 'other' }],
    ['an unknown limit', { schema: SCHEMA, limits: { none: 1 } }],
    ['null', null],
  ])('%s among the options is refused with USAGE', async (_, options) => {
    await expect(open(':memory:', options as never)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('errors are of one class with a stable code', async () => {
    const error: unknown = await open('').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ReplicationError);
    expect(isReplicationError(error, 'USAGE')).toBe(true);
  });
});

describe('node parts', () => {
  test('db inside its own transaction is told by the context of the call', async () => {
    const db = await openFile();
    const nested = db.transaction(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await db.query('SELECT 1');
    });
    await expect(nested).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' });
  });

  test.each(['', 'todo', 'ftp://host/todo', 'ws://host', 'ws://host/', 'ws://host/%zz'])(
    'sync refuses the address %j with USAGE',
    async (url) => {
      const db = await openFile();
      expect(() => db.sync(url)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );

  test('a relay that is not there is tried again, over sockets and over http', async () => {
    const db = await openFile('todo.db', { schema: SCHEMA, limits: { retryFirstMs: 1, retryMaxMs: 2 } });
    const port = await unusedPort();
    for (const url of [`ws://127.0.0.1:${port}/todo`, `http://127.0.0.1:${port}/todo`]) {
      const link = db.sync(url, { token: () => 'secret' });
      let errors = 0;
      await new Promise<void>((resolve) => link.on('error', () => (++errors === 2 ? resolve() : undefined)));
      expect(link.status.lastError).toMatchObject({ code: 'UNAVAILABLE' });
      expect(link.status.lastError?.message).not.toContain('secret');
      link.close();
    }
  });

  test('a token function that throws is reported as the reason', async () => {
    const db = await openFile();
    const link = db.sync('ws://127.0.0.1:9/todo', { token: () => Promise.reject(new Error('no session')) });
    await new Promise<void>((resolve) => link.on('error', () => resolve()));
    expect(link.status.lastError?.message).toContain('no session');
  });

  test('what nobody listens to goes to the log', async () => {
    const said: string[] = [];
    const say = (_fields: unknown, message: string): void => void said.push(message);
    const log: Log = { debug: say, info: say, warn: say, error: say };
    const db = await openFile('todo.db', { schema: SCHEMA, log });
    db.watch('SELECT * FROM nowhere', [], () => undefined);
    while (!said.some((message) => message.includes('nowhere'))) await new Promise((resolve) => setTimeout(resolve, 2));
  });
});
