/** GET /:dbid/stream with a real EventSource: pages as they come, resumed by id, reset after a lost numbering. */
import { connect } from 'node:net';
import { EventSource } from 'eventsource';
import { afterEach, describe, expect, test } from 'vitest';
import type { TestRelay } from './served-relay.ts';
import { pushBody, startRelay, TODO_SCHEMA } from './served-relay.ts';

let relay: TestRelay;
const sources: EventSource[] = [];
afterEach(async () => {
  for (const source of sources.splice(0)) source.close();
  await relay.close();
});

const SITE = 'a'.repeat(32);

async function todo(...options: Parameters<typeof startRelay>): Promise<void> {
  relay = await startRelay(...options);
  await relay.call('PUT', '/todo', { body: TODO_SCHEMA, headers: { 'content-type': 'application/sql' } });
}

const push = (version: number): Promise<unknown> =>
  relay.call('POST', '/todo/changes', {
    json: pushBody({ site: SITE, start: version - 1, end: version, ids: [version] }),
  });

interface Heard {
  readonly event: string;
  readonly id: string;
  readonly data: Record<string, unknown>;
}

interface Listening {
  readonly heard: Heard[];
  readonly until: (count: number) => Promise<void>;
}

function listen(query = '', lastEventId?: string): Listening {
  const heard: Heard[] = [];
  let wake = (): void => undefined;
  const source = new EventSource(`${relay.url}/todo/stream${query}`, {
    fetch: (url, init) =>
      fetch(url, {
        ...init,
        headers: { ...init.headers, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
      }),
  });
  sources.push(source);
  for (const event of ['message', 'reset']) {
    source.addEventListener(event, ({ data, lastEventId: id }) => {
      heard.push({ event, id, data: JSON.parse(data as string) as Record<string, unknown> });
      wake();
    });
  }
  const until = async (count: number): Promise<void> => {
    while (heard.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { heard, until };
}

describe('the stream', () => {
  test('sends what is there, then each commit, with the cursor as id', async () => {
    await todo();
    await push(1);
    const { heard, until } = listen();
    await until(1);
    await push(2);
    await until(2);
    expect(
      heard.map(({ event, id, data }) => [event, id === data['cursor'], data['seqStart'], data['seqEnd']]),
    ).toEqual([
      ['message', true, 0, 1],
      ['message', true, 1, 2],
    ]);
    expect(heard[1]!.data['vClock']).toEqual({ [SITE]: [[0, 2]] });
    const page = (await relay.call('GET', `/todo/changes?since=${heard[0]!.id}`)).body;
    expect(heard[1]!.data).toEqual(page);
  });

  test('resumes behind since, and behind Last-Event-ID before it', async () => {
    await todo();
    await push(1);
    await push(2);
    const first = (await relay.call('GET', '/todo/changes?limit=1')).body['cursor'] as string;
    const resumed = listen(`?since=${first}`);
    await resumed.until(1);
    expect(resumed.heard[0]!.data).toMatchObject({ seqStart: 1, seqEnd: 2 });
    const again = listen('?since=0', first);
    await again.until(1);
    expect(again.heard[0]!.data).toMatchObject({ seqStart: 1, seqEnd: 2 });
  });

  test('a foreign cursor is reset, then everything comes from the start', async () => {
    await todo();
    await push(1);
    const { heard, until } = listen(`?since=${'0'.repeat(32)}.7`);
    await until(2);
    expect(heard.map(({ event }) => event)).toEqual(['reset', 'message']);
    expect(heard[1]!.data).toMatchObject({ seqStart: 0, seqEnd: 1, since: 0 });
  });

  test('is cut into pages by limit and leaves the own site out', async () => {
    await todo();
    for (let version = 1; version <= 4; version++) await push(version);
    const { heard, until } = listen('?limit=2');
    await until(4);
    expect(heard.map(({ data }) => data['more'])).toEqual([true, true, true, false]);
    const own = listen(`?exclude=${SITE}`);
    await own.until(1);
    expect(own.heard[0]!.data).toMatchObject({ seqEnd: 4, changes: [] });
  });

  test('what is no cursor is BAD_REQUEST, a missing database NO_DATABASE', async () => {
    await todo();
    expect((await relay.call('GET', '/todo/stream?since=xyz')).body['code']).toBe('BAD_REQUEST');
    expect((await relay.call('GET', `/todo/stream?since=${encodeURIComponent('{}')}`)).body['code']).toBe(
      'BAD_REQUEST',
    );
    expect((await relay.call('GET', '/absent/stream')).body['code']).toBe('NO_DATABASE');
  });

  test('beats with comments while nothing happens', async () => {
    await todo({ limits: { streamBeatMs: 20 } });
    const response = await fetch(`${relay.url}/todo/stream`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body!.getReader();
    let text = '';
    while (!text.startsWith(': crmesh\n\n: beat\n\n: beat\n\n'))
      text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
  });

  test('ends with its grant, and with the relay', async () => {
    const expiresAt = Date.now() + 100;
    await todo({ authorize: () => ({ read: 'all', write: 'all', schema: true, expiresAt }) });
    const response = await fetch(`${relay.url}/todo/stream`);
    expect(await response.text()).toBe(': crmesh\n\n');
    await relay.close();
    await todo();
    const other = await fetch(`${relay.url}/todo/stream`);
    await relay.relay.close();
    expect(await other.text()).toBe(': crmesh\n\n');
  });

  test('a reader that does not read costs no queue, and still gets everything in the end', async () => {
    await todo();
    const { port } = new URL(relay.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`GET /todo/stream HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    const title = 'x'.repeat(200_000);
    for (let version = 1; version <= 60; version++) {
      await relay.call('POST', '/todo/changes', {
        json: pushBody({ site: SITE, start: version - 1, end: version, ids: [version], title }),
      });
    }
    let text = '';
    const finished = new Promise<void>((resolve) => {
      socket.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.includes('"seqEnd":60')) resolve();
      });
    });
    socket.resume();
    await finished;
    socket.destroy();
    // Fewer events than commits: what was not read was read from the store, once, when there was room.
    expect(text.match(/^id: /gm)!.length).toBeLessThan(60);
  });
});
