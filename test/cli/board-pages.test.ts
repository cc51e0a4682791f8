/** The board beside the demo's relay: which paths are files, which stay the relay's, and what their answers say. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boardSchema } from '../../examples/board/src/schema.ts';
import { boardPages } from '../../src/cli/demo/board-pages.ts';
import { demoSchema } from '../../src/cli/demo/cities.ts';
import { cityChangesOf, contentOf } from '../../src/cli/demo/city-content.ts';
import { open } from '../../src/node.ts';
import { Workshop } from './spawned-command.ts';

const workshop = new Workshop();
let serving: Record<string, unknown>;
let url: string;
let dbid: string;

beforeAll(async () => {
  const demo = workshop.stay(['demo', '--rows', '100', '--port', '0']);
  await demo.line();
  serving = await demo.line();
  url = String(serving['url']);
  dbid = String(serving['dbid']);
}, 60_000);

afterAll(() => workshop.close());

/** Paths as they are: fetch would tidy them up. */
function statusOf(path: string, method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { path, method }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function assetOf(ending: string): Promise<string> {
  const page = await (await fetch(`${url}/?relay=${dbid}`)).text();
  const script = /assets\/[\w-]+\.js/.exec(page)![0];
  if (ending === '.js') return `/${script}`;
  const text = await (await fetch(`${url}/${script}`)).text();
  return `/assets/${new RegExp(`[\\w-]+\\${ending}`).exec(text)![0]}`;
}

describe('the board beside the relay', () => {
  test('is told with its address and its database', () => {
    expect(serving).toEqual({ event: 'serving', url, dbid, board: `${url}/` });
    expect(dbid).toMatch(/^cities-[0-9a-f]{6}$/);
  });

  test('/ leads to the board of this run, which is asked for again each time', async () => {
    const answer = await fetch(url, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, `/?relay=${dbid}`]);
    const page = await fetch(url);
    expect(page.headers.get('content-type')).toBe('text/html;charset=utf-8');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(await page.text()).toContain('<title>crmesh board</title>');
  });

  test('the policy allows WebAssembly and own files, no inline script or style', async () => {
    const policy = (await fetch(url)).headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(policy).not.toContain('unsafe-inline');
    expect(policy).not.toMatch(/'unsafe-eval'/);
  });

  test.each([
    ['.js', 'text/javascript'],
    ['.wasm', 'application/wasm'],
  ])('a file %s is sent as %s and kept for good', async (ending, type) => {
    const answer = await fetch(`${url}${await assetOf(ending)}`);
    await answer.arrayBuffer();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    expect(answer.headers.get('cache-control')).toContain('immutable');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test.each([
    '/assets/absent.js',
    '/assets/',
    '/../package.json',
    '/assets/../../cli/main.js',
    '/assets/..%2f..%2fcli%2fmain.js',
    '/%2e%2e/cli/main.js',
    '/assets/%',
  ])('%s is nothing', async (path) => {
    expect([400, 404]).toContain(await statusOf(path));
  });

  test("a path that is no file, and every method but GET and HEAD, has the relay's coded answer", async () => {
    const absent = await fetch(`${url}/assets/absent/file.js`);
    expect([absent.status, await absent.json()]).toEqual([404, expect.objectContaining({ code: 'NO_ROUTE' })]);
    expect(await statusOf('/', 'POST')).toBe(404);
    expect(await statusOf(await assetOf('.js'), 'HEAD')).toBe(200);
  });

  test("the relay's own paths stay its own", async () => {
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' });
    expect(await (await fetch(`${url}/${dbid}`)).json()).toMatchObject({ dbid });
    // A database of this name could be: the file is at / alone.
    const index = await fetch(`${url}/index.html`);
    expect([index.status, await index.json()]).toEqual([404, expect.objectContaining({ code: 'NO_DATABASE' })]);
  });

  test('no other database comes to be at the relay of the demo', async () => {
    const answer = await fetch(`${url}/cities-of-another-run`, { method: 'PUT', body: demoSchema });
    expect(answer.status).toBe(403);
  });

  test('without a built board there are no pages', () => {
    expect(boardPages('cities', workshop.path('-absent'))).toBeUndefined();
  });
});

describe("the demo's figures", () => {
  test('count cities alone, whatever is written on the board', async () => {
    const db = await open(':memory:', { schema: demoSchema });
    const query = (sql: string, parameters: readonly number[] = []) => db.query(sql, parameters);
    await db.exec("INSERT INTO city VALUES (1, 'Bern', 'CH', NULL, NULL, 46.9, 7.4)");
    const figures = async (): Promise<unknown> => [await contentOf(query), await cityChangesOf(query)];
    const before = await figures();
    await db.exec("INSERT INTO task VALUES ('t', 'count the bears', 'todo', 1, '2026-01-01T00:00:00.000Z')");
    await db.exec("INSERT INTO person VALUES ('s', 'Ada')");
    expect(await figures()).toEqual(before);
    expect(await cityChangesOf(query)).toBe(6);
    await db.close();
  });

  test("the board's tables are the demo's", async () => {
    const [demo, board] = [
      await open(':memory:', { schema: demoSchema }),
      await open(':memory:', { schema: boardSchema }),
    ];
    expect(board.schema.tables).toEqual(demo.schema.tables);
    expect(board.schema.hash).toBe(demo.schema.hash);
    await demo.close();
    await board.close();
  });
});
