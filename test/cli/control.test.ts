import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askHolder, controlAddressOf } from '../../src/cli/control-client.ts';
import { readLine } from '../../src/cli/control-line.ts';
import { ControlServer } from '../../src/cli/control-server.ts';
import { ReplicationError } from '../../src/core/errors.ts';
import { open, type Database } from '../../src/node.ts';

const file = '/somewhere/todo.db';
let db: Database;
let control: ControlServer;

beforeEach(async () => {
  db = await open(':memory:', { schema: 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT)' });
  control = await ControlServer.listen();
  control.serve((asked) => Promise.resolve(asked === file ? db : undefined));
});

afterEach(async () => {
  await control.close();
  await db.close();
});

/** Sends bytes as they are and answers the first line. */
async function spoken(bytes: string): Promise<unknown> {
  const socket = connect(control.address);
  await once(socket, 'connect');
  socket.write(bytes);
  const line = await readLine(socket);
  socket.destroy();
  return JSON.parse(line);
}

describe('control socket', () => {
  test('a holder answers queries and its status', async () => {
    await db.exec("INSERT INTO todo VALUES ('a', 'one')");
    const sql = 'SELECT title FROM todo';
    expect(await askHolder(control.address, { operation: 'query', file, sql })).toEqual([{ title: 'one' }]);
    const status = await askHolder(control.address, { operation: 'status', file });
    expect(status).toMatchObject({ site: db.siteId, tables: { todo: 1 }, links: [] });
  });

  test('a holder imports rows and migrates, and says what it refuses', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crmesh-control-'));
    const data = join(folder, 'rows.csv');
    writeFileSync(data, 'id,title\na,one\nb,two\n');
    try {
      const imported = { operation: 'import', file, table: 'todo', data } as const;
      expect(await askHolder(control.address, imported)).toMatchObject({ table: 'todo', rows: 2 });
      expect(await askHolder(control.address, { ...imported, table: 'made', key: 'id' })).toMatchObject({ rows: 2 });
      const schema = `${db.schema.text};\nCREATE TABLE more (id TEXT PRIMARY KEY NOT NULL)`;
      const migrate = { operation: 'migrate', file, schema, plan: true, allowDestructive: false } as const;
      expect(await askHolder(control.address, migrate)).toMatchObject({ outcome: 'migrated', plan: true });
      expect(Object.keys(db.schema.tables).sort()).toEqual(['made', 'todo']);
      expect(await askHolder(control.address, { ...migrate, plan: false })).toMatchObject({ outcome: 'migrated' });
      expect(Object.keys(db.schema.tables).sort()).toEqual(['made', 'more', 'todo']);
      const less = { ...migrate, schema: 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL)', plan: false };
      expect(await askHolder(control.address, less)).toMatchObject({ outcome: 'refused' });
      await expect(askHolder(control.address, { ...imported, table: 'none' })).rejects.toMatchObject({ code: 'USAGE' });
      await expect(askHolder(control.address, { ...imported, data: join(folder, 'absent.csv') })).rejects.toMatchObject(
        { code: 'USAGE' },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('errors of the holder arrive with their code and details', async () => {
    await expect(
      askHolder(control.address, { operation: 'query', file, sql: 'DROP TABLE todo' }),
    ).rejects.toMatchObject({ code: 'USE_SCHEMA' });
    await expect(askHolder(control.address, { operation: 'status', file: '/other.db' })).rejects.toMatchObject({
      code: 'NO_DATABASE',
    });
    const url = 'ws://127.0.0.1:1';
    await expect(askHolder(control.address, { operation: 'sync', file, url, token: 't' })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });

  test.each([
    '\n',
    'GET / HTTP/1.1\r\n\r\n',
    '[]\n',
    'null\n',
    '{"operation": "query", "file": "/somewhere/todo.db"}\n',
    '{"operation": "stop", "file": "/somewhere/todo.db"}\n',
    '{"operation": "status"}\n',
    `{"operation": "query", "file": 5, "sql": "SELECT 1"}\n`,
    '{"operation": "import", "file": "/somewhere/todo.db", "table": "todo"}\n',
    '{"operation": "migrate", "file": "/somewhere/todo.db", "plan": true}\n',
  ])('%j is refused with a code, and the holder goes on', async (line) => {
    expect(await spoken(line)).toMatchObject({ error: { code: 'BAD_REQUEST' } });
    expect(await askHolder(control.address, { operation: 'query', file, sql: 'SELECT 1 AS n' })).toEqual([{ n: 1 }]);
  });

  test('a caller that leaves in the middle of a line does no harm', async () => {
    const socket = connect(control.address);
    await once(socket, 'connect');
    socket.end('{"operation": ');
    await once(socket.resume(), 'close');
    expect(await askHolder(control.address, { operation: 'query', file, sql: 'SELECT 1 AS n' })).toEqual([{ n: 1 }]);
  });

  test('a holder that is gone is said to be unavailable', async () => {
    const { address } = control;
    await control.close();
    await expect(askHolder(address, { operation: 'status', file })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('only a lock with a note names a holder that can be asked', () => {
    expect(controlAddressOf(new ReplicationError('FILE_LOCKED', 'locked', { pid: 1, note: '/x' }))).toBe('/x');
    expect(controlAddressOf(new ReplicationError('FILE_LOCKED', 'locked', { pid: 1, note: null }))).toBeUndefined();
    expect(controlAddressOf(new ReplicationError('NO_DATABASE', 'none', { note: '/x' }))).toBeUndefined();
  });
});
