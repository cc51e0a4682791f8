/** The small parts of a relay: routes, access, pins, bodies, counters, names. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { Connections } from '../../src/relay/connections.ts';
import { isDatabaseName } from '../../src/relay/database-name.ts';
import type { AccessTokens } from '../../src/relay/default-access.ts';
import { defaultAuthorize } from '../../src/relay/default-access.ts';
import { HttpSessions } from '../../src/relay/http-sessions.ts';
import { isLoopbackAddress, isLoopbackHost } from '../../src/relay/loopback.ts';
import { textMeter } from '../../src/relay/meter.ts';
import { handRuntime } from './memory-storage.ts';
import { heldBody } from '../../src/relay/held-answer.ts';
import { BodyBudget, objectFromBody, readBody } from '../../src/relay/request-body.ts';
import { routeTable } from '../../src/relay/routes.ts';
import { siteIdFromHex } from '../../src/core/site-id.ts';
import { memoryPinStore, SitePins } from '../../src/relay/site-pins.ts';
import { HttpSessionPort } from '../../src/transport/http-session.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';

const SITE = 'a'.repeat(32) as SiteId;

describe('routes', () => {
  test('find their call with decoded parameters, with a slash at the end or without', () => {
    const { match } = routeTable();
    expect(match('/todo')).toEqual({ route: 'database', dbid: 'todo', sessionId: '' });
    expect(match('/todo/changes/')).toMatchObject({ route: 'changes', dbid: 'todo' });
    expect(match('/a%2Fb/session/x')).toEqual({ route: 'session', dbid: 'a/b', sessionId: 'x' });
    expect(match('/health')).toMatchObject({ route: 'health' });
    for (const path of ['/', '', '//', '/todo/unknown', '/todo/session', '//schema'])
      expect(match(path)).toBeUndefined();
    expect(() => match('/%')).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });

  test('can be moved under a prefix, renamed and switched off', () => {
    const { match, patterns } = routeTable({ schema: '/schemas/:dbid', metrics: false }, '/sync/');
    expect(match('/sync/schemas/todo')).toMatchObject({ route: 'schema', dbid: 'todo' });
    expect(match('/sync/todo')).toMatchObject({ route: 'database' });
    expect(match('/todo')).toBeUndefined();
    expect(patterns.map(({ route }) => route)).not.toContain('metrics');
  });

  test('without their parameters are USAGE', () => {
    for (const routes of [{ database: '/fixed' }, { session: '/:dbid/session' }, { health: 'health' }]) {
      expect(() => routeTable(routes)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
  });
});

describe('names and addresses', () => {
  test('database ids are safe file names', () => {
    for (const name of ['a', 'A.b_c-d', '0', 'x'.repeat(64)]) expect(isDatabaseName(name), name).toBe(true);
    const bad = ['', '.a', '-a', '_a', 'a.', 'a/b', 'a b', 'x'.repeat(65), 'health', 'Metrics', 'é', '..', 'a\n'];
    for (const name of bad) expect(isDatabaseName(name), name).toBe(false);
  });

  test('loopback is this machine and nothing that looks like it', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
      expect(isLoopbackAddress(address), address).toBe(true);
    }
    for (const address of ['10.0.0.1', '::2', '::ffff:10.0.0.1', '127.0.0.1.example', '']) {
      expect(isLoopbackAddress(address), address).toBe(false);
    }
    for (const host of ['localhost', 'LOCALHOST', 'a.localhost', '[::1]', '127.0.0.1']) {
      expect(isLoopbackHost(host), host).toBe(true);
    }
    for (const host of ['notlocalhost', 'localhost.evil', '0.0.0.0', '[::2]'])
      expect(isLoopbackHost(host), host).toBe(false);
  });
});

describe('default access', () => {
  const ask = async (tokens: AccessTokens, token?: string, address?: string): Promise<unknown> => {
    const request = {
      operation: 'socket',
      dbid: 'todo',
      token,
      site: undefined,
      headers: new Headers(),
      address,
    } as const;
    const answer = await defaultAuthorize(tokens)(request);
    return 'refuse' in answer ? answer.refuse : answer.mode;
  };

  test('without tokens is for this machine only', async () => {
    expect(await ask({}, undefined, '127.0.0.1')).toBe('peer');
    expect(await ask({}, undefined, '192.168.1.9')).toBe('UNAUTHORIZED');
    expect(await ask({}, undefined, undefined)).toBe('UNAUTHORIZED');
  });

  test('with tokens asks for one of them, whatever the address', async () => {
    const tokens = { token: 'leaf', peerToken: 'peer' };
    expect(await ask(tokens, 'leaf', '10.0.0.1')).toBe('leaf');
    expect(await ask(tokens, 'peer')).toBe('peer');
    expect(await ask(tokens, 'other', '127.0.0.1')).toBe('UNAUTHORIZED');
    expect(await ask(tokens, undefined, '127.0.0.1')).toBe('UNAUTHORIZED');
    expect(await ask({ peerToken: 'peer' }, 'leaf')).toBe('UNAUTHORIZED');
    expect(await ask({ token: 'same', peerToken: 'same' }, 'same')).toBe('peer');
  });
});

describe('site pins', () => {
  test('hold for one database, and at most as many sites of it as are allowed', async () => {
    const pins = new SitePins(memoryPinStore({ sitesMax: 2, siteKeysMax: 9 }));
    const speaker = { dbid: 'a', site: SITE, siteKey: '1'.repeat(64), token: undefined };
    await pins.admit(speaker);
    await pins.admit({ ...speaker, dbid: 'b', siteKey: '2'.repeat(64) });
    await expect(pins.admit({ ...speaker, siteKey: '2'.repeat(64) })).rejects.toMatchObject({ code: 'SITE_TAKEN' });
    await pins.admit({ ...speaker, dbid: 'a', site: siteIdFromHex('b'.repeat(32)) });
    await expect(pins.admit({ ...speaker, dbid: 'a', site: siteIdFromHex('c'.repeat(32)) })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    await pins.admit(speaker);
  });

  test('are at most as many as are allowed in all databases together, and those that are there stay', async () => {
    const pins = new SitePins(memoryPinStore({ sitesMax: 9, siteKeysMax: 2 }));
    const speaker = { dbid: 'a', site: SITE, siteKey: '1'.repeat(64), token: undefined };
    for (const dbid of ['a', 'b', 'a']) await pins.admit({ ...speaker, dbid });
    await expect(pins.admit({ ...speaker, dbid: 'c' })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await pins.admit({ ...speaker, dbid: 'b' });
  });
});

describe('bodies', () => {
  const stream = (pieces: number, after?: Error): Request => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ < pieces) controller.enqueue(new Uint8Array(100));
        else if (after === undefined) controller.close();
        else controller.error(after);
      },
    });
    return new Request('http://localhost/', { method: 'POST', body, duplex: 'half' } as RequestInit);
  };

  test('are read to their limit and not further', async () => {
    expect(await readBody(stream(10), 1000)).toHaveLength(1000);
    await expect(readBody(stream(11), 1000)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(readBody(stream(Number.POSITIVE_INFINITY), 1000)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  test('are refused while too many others are held', async () => {
    const budget = new BodyBudget(1500);
    await readBody(stream(10), 2000, (bytes) => budget.take(bytes));
    const second = readBody(stream(10), 2000, (bytes) => budget.take(bytes));
    await expect(second).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    budget.give(1500);
    budget.take(1500);
  });

  test('that break off are LINK_LOST', async () => {
    await expect(readBody(stream(1, new Error('gone')), 1000)).rejects.toMatchObject({ code: 'LINK_LOST' });
  });

  test('that are no JSON object are BAD_REQUEST', () => {
    for (const text of ['', '[]', '1', 'null', '{', '"a"']) {
      expect(() => objectFromBody(new TextEncoder().encode(text)), text).toThrow(
        expect.objectContaining({ code: 'BAD_REQUEST' }),
      );
    }
  });
});

describe('answers', () => {
  const page = new Uint8Array(200_000).fill(7);

  test('count as held until they are read to their end, or cancelled', async () => {
    const bodies = new BodyBudget(500_000);
    const holding = { bodies, runtime: handRuntime(), limits: { silenceMs: 1 } };
    const [read, cancelled] = [heldBody(page, holding), heldBody(page, holding)];
    expect(() => heldBody(page, holding)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    expect(new Uint8Array(await new Response(read).arrayBuffer())).toEqual(page);
    await cancelled.cancel();
    bodies.take(500_000);
  });

  test('that nobody reads break off after a while, and are held no longer', async () => {
    const [bodies, runtime] = [new BodyBudget(200_000), handRuntime()];
    const reader = heldBody(page, { bodies, runtime, limits: { silenceMs: 1 } }).getReader();
    await reader.read();
    runtime.ring();
    await expect(reader.read()).rejects.toMatchObject({ code: 'LINK_LOST' });
    bodies.take(200_000);
  });
});

describe('counters', () => {
  test('of connections go up and down by address', () => {
    const connections = new Connections({ connectionsMax: 3, connectionsPerAddressMax: 2 });
    const leave = connections.enter('a');
    connections.enter('a');
    expect(() => connections.enter('a')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
    connections.enter('b');
    expect(() => connections.enter('c')).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    leave();
    leave();
    expect(connections.count).toBe(2);
    connections.enter('a');
  });

  test('of metrics are text that Prometheus reads', async () => {
    const meter = textMeter();
    meter.count('a_total', { code: 'x"y' });
    meter.count('a_total', { code: 'x"y' }, 2);
    meter.count('b_total');
    meter.gauge('c', () => 7);
    expect((await meter.render()).text).toBe(
      '# TYPE a_total counter\na_total{code="x_y"} 3\n# TYPE b_total counter\nb_total 1\n# TYPE c gauge\nc 7\n',
    );
  });
});

describe('sessions over http', () => {
  test('belong to the database and the token that opened them', () => {
    const sessions = new HttpSessions();
    const port = new HttpSessionPort('http test', { limits: DEFAULT_LIMITS, runtime: nodeRuntime() });
    const id = '0'.repeat(32);
    sessions.add(id, { port, dbid: 'todo', token: 'a' });
    expect(sessions.get(id, { dbid: 'todo', token: 'a' }).port).toBe(port);
    const code = (wanted: string): object => expect.objectContaining({ code: wanted }) as object;
    expect(() => sessions.get(id, { dbid: 'todo', token: 'b' })).toThrow(code('FORBIDDEN'));
    expect(() => sessions.get(id, { dbid: 'other', token: 'a' })).toThrow(code('FORBIDDEN'));
    expect(() => sessions.add(id, { port, dbid: 'todo', token: 'a' })).toThrow(code('BAD_REQUEST'));
    expect(() => sessions.add('short', { port, dbid: 'todo', token: 'a' })).toThrow(code('BAD_REQUEST'));
    sessions.delete(id);
    expect(() => sessions.get(id, { dbid: 'todo', token: 'a' })).toThrow(code('SESSION_PROTOCOL'));
  });
});
