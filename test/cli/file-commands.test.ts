import { existsSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { crmesh, crmeshJson, Workshop } from './spawned-command.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const schemaText = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER);';

function written(ending: string, content: string): string {
  const path = workshop.path(ending);
  writeFileSync(path, content);
  return path;
}

describe('crmesh import and query', () => {
  test('a CSV file becomes a table of its own, and importing it again writes nothing', async () => {
    const file = workshop.path('.db');
    const data = written('.csv', 'id,name,lat\n1,Vila,42.5\n2,"El, Tarter",\n');
    const words = ['import', file, 'city', data, '--create', '--key', 'id'];
    expect(await crmeshJson(words)).toMatchObject({ table: 'city', rows: 2 });
    expect(await crmeshJson(['query', file, 'SELECT * FROM city ORDER BY id'])).toEqual([
      { id: 1, name: 'Vila', lat: 42.5 },
      { id: 2, name: 'El, Tarter', lat: null },
    ]);
    const before = await crmeshJson(['status', file]);
    await crmeshJson(words);
    const { changes, coverage } = before as Record<string, unknown>;
    expect(await crmeshJson(['status', file])).toMatchObject({ changes, coverage, tables: { city: 2 } });
  });

  test('rows go into the table of a schema, and values that JSON cannot say are marked', async () => {
    const file = workshop.path('.db');
    const schema = written('.sql', schemaText);
    const data = written('.ndjson', '{"id":"a","title":"one","done":true}\n{"id":"b","done":0}\n');
    expect(await crmeshJson(['import', file, 'todo', data, '--schema', schema])).toMatchObject({ rows: 2 });
    const sql = "SELECT id, done, 9007199254740993 AS big, x'00ff' AS bytes, 1e999 AS far FROM todo WHERE id = 'a'";
    expect(await crmeshJson(['query', file, sql])).toEqual([
      { id: 'a', done: 1, big: { int: '9007199254740993' }, bytes: { blob: 'AP8=' }, far: { real: 'Infinity' } },
    ]);
    const { stdout } = await crmesh(['query', file, 'SELECT id, title FROM todo ORDER BY id']);
    expect(stdout).toBe('id  title\n--  -----\na   one\nb\n');
  });

  test.each([
    ['an unknown column', 'id,nope\n1,2\n', "no column 'nope'"],
    ['an empty key', 'id,title\n,2\n', "the key 'id' is empty"],
  ])('%s ends with 2 and writes nothing', async (_what, content, message) => {
    const file = workshop.path('.db');
    const schema = written('.sql', schemaText);
    const { code, stderr } = await crmesh(['import', file, 'todo', written('.csv', content), '--schema', schema]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
    expect(await crmeshJson(['query', file, 'SELECT count(*) AS n FROM todo'])).toEqual([{ n: 0 }]);
  });

  test('broken data ends with 1 before a file is made', async () => {
    const file = workshop.path('.db');
    const data = written('.json', '[{"id": 1}, ');
    const { code, stderr } = await crmesh(['import', file, 't', data, '--create', '--key', 'id', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ code: 'VALUE_UNSUPPORTED', fault: 'caller', retry: 'after-fix' });
    expect(existsSync(file)).toBe(false);
  });

  test('one that is stopped ends with 1, keeps whole batches, and goes on when it is run again', async () => {
    const file = workshop.path('.db');
    const lines = Array.from({ length: 60_000 }, (_, i) => `${i},name ${i}`);
    const data = written('.csv', `id,name\n${lines.join('\n')}\n`);
    const words = ['import', file, 'item', data, '--create', '--key', 'id'];
    const importing = workshop.stay(words);
    const logBytes = (): number => statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    await vi.waitFor(() => expect(logBytes()).toBeGreaterThan(500_000), { timeout: 60_000, interval: 5 });
    expect(await importing.stop('SIGINT')).toBe(1);
    expect(importing.said).toMatch(/"CLOSED".*run it again/);
    expect(existsSync(`${file}-lock`)).toBe(false);
    const [count] = (await crmeshJson(['query', file, 'SELECT count(*) AS n FROM item'])) as { n: number }[];
    expect(count!.n % 2_000).toBe(0);
    expect(await crmeshJson(words)).toMatchObject({ rows: 60_000 });
  });

  test('a value that its column cannot hold is told with its row', async () => {
    const file = workshop.path('.db');
    const schema = written('.sql', 'CREATE TABLE n (id INTEGER PRIMARY KEY NOT NULL, v TEXT);');
    const data = written('.csv', 'id,v\n1,a\nx,b\n');
    const { code, stderr } = await crmesh(['import', file, 'n', data, '--schema', schema, '--json']);
    expect(code).toBe(1);
    expect((JSON.parse(stderr) as { message: string }).message).toMatch(/^row 2: /);
    expect(await crmeshJson(['query', file, 'SELECT count(*) AS n FROM n'])).toEqual([{ n: 0 }]);
  });

  test('a missing file, wrong SQL and DDL end with 1, 1 and 3', async () => {
    const file = workshop.path('.db');
    expect(await crmesh(['query', file, 'SELECT 1', '--json'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NO_DATABASE') as string,
    });
    expect(existsSync(file)).toBe(false);
    expect(await crmesh(['import', file, 'todo', written('.csv', 'id\n1\n')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--schema FILE, or --create --key COLUMN\) \[NO_DATABASE\]/) as string,
    });
    await crmeshJson(['migrate', file, written('.sql', schemaText)]);
    expect(await crmesh(['query', file, 'SELEC 1'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SQL_ERROR') as string,
    });
    expect(await crmesh(['query', file, 'DROP TABLE todo'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('USE_SCHEMA') as string,
    });
  });
});

describe('crmesh migrate', () => {
  test('a schema is created, found unchanged, planned and migrated; one that loses data is refused with 3', async () => {
    const file = workshop.path('.db');
    const first = written('.sql', schemaText);
    const second = written('.sql', schemaText.replace('done INTEGER', 'done INTEGER, owner TEXT'));
    const worse = written('.sql', schemaText.replace(', done INTEGER', ''));
    expect(await crmeshJson(['migrate', file, first])).toMatchObject({ outcome: 'created', plan: false });
    expect(await crmeshJson(['migrate', file, first])).toMatchObject({ outcome: 'unchanged', steps: [] });
    const planned = await crmeshJson(['migrate', file, second, '--plan']);
    expect(planned).toMatchObject({ outcome: 'migrated', plan: true, steps: [{ table: 'todo', column: 'owner' }] });
    expect(await crmeshJson(['migrate', file, second])).toMatchObject({ outcome: 'migrated', plan: false });
    const refused = await crmesh(['migrate', file, worse, '--json']);
    expect(refused.code).toBe(3);
    expect(JSON.parse(refused.stdout)).toMatchObject({ outcome: 'refused', steps: [{ refused: true }, {}] });
    const { stdout } = await crmesh(['migrate', file, worse]);
    expect(stdout).toMatch(/^refused\n  drop-column todo\.\w+: refused, .+; keep it in the text\n/);
  });
});

describe('crmesh usage', () => {
  test.each([
    [['query']],
    [['nonsense']],
    [['query', 'a.db', 'SELECT 1', '--nonsense']],
    [['relay', '--port', '70000']],
    [['relay', '--host', '0.0.0.0']],
    [['relay', '--host', '0.0.0.0', '--token', '']],
    [['relay', '--peer-token', ' ']],
    [['relay', '--port', '0', '--origin', 'app.example']],
    [['relay', '--port', '0', '--origin', 'https://app.example/path']],
    [['import', 'a.db', 't', 'absent.csv']],
    [['import', 'a.db', 't', 'absent.csv', '--create']],
    [['sync', 'a.db', 'not-a-url']],
    [['demo', '--rows', '0']],
  ])('%j ends with 2 and a line that says what to do', async (words) => {
    const { code, stdout, stderr } = await crmesh(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.length).toBeGreaterThan(20);
  });

  test.each([[['nonsense']], [['query']], [['relay', '--port', '70000']]])(
    '%j with --json tells it as JSON',
    async (words) => {
      const { code, stdout, stderr } = await crmesh([...words, '--json']);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(JSON.parse(stderr)).toMatchObject({ code: 'USAGE', fault: 'caller', retry: 'after-fix' });
    },
  );

  test('help and version end with 0', async () => {
    expect(await crmesh(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('relay') as string });
    expect(await crmesh(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });
});
