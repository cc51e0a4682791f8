import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { crmesh, crmeshJson, Workshop } from './spawned-command.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const countSql = 'SELECT count(*) AS n, total(size) AS size FROM item';

/** A file with `rows` items and the schema that others need. */
async function itemFile(rows: number, from = 1): Promise<string> {
  const file = workshop.path('.db');
  const data = workshop.path('.csv');
  const lines = Array.from({ length: rows }, (_, i) => `${from + i},item ${from + i},${i}.5`);
  writeFileSync(data, `id,name,size\n${lines.join('\n')}\n`);
  await crmeshJson(['import', file, 'item', data, '--create', '--key', 'id']);
  return file;
}

/** The relay takes a database's schema from the first replica that has one. */
describe('crmesh relay and sync', () => {
  test('a relay says where it listens, answers status, and ends with 0 at SIGTERM', async () => {
    const { url, process } = await workshop.relay();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await crmeshJson(['status', url])).toBeTypeOf('object');
    expect(await crmesh(['status', `${url}/absent`])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NO_DATABASE') as string,
    });
    expect(await process.stop()).toBe(0);
  });

  test('two files become equal through a relay, and a new file takes the schema from there', async () => {
    const { url } = await workshop.relay();
    const a = await itemFile(300);
    const b = workshop.path('.db');
    expect(await crmeshJson(['sync', a, `${url}/items`, '--once'])).toMatchObject({
      state: 'synced',
      changesSent: 600,
    });
    const down = await crmeshJson(['sync', b, `${url.replace('http', 'ws')}/items`, '--once']);
    expect(down).toMatchObject({ state: 'synced', changesReceived: 600, changesEchoed: 0 });
    expect(await crmeshJson(['query', b, countSql])).toEqual(await crmeshJson(['query', a, countSql]));
    expect(await crmeshJson(['status', `${url}/items`])).toMatchObject({ dbid: 'items', changes: 600 });
  });

  test('one that is not there is waited for, and why is said', async () => {
    const file = await itemFile(3);
    const { url, process } = await workshop.relay();
    await process.stop();
    const sync = workshop.stay(['sync', file, `${url}/items`, '--once']);
    await vi.waitFor(() => expect(sync.said).toContain('still trying'), 30_000);
    await workshop.relay(['--port', String(new URL(url).port)]);
    expect(await sync.line()).toMatchObject({ state: 'synced', changesSent: 6 });
  });

  test('one that waits and is told to stop ends with 1, says how to go on, and gives the file back', async () => {
    const file = await itemFile(3);
    const { url, process } = await workshop.relay();
    await process.stop();
    const sync = workshop.stay(['sync', file, `${url}/items`, '--once']);
    await vi.waitFor(() => expect(sync.said).toContain('still trying'), 30_000);
    expect(await sync.stop('SIGINT')).toBe(1);
    expect(sync.said).toMatch(/"CLOSED".*run it again/);
    expect(existsSync(`${file}-lock`)).toBe(false);
  });

  test('what a file has no place for is told', async () => {
    const { url } = await workshop.relay();
    await crmeshJson(['sync', await itemFile(3), `${url}/items`, '--once']);
    const other = workshop.path('.db');
    const data = workshop.path('.csv');
    writeFileSync(data, 'id\n1\n');
    await crmeshJson(['import', other, 'other', data, '--create', '--key', 'id']);
    const { code, stdout, stderr } = await crmesh(['sync', other, `${url}/items`, '--once', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'synced', parked: 6 });
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('6 changes wait') as string });
  });

  test('without its token a relay refuses with 3; with CRMESH_TOKEN it serves', async () => {
    const { url } = await workshop.relay(['--token', 'secret']);
    const file = await itemFile(3);
    const refused = await crmesh(['sync', file, `${url}/items`, '--once']);
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('--token, or CRMESH_TOKEN') as string });
    expect(refused.stderr).not.toContain('still trying');
    const words = ['sync', file, `${url}/items`, '--once'];
    expect(await crmesh(words)).toMatchObject({ code: 3, stderr: expect.stringContaining('UNAUTHORIZED') as string });
    expect(await crmesh([...words, '--token', 'wrong'])).toMatchObject({ code: 3 });
    expect(await crmeshJson(words, { CRMESH_TOKEN: 'secret' })).toMatchObject({ state: 'synced' });
  });

  test('a bound of the relay is set by its name; a mistyped one is wrong usage', async () => {
    const { url } = await workshop.relay(['--limit', 'schemaBytesMax=20', '--limit', 'connectionsMax=50']);
    const answer = await fetch(`${url}/items`, {
      method: 'PUT',
      body: 'CREATE TABLE item (id TEXT PRIMARY KEY NOT NULL)',
    });
    expect(await answer.json()).toMatchObject({ code: 'TOO_LARGE' });
    for (const limit of ['pageChangeMax=2', 'pageChangesMax=many', 'pageChangesMax=', 'pageChangesMax']) {
      const said = await crmesh(['relay', '--port', '0', '--dir', workshop.path('-relay'), '--limit', limit]);
      expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining('USAGE') as string });
    }
  });

  test('relays with upstreams are a line: what one end writes the other end reads', async () => {
    const first = await workshop.relay();
    const middle = await workshop.relay(['--upstream', first.url]);
    const last = await workshop.relay(['--upstream', middle.url.replace('http', 'ws')]);
    await crmeshJson(['sync', await itemFile(20), `${first.url}/items`, '--once']);
    await crmeshJson(['sync', await itemFile(10, 100), `${last.url}/items`, '--once']);
    const reader = workshop.path('.db');
    await vi.waitFor(
      async () => {
        await crmeshJson(['sync', reader, `${middle.url}/items`, '--once']);
        expect(await crmeshJson(['query', reader, countSql])).toMatchObject([{ n: 30 }]);
      },
      { timeout: 20_000, interval: 200 },
    );
  });
});

