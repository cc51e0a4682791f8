/** Every endpoint over real HTTP, as curl would call it: what it answers, and what it says to bad input. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import type { ChangesAnswer } from '../../src/wire/bodies.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { changesAnswerToJson, changesBodyFromJson } from '../../src/wire/json-bodies.ts';
import type { Answer, TestRelay } from './served-relay.ts';
import { packedInteger, pushBody, startRelay, TODO_SCHEMA } from './served-relay.ts';

let relay: TestRelay;
beforeAll(async () => {
  relay = await startRelay({ limits: { bodyBytesMax: 1 << 20 } });
});
afterAll(() => relay.close());

const SITE = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
const sql = { 'content-type': 'application/sql' };
let count = 0;

/** A new database with the todo table. */
async function todo(): Promise<string> {
  const path = `/db${count++}`;
  await relay.call('PUT', path, { body: TODO_SCHEMA, headers: sql });
  return path;
}

const refused = (answer: Answer): unknown[] => [answer.status, answer.body['code']];

describe('PUT /:dbid', () => {
  test('creates a database once, from text or JSON, and leaves an existing one as it is', async () => {
    const created = await relay.call('PUT', '/first', { body: TODO_SCHEMA, headers: { 'content-type': 'text/plain' } });
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      outcome: 'created',
      dbid: 'first',
      site: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      epoch: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      schemaHash: expect.stringMatching(/^[0-9a-f]+$/) as string,
    });
    const again = await relay.call('PUT', '/first', {
      json: { schema: 'CREATE TABLE other (id INTEGER PRIMARY KEY NOT NULL);' },
    });
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ ...created.body, outcome: 'existed' });
    expect(existsSync(join(relay.dir, 'first.db'))).toBe(true);
  });

  test('refuses names that are none, and names that differ in case only', async () => {
    for (const name of ['.hidden', 'a'.repeat(65), 'dot.', 'a%20b', '%C3%A9', '-x']) {
      expect(refused(await relay.call('PUT', `/${name}`, { body: TODO_SCHEMA, headers: sql }))).toEqual([
        400,
        'BAD_REQUEST',
      ]);
    }
    await relay.call('PUT', '/Case', { body: TODO_SCHEMA, headers: sql });
    expect(refused(await relay.call('PUT', '/case', { body: TODO_SCHEMA, headers: sql }))).toEqual([
      400,
      'BAD_REQUEST',
    ]);
    expect(refused(await relay.call('GET', '/case'))).toEqual([404, 'NO_DATABASE']);
    expect(refused(await relay.call('PUT', '/health', { body: TODO_SCHEMA, headers: sql }))).toEqual([
      405,
      'METHOD_NOT_ALLOWED',
    ]);
  });

  test('refuses a body that is no schema, and leaves nothing behind', async () => {
    const cases: [object, unknown[]][] = [
      [{ body: 'CREATE TABLE (', headers: sql }, [409, 'SCHEMA_REFUSED']],
      [{ body: '', headers: sql }, [400, 'BAD_REQUEST']],
      [{ body: '-- nothing', headers: sql }, [409, 'SCHEMA_REFUSED']],
      [{ json: { schema: 5 } }, [400, 'BAD_REQUEST']],
      [{ json: [] }, [400, 'BAD_REQUEST']],
      [{ body: '{', headers: { 'content-type': 'application/json' } }, [400, 'BAD_REQUEST']],
      [{ body: new Uint8Array([0xff, 0xfe]), headers: sql }, [400, 'BAD_REQUEST']],
      [{ body: TODO_SCHEMA, headers: { 'content-type': 'image/png' } }, [415, 'MEDIA_TYPE']],
      [{ body: TODO_SCHEMA, headers: { ...sql, 'content-encoding': 'gzip' } }, [415, 'MEDIA_TYPE']],
      [{ body: ' '.repeat(3 << 20), headers: sql }, [413, 'TOO_LARGE']],
    ];
    for (const [options, expected] of cases)
      expect(refused(await relay.call('PUT', '/bad', options))).toEqual(expected);
    expect(existsSync(join(relay.dir, 'bad.db'))).toBe(false);
    expect((await relay.call('PUT', '/bad', { body: TODO_SCHEMA, headers: sql })).status).toBe(201);
  });
});