describe('a file that another process holds', () => {
  test('is read, written and synced through that process', async () => {
    const { url } = await workshop.relay();
    const file = await itemFile(5);
    const holder = workshop.stay(['sync', file, `${url}/items`]);
    expect(await holder.line()).toMatchObject({ event: 'syncing' });
    expect(await crmeshJson(['query', file, countSql])).toMatchObject([{ n: 5 }]);
    await crmeshJson(['query', file, "INSERT INTO item VALUES (99, 'late', 1)"]);
    expect(await crmeshJson(['status', file])).toMatchObject({ tables: { item: 6 } });
    expect(await crmeshJson(['sync', file, `${url}/copy`, '--once'])).toMatchObject({ state: 'synced' });
    expect(await crmeshJson(['status', `${url}/copy`])).toMatchObject({ dbid: 'copy' });
    expect(await crmesh(['query', file, 'SELEC 1'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SQL_ERROR') as string,
    });
    expect(await holder.stop('SIGINT')).toBe(0);
    expect(await crmeshJson(['query', file, countSql])).toMatchObject([{ n: 6 }]);
  });

  test('is refused to a second owner, with the pid of the first', async () => {
    const { url } = await workshop.relay();
    const file = await itemFile(1);
    const holder = workshop.stay(['sync', file, `${url}/items`]);
    await holder.line();
    const { code, stderr } = await crmesh(['sync', file, `${url}/items`, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ code: 'FILE_LOCKED', pid: holder.pid });
  });

  test('a relay answers for the files in its folder', async () => {
    const dir = workshop.path('-served');
    const relay = workshop.stay(['relay', '--port', '0', '--dir', dir]);
    const { url } = await relay.line();
    await crmeshJson(['sync', await itemFile(4), `${String(url)}/items`, '--once']);
    expect(await crmeshJson(['query', join(dir, 'items.db'), countSql])).toMatchObject([{ n: 4 }]);
  });
});

describe('crmesh demo', () => {
  test('A, B and the relay hold the same after edits apart and together, and nothing came back', async () => {
    const report = await crmeshJson(['demo', '--once', '--rows', '500']);
    expect(report).toMatchObject({ rows: 500, identical: true, echoedChanges: 0 });
    for (const name of ['upMs', 'downMs', 'bytesUp', 'bytesDown', 'changes']) {
      expect(report).toHaveProperty(name, expect.any(Number));
    }
  });
  test('one that is stopped before its end ends with 1; a port that is taken says which option helps', async () => {
    const demo = workshop.stay(['demo', '--once']);
    await vi.waitFor(() => expect(demo.said).toContain('relay at'), 30_000);
    expect(await demo.stop('SIGINT')).toBe(1);
    expect(demo.said).toContain('"CLOSED"');
    const { url } = await workshop.relay();
    expect(await crmesh(['demo', '--once', '--rows', '1', '--port', new URL(url).port])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/choose another with --port \[UNAVAILABLE\]/) as string,
    });
  });
});