describe('POST and GET /:dbid/schema', () => {
  test('creates, finds unchanged, adds columns, and refuses what would lose data with steps', async () => {
    const post = (json: unknown): Promise<Answer> => relay.call('POST', '/shape/schema', { json });
    const wider = TODO_SCHEMA.replace('done INTEGER', 'done INTEGER, due TEXT');
    const created = { outcome: 'created', steps: [{ action: 'create-table', table: 'todo' }] };
    expect((await post({ schema: TODO_SCHEMA, plan: true })).body).toEqual(created);
    expect(existsSync(join(relay.dir, 'shape.db'))).toBe(false);
    expect((await post({ schema: TODO_SCHEMA })).body).toEqual(created);
    expect((await post({ schema: TODO_SCHEMA })).body).toMatchObject({ outcome: 'unchanged', steps: [] });
    expect((await post({ schema: wider })).body).toMatchObject({ outcome: 'migrated' });
    const dropped = await post({ schema: 'CREATE TABLE note (id INTEGER PRIMARY KEY NOT NULL, text TEXT);' });
    expect(refused(dropped)).toEqual([409, 'SCHEMA_REFUSED']);
    expect(dropped.body['steps']).toContainEqual(expect.objectContaining({ table: 'todo', refused: true }));
    const text = await relay.call('GET', '/shape/schema');
    expect(text.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(text.text).toContain('due TEXT');
    expect(refused(await post({ schema: wider, plan: 'yes' }))).toEqual([400, 'BAD_REQUEST']);
    expect(refused(await relay.call('GET', '/absent/schema'))).toEqual([404, 'NO_DATABASE']);
  });
});

describe('GET /:dbid', () => {
  test('describes a database', async () => {
    const path = await todo();
    await relay.call('POST', `${path}/changes`, { json: pushBody({ site: SITE, start: 0, end: 3, ids: [1] }) });
    const { body, status } = await relay.call('GET', path);
    expect(status).toBe(200);
    expect(body).toMatchObject({ dbid: path.slice(1), changes: 2, coverage: { [SITE]: [[0, 3]] } });
    expect(Object.keys(body).sort()).toEqual(['changes', 'coverage', 'dbid', 'epoch', 'schemaHash', 'site']);
    expect(refused(await relay.call('GET', '/absent'))).toEqual([404, 'NO_DATABASE']);
  });
});

describe('POST /:dbid/changes, one part of one site', () => {
  test('is applied once; a repeat applies nothing', async () => {
    const path = await todo();
    const json = pushBody({ site: SITE, start: 0, end: 2, ids: [1, 2] });
    const first = await relay.call('POST', `${path}/changes`, { json });
    expect(first.body).toEqual({
      outcome: 'applied',
      applied: 4,
      duplicates: 0,
      parked: 0,
      coverage: { [SITE]: [[0, 2]] },
    });
    expect((await relay.call('POST', `${path}/changes`, { json })).body).toMatchObject({
      outcome: 'duplicate',
      applied: 0,
      duplicates: 4,
    });
  });

  test('in order is refused with what is missing, else leaves a gap', async () => {
    const path = await todo();
    const later = pushBody({ site: SITE, start: 5, end: 6, ids: [1] });
    const inOrder = await relay.call('POST', `${path}/changes`, { json: { ...later, inOrder: true } });
    expect(refused(inOrder)).toEqual([409, 'GAP']);
    expect(inOrder.body['missing']).toEqual({ [SITE]: [[0, 5]] });
    expect((await relay.call('POST', `${path}/changes`, { json: later })).body['coverage']).toEqual({
      [SITE]: [[5, 6]],
    });
  });

  test('with unknown tables or columns is parked', async () => {
    const path = await todo();
    const json = pushBody({ site: SITE, start: 0, end: 1, ids: [1] });
    const [first] = json['changes'] as Record<string, unknown>[];
    const parked = {
      ...json,
      changes: [
        { ...first, table: 'later' },
        { ...first, cid: 'due', seq: 1 },
      ],
    };
    const answer = await relay.call('POST', `${path}/changes`, { json: parked });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ outcome: 'parked', applied: 0, parked: 2, coverage: {} });
  });

  test('with one invalid change is refused whole, naming it', async () => {
    const path = await todo();
    const json = pushBody({ site: SITE, start: 0, end: 1, ids: [1, 2] });
    const changes = json['changes'] as Record<string, unknown>[];
    const bad: Record<string, unknown>[] = [
      { val: true },
      { val: 2 ** 60 },
      { pk: 'AA' },
      { pk: packedInteger(1).slice(0, 2) },
      { colVersion: -1 },
      { cl: -1 },
      { seq: 1.5 },
      { table: 'sqlite_master' },
    ];
    for (const change of bad) {
      const answer = await relay.call('POST', `${path}/changes`, {
        json: { ...json, changes: [changes[0], { ...changes[1], ...change }] },
      });
      expect(refused(answer), JSON.stringify(change)).toEqual([422, 'CHANGE_INVALID']);
      expect(answer.body['rejected']).toEqual([expect.objectContaining({ index: 1 })]);
    }
    expect((await relay.call('GET', path)).body).toMatchObject({ changes: 0, coverage: {} });
  });

  test("with another site's change is FORBIDDEN", async () => {
    const path = await todo();
    const json = pushBody({ site: SITE, start: 0, end: 1, ids: [1] });
    const [first] = json['changes'] as Record<string, unknown>[];
    const answer = await relay.call('POST', `${path}/changes`, {
      json: { ...json, changes: [{ ...first, siteId: OTHER }] },
    });
    expect(refused(answer)).toEqual([403, 'FORBIDDEN']);
  });

  test('malformed, too large or of another type is refused by code', async () => {
    const path = `${await todo()}/changes`;
    const ok = pushBody({ site: SITE, start: 0, end: 1, ids: [1] });
    const cases: [object, unknown[]][] = [
      [{ json: {} }, [400, 'BAD_REQUEST']],
      [{ json: 'text' }, [400, 'BAD_REQUEST']],
      [{ body: '{"siteId"', headers: { 'content-type': 'application/json' } }, [400, 'BAD_REQUEST']],
      [{ json: { ...ok, siteId: 'A' } }, [400, 'BAD_REQUEST']],
      [{ json: { ...ok, seqStart: 3 } }, [400, 'BAD_REQUEST']],
      [{ json: { ...ok, seqEnd: -1 } }, [400, 'BAD_REQUEST']],
      [{ json: { ...ok, changes: {} } }, [400, 'BAD_REQUEST']],
      [{ body: JSON.stringify(ok), headers: { 'content-type': 'text/plain' } }, [415, 'MEDIA_TYPE']],
      [{ body: JSON.stringify(ok) }, [415, 'MEDIA_TYPE']],
      [{ json: { ...ok, pad: 'x'.repeat(2 << 20) } }, [413, 'TOO_LARGE']],
    ];
    for (const [options, expected] of cases) {
      expect(refused(await relay.call('POST', path, options)), JSON.stringify(expected)).toEqual(expected);
    }
    expect(refused(await relay.call('POST', '/absent/changes', { json: ok }))).toEqual([404, 'NO_DATABASE']);
  });

  test('a body that never ends is cut off at the limit', async () => {
    const path = `${await todo()}/changes`;
    const port = Number(new URL(relay.url).port);
    const text = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(
          `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
        );
        const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
        const pour = (): void => {
          while (!socket.destroyed && socket.write(chunk));
          if (!socket.destroyed) socket.once('drain', pour);
        };
        pour();
      });
      let answer = '';
      socket.on('data', (data) => (answer += data.toString()));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answer));
    });
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(text).toContain('"TOO_LARGE"');
  });
});

describe('GET /:dbid/changes', () => {
  test('pages in store order, resumes by cursor, claims on the last page only', async () => {
    const path = await todo();
    for (let i = 0; i < 5; i++) {
      await relay.call('POST', `${path}/changes`, {
        json: pushBody({ site: SITE, start: i, end: i + 1, ids: [i + 1] }),
      });
    }
    const pages: Record<string, unknown>[] = [];
    for (let since = '0'; ;) {
      const { body } = await relay.call('GET', `${path}/changes?limit=3&since=${since}`);
      pages.push(body);
      since = body['cursor'] as string;
      if (body['more'] !== true) break;
    }
    expect(pages.map((page) => [page['seqStart'], page['seqEnd'], (page['changes'] as unknown[]).length])).toEqual([
      [0, 1, 2],
      [1, 2, 2],
      [2, 3, 2],
      [3, 4, 2],
      [4, 5, 2],
    ]);
    expect(pages.map((page) => page['vClock'])).toEqual([{}, {}, {}, {}, { [SITE]: [[0, 5]] }]);
    expect(pages[1]).toMatchObject({ since: pages[0]!['cursor'], spans: { [SITE]: [1, 5] } });
  });

  test("leaves the caller's own site out, and answers a want with what is not held", async () => {
    const path = await todo();
    await relay.call('POST', `${path}/changes`, { json: pushBody({ site: SITE, start: 0, end: 2, ids: [1] }) });
    await relay.call('POST', `${path}/changes`, { json: pushBody({ site: OTHER, start: 0, end: 4, ids: [2] }) });
    const without = await relay.call('GET', `${path}/changes?exclude=${SITE}`);
    expect((without.body['changes'] as { siteId: string }[]).map((change) => change.siteId)).toEqual([OTHER, OTHER]);
    const have = encodeURIComponent(JSON.stringify({ [SITE]: [[0, 2]] }));
    const want = await relay.call('GET', `${path}/changes?since=${have}`);
    expect(want.body).toMatchObject({
      seqStart: null,
      seqEnd: null,
      cursor: null,
      more: false,
      vClock: { [OTHER]: [[0, 4]] },
    });
    const nothing = encodeURIComponent('{}');
    const piece = await relay.call('GET', `${path}/changes?since=${nothing}&limit=1`);
    expect(piece.body).toMatchObject({ more: true });
    expect(Object.keys(piece.body['vClock'] as object)).toHaveLength(1);
  });

  test('a cursor that does not resume is EPOCH_CHANGED; what is no cursor is BAD_REQUEST', async () => {
    const path = await todo();
    const cases: [string, unknown[]][] = [
      [`since=${'0'.repeat(32)}.5`, [410, 'EPOCH_CHANGED']],
      ['since=xyz', [400, 'BAD_REQUEST']],
      [`since=${encodeURIComponent('{"a": 1}')}`, [400, 'BAD_REQUEST']],
      [`since=${encodeURIComponent('{')}`, [400, 'BAD_REQUEST']],
      ['limit=0', [400, 'BAD_REQUEST']],
      ['limit=many', [400, 'BAD_REQUEST']],
      ['exclude=me', [400, 'BAD_REQUEST']],
    ];
    for (const [query, expected] of cases) {
      expect(refused(await relay.call('GET', `${path}/changes?${query}`)), query).toEqual(expected);
    }
  });
});

describe('POST /:dbid/changes, an answer handed on', () => {
  const pagesOf = async (path: string): Promise<Record<string, unknown>[]> => {
    const pages: Record<string, unknown>[] = [];
    for (let since = '0'; pages.at(-1)?.['more'] !== false; since = pages.at(-1)!['cursor'] as string) {
      pages.push((await relay.call('GET', `${path}/changes?limit=2&since=${since}`)).body);
    }
    return pages;
  };

  test('pages in order make the databases equal; a page too early is a GAP with the cursor held', async () => {
    const [from, to] = [await todo(), await todo()];
    for (const [i, site] of [SITE, OTHER, SITE].entries()) {
      const start = i === 2 ? 1 : 0;
      await relay.call('POST', `${from}/changes`, { json: pushBody({ site, start, end: start + 1, ids: [i + 1] }) });
    }
    const [first, second, third] = await pagesOf(from);
    const post = (json: unknown): Promise<Answer> => relay.call('POST', `${to}/changes`, { json });
    expect((await post(first)).body).toMatchObject({ outcome: 'applied', applied: 2, coverage: {} });
    expect((await post(first)).body).toMatchObject({ outcome: 'duplicate', applied: 0, duplicates: 2, coverage: {} });
    const early = await post(third);
    expect(refused(early)).toEqual([409, 'GAP']);
    expect(early.body['cursor']).toBe(first!['cursor']);
    expect((await post(second)).status).toBe(200);
    expect((await post(third)).body).toMatchObject({ coverage: { [SITE]: [[0, 2]], [OTHER]: [[0, 1]] } });
    for (const page of [first, second, third]) {
      const duplicates = (page!['changes'] as unknown[]).length;
      expect((await post(page)).body).toMatchObject({ outcome: 'duplicate', applied: 0, duplicates });
    }
    const changes = async (path: string): Promise<unknown[]> =>
      (await relay.call('GET', `${path}/changes`)).body['changes'] as unknown[];
    expect(await changes(to)).toEqual(await changes(from));
  });

  test('an answer to a want is always taken', async () => {
    const [from, to] = [await todo(), await todo()];
    await relay.call('POST', `${from}/changes`, { json: pushBody({ site: SITE, start: 2, end: 4, ids: [1] }) });
    const want = await relay.call('GET', `${from}/changes?since=${encodeURIComponent('{}')}`);
    const answer = await relay.call('POST', `${to}/changes`, { json: want.body });
    expect(answer.body).toMatchObject({ outcome: 'applied', applied: 2, coverage: { [SITE]: [[2, 4]] } });
    const again = await relay.call('POST', `${to}/changes`, { json: want.body });
    expect(again.body).toMatchObject({ outcome: 'duplicate', applied: 0, duplicates: 2 });
  });
});

describe('the binary form', () => {
  const type = 'application/vnd.crmesh';
  const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
  const bytesOf = async (path: string): Promise<Uint8Array> => {
    const response = await fetch(`${relay.url}${path}`, { headers: { accept: type } });
    expect(response.headers.get('content-type')).toBe(type);
    return new Uint8Array(await response.arrayBuffer());
  };

  test('means the same as JSON, down and up', async () => {
    const [from, to] = [await todo(), await todo()];
    await relay.call('POST', `${from}/changes`, { json: pushBody({ site: SITE, start: 0, end: 2, ids: [1, 2] }) });
    const bytes = await bytesOf(`${from}/changes`);
    expect(changesAnswerToJson(codec.decodeBody(bytes) as ChangesAnswer)).toEqual(
      (await relay.call('GET', `${from}/changes`)).body,
    );
    const handedOn = await relay.call('POST', `${to}/changes`, { body: bytes, headers: { 'content-type': type } });
    expect(handedOn.body).toMatchObject({ outcome: 'applied', applied: 4, coverage: { [SITE]: [[0, 2]] } });
    const want = await bytesOf(`${from}/changes?since=${encodeURIComponent('{}')}`);
    expect(codec.decodeBody(want)).toMatchObject({ form: 'want', more: false });
  });

  test('carries a push, and is refused by code when it is damaged', async () => {
    const path = `${await todo()}/changes`;
    const push = changesBodyFromJson(pushBody({ site: SITE, start: 0, end: 1, ids: [1] }), DEFAULT_LIMITS);
    const bytes = codec.encodeBody(push);
    const post = (body: Uint8Array): Promise<Answer> =>
      relay.call('POST', path, { body, headers: { 'content-type': type } });
    for (const body of [bytes.slice(0, -1), new Uint8Array(0), new Uint8Array([1, 2, 3])]) {
      expect((await post(body)).body['code']).toBe('FRAME_MALFORMED');
    }
    expect(refused(await post(new Uint8Array([99, 1])))).toEqual([426, 'WIRE_VERSION']);
    expect((await post(bytes)).body).toMatchObject({ outcome: 'applied', applied: 2 });
  });
});

describe('what is no endpoint', () => {
  test('is told by code: paths, methods, sockets without an upgrade', async () => {
    const path = await todo();
    expect(refused(await relay.call('GET', '/'))).toEqual([404, 'NO_ROUTE']);
    expect(refused(await relay.call('GET', `${path}/what/is/this`))).toEqual([404, 'NO_ROUTE']);
    expect(refused(await relay.call('GET', '/%'))).toEqual([400, 'BAD_REQUEST']);
    const wrong = await relay.call('DELETE', path);
    expect(refused(wrong)).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(wrong.headers.get('allow')).toBe('GET, PUT, OPTIONS');
    const socket = await relay.call('GET', `${path}/socket`);
    expect(refused(socket)).toEqual([426, 'WIRE_VERSION']);
    expect(socket.headers.get('upgrade')).toBe('websocket');
  });

  test('every error body has code, message, fault and retry', async () => {
    const { body, headers } = await relay.call('GET', '/absent');
    expect(headers.get('content-type')).toBe('application/json');
    expect(body).toEqual({
      code: 'NO_DATABASE',
      message: expect.stringContaining('PUT /absent') as string,
      fault: 'caller',
      retry: 'after-fix',
    });
  });

  test('health and metrics answer', async () => {
    expect((await relay.call('GET', '/health')).body).toEqual({ status: 'ok' });
    const { text } = await relay.call('GET', '/metrics');
    expect(text).toContain('crmesh_requests_total{operation="health",status="200"}');
    expect(text).toMatch(/^crmesh_databases_open \d+$/m);
  });
});
