/**
 * Attacks on a real relay over real sockets with a valid token: damaged frames in every phase of a session, frames
 * and bodies beyond the bounds, bombs, connections that are dropped or stand still, floods.
 *
 * After each attack an honest client is served, the memory has not grown beyond the bounds, and whatever was refused
 * had a code.
 */
import { connect } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { isErrorCode } from '../../src/core/errors.ts';
import type { Part } from '../../src/core/part.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { LinkMode, Message } from '../../src/wire/message.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Range } from '../../src/core/range-set.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { anyMessage } from '../wire/messages.arbitrary.ts';
import { Random } from '../simulation/random.ts';
import { createCorpus } from './fuzz-corpus.ts';
import type { Corpus } from './fuzz-corpus.ts';
import { imageAnswers, standing, unfinished, unreadPages } from './fuzz-standing.ts';
import { DBID, inTime, LIVE_LIMITS, LiveRelay } from './live-relay.ts';
import type { Stranger } from './live-relay.ts';
import { mutated, mutatedJson, mutatedText } from './mutation.ts';
import type { Counts, Suite } from './suite.ts';
import { expectThat } from './suite.ts';

/** What all attacks together may leave in this process. */
const RSS_BYTES_MAX = 1 << 30;

export const fuzzLive: Suite = {
  name: 'fuzz-live',
  about: 'attacks on a relay over real sockets, one a case',
  full: 3_000,
  async prepare() {
    const corpus = createCorpus();
    const messages = fc.sample(anyMessage(corpus.codec), { seed: 5, numRuns: 300 });
    const relay = await LiveRelay.start();
    return {
      async runCase(seed) {
        const random = new Random(seed, 'fuzz-live');
        const { name, attack } = random.weighted(ATTACKS);
        const counts = await attack({ relay, corpus, messages, random });
        await relay.expectServing();
        const { rss } = process.memoryUsage();
        expectThat(rss < RSS_BYTES_MAX, () => `${name}: this process has ${rss >> 20} MiB`);
        return { ...counts, [`attacks: ${name}`]: 1, 'MiB, Max': rss >> 20 };
      },
      close: () => relay.close(),
    };
  },
};

interface Attack {
  readonly relay: LiveRelay;
  readonly corpus: Corpus;
  readonly messages: readonly Message[];
  readonly random: Random;
}

type Run = (attack: Attack) => Promise<Counts>;

const ATTACKS: readonly (readonly [number, { readonly name: string; readonly attack: Run }])[] = [
  [8, { name: 'damaged greeting', attack: damagedGreeting }],
  [20, { name: 'damaged session', attack: damagedSession }],
  [14, { name: 'http', attack: httpRequests }],
  [3, { name: 'oversized', attack: oversized }],
  [4, { name: 'bomb', attack: bomb }],
  [3, { name: 'chunks', attack: endlessChunks }],
  [5, { name: 'abandoned', attack: abandoned }],
  [3, { name: 'slow reader', attack: slowReader }],
  [3, { name: 'slow writer', attack: slowWriter }],
  [3, { name: 'flood', attack: flood }],
  [2, { name: 'standing', attack: standing }],
  [2, { name: 'unfinished', attack: unfinished }],
  [2, { name: 'unread pages', attack: unreadPages }],
  [3, { name: 'image answers', attack: imageAnswers }],
];

const CODEC = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });

const anyMode = (random: Random): LinkMode => random.pick(['leaf', 'peer']);

async function damagedGreeting({ relay, corpus, random }: Attack): Promise<Counts> {
  const mode = anyMode(random);
  const stranger = await relay.socket(mode);
  const hello = relay.codec.encode(stranger.hello(mode));
  stranger.send(random.chance(0.8) ? mutated(random, hello, random.pick(corpus.frames)) : random.pick(corpus.frames));
  if (random.chance(0.3)) stranger.socket.send('a text message');
  return { frames: 1, connections: 1, ...(await settled(stranger)) };
}

/** Valid messages of the wrong kind, order or numbers, and damaged ones, in an open session. */
async function damagedSession({ relay, corpus, messages, random }: Attack): Promise<Counts> {
  const mode = anyMode(random);
  const stranger = await relay.socket(mode);
  await stranger.greet(mode);
  const unending = messages.filter(({ type }) => !ENDING.includes(type));
  let frames = 0;
  for (let i = random.between(1, 60); i > 0 && stranger.isOpen; i--, frames++) {
    const message = random.pick(random.chance(0.03) ? messages : unending);
    const bytes = relay.codec.encode(random.chance(0.8) ? plausible(random, stranger, message) : message);
    stranger.send(random.chance(0.1) ? mutated(random, bytes, random.pick(corpus.frames)) : bytes);
    if (random.chance(0.2)) await new Promise((resolve) => setImmediate(resolve));
  }
  return { frames, connections: 1, ...(await settled(stranger)) };
}

/** What ends a session in any case, and what cannot be of this session's. */
const ENDING: readonly Message['type'][] = ['hello', 'welcome', 'error', 'bye'];

/** The message with this session's own site, era and numbers, so that it gets further. */
function plausible(random: Random, { site, era }: Stranger, message: Message): Message {
  const small = random.below(4);
  switch (message.type) {
    case 'window':
    case 'mark':
      return { ...message, era: era as never, from: 0 as never, to: small as never, n: small };
    case 'beat':
    case 'base':
      return { ...message, era: era as never, at: small as never };
    case 'ack':
    case 'nack':
      return { ...message, site: site as never };
    case 'chunk':
      return { ...message, transfer: 1, i: small, n: 4 };
    case 'part': {
      const span: Range = [small, small + 1];
      const part = ownPart(random, site, small + 1);
      return {
        ...message,
        blob: CODEC.blobOf(random.chance(0.5) ? part : { ...message.blob.body, site: site as never }),
        claims: [span],
      };
    }
    default:
      return message;
  }
}

/** The relay has ended the session with a code, or the stranger leaves. */
async function settled(stranger: Stranger): Promise<Counts> {
  for (let i = 0; i < 5 && stranger.isOpen; i++) await new Promise((resolve) => setTimeout(resolve, 2));
  if (!stranger.isOpen) return { [`ended: ${await stranger.expectCodedEnd()}`]: 1 };
  stranger.drop();
  return { 'left by the stranger': 1 };
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'];
const ROUTES = [
  '',
  '/schema',
  '/changes',
  '/stream',
  '/socket',
  '/image',
  '/query-changes',
  `/session/${'ab'.repeat(16)}`,
];

async function httpRequests({ relay, corpus, random }: Attack): Promise<Counts> {
  const requests = random.between(1, 20);
  for (let i = 0; i < requests; i++) {
    const name = random.chance(0.8) ? DBID : encodeURIComponent(mutatedText(random, DBID, 'a/b%c'));
    const since = mutatedText(random, random.pick(corpus.sinces), random.pick(corpus.sinces));
    const query = random.chance(0.5)
      ? ''
      : `?since=${encodeURIComponent(since)}&limit=${random.pick(['1', '0', 'x', '9'])}`;
    const method = random.pick(METHODS);
    const kind = random.pick(['application/json', 'application/vnd.crmesh', 'text/plain', 'text/html']);
    const body = method === 'GET' || method === 'HEAD' ? {} : { body: bodyOf(random, corpus, kind) as BodyInit };
    const headers = {
      ...relay.headers(anyMode(random)),
      ...(random.chance(0.3) ? oddHeader(random, corpus) : {}),
      'content-type': kind,
      accept: random.pick(['*/*', kind]),
    };
    const url = `${relay.served.url}/${name}${random.pick(ROUTES)}${query}`;
    const stop = new AbortController();
    const answer = await inTime(fetch(url, { method, headers, ...body, signal: stop.signal }), `${method} ${url}`);
    await expectCodedAnswer(answer, stop, `${method} ${url}`);
  }
  return { requests };
}

const SITE_KEY = 'ab'.repeat(32);

/** A header that some endpoint reads, damaged. */
function oddHeader(random: Random, corpus: Corpus): Record<string, string> {
  const [name, good] = random.pick([
    ['range', 'bytes=0-'],
    ['range', 'bytes=99999999999999-'],
    ['if-range', `"${SITE_KEY}"`],
    ['if-none-match', `"${SITE_KEY}"`],
    ['last-event-id', random.pick(corpus.sinces)],
    ['crmesh-batch', '0'],
    ['crmesh-site-key', SITE_KEY],
    ['origin', 'http://localhost'],
  ] as const);
  return { [name]: mutatedText(random, good, random.pick(corpus.sinces)).replaceAll(/[^\x20-\x7e]/g, '') };
}

function bodyOf(random: Random, corpus: Corpus, kind: string): Uint8Array | string {
  if (kind === 'application/json') return JSON.stringify(mutatedJson(random, random.pick(corpus.json)));
  if (kind === 'text/plain') return mutatedText(random, random.pick(corpus.schemas), random.pick(corpus.schemas));
  return mutated(random, random.pick([...corpus.bodies, ...corpus.batches]), random.pick(corpus.frames));
}

async function expectCodedAnswer(answer: Response, stop: AbortController, what: string): Promise<void> {
  const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (isStream) return stop.abort();
  const text = await inTime(answer.text(), what);
  if (answer.status < 400 || text === '') return expectThat(answer.status < 500, () => `${what}: ${answer.status}`);
  const { code } = JSON.parse(text) as { code: unknown };
  expectThat(isErrorCode(code) && answer.status !== 500, () => `${what}: ${answer.status} ${text}`);
}

async function oversized({ relay, random }: Attack): Promise<Counts> {
  const size = random.pick([LIVE_LIMITS.frameBytesMax! + 1, 4 << 20]);
  const stranger = await relay.socket('leaf');
  if (random.chance(0.5)) await stranger.greet('leaf');
  stranger.send(new Uint8Array(size));
  const ended = await stranger.expectCodedEnd();
  const body = new Uint8Array(LIVE_LIMITS.bodyBytesMax! + 1);
  const headers = { ...relay.headers('leaf'), 'content-type': 'application/json' };
  const answer = await fetch(`${relay.served.url}/${DBID}/changes`, { method: 'POST', headers, body }).catch(
    () => null,
  );
  expectThat(answer === null || answer.status === 413, () => `a body too large: ${answer?.status}`);
  return { frames: 1, requests: 1, connections: 1, [`oversized ended: ${ended}`]: 1 };
}

/** A few kilobytes that inflate to many megabytes, as a part's body. */
async function bomb({ relay, random }: Attack): Promise<Counts> {
  const packed = new Uint8Array(deflateRawSync(new Uint8Array(random.pick([8, 48]) << 20), { level: 9 }));
  const codec = createCodec({
    limits: DEFAULT_LIMITS,
    compression: { deflateRaw: () => packed, inflateRaw: (bytes) => bytes },
  });
  const stranger = await relay.socket('leaf');
  const claims: Part['claims'] = [[0, 1]];
  const body = { site: stranger.site as never, span: [0, 1] as const, rows: [rowOf('bomb', 'x'.repeat(200_000))] };
  const bytes = codec.encode({ type: 'part', blob: codec.blobOf(body), claims });
  await stranger.greet('leaf');
  for (let at = 0, i = 0; at < bytes.length; at += 60_000, i++) {
    const n = Math.ceil(bytes.length / 60_000);
    stranger.say({ type: 'chunk', transfer: 1, i, n, bytes: bytes.subarray(at, at + 60_000) });
  }
  return { frames: 1, connections: 1, [`bombs ended: ${await stranger.expectCodedEnd()}`]: 1 };
}

function rowOf(id: string, title: string): Part['rows'][number] {
  return { table: 'todo', pk: encodePackedKey([id]), cid: 'title', val: title, colVersion: 1, cl: 1, seq: 0 };
}

function ownPart(random: Random, site: string, version: number): Part {
  const rows = [rowOf(`flood ${random.below(50)}`, `v${version}`)];
  return { site: site as never, span: [version - 1, version], claims: [[version - 1, version]], rows };
}

/** Transfers of chunks that never end, tiny or large. */
async function endlessChunks({ relay, random }: Attack): Promise<Counts> {
  const stranger = await relay.socket('leaf');
  await stranger.greet('leaf');
  const size = random.pick([0, 1, 40_000]);
  const frames = size > 1 ? 80 : 20_000;
  const before = process.memoryUsage().rss;
  for (let i = 0; i < frames && stranger.isOpen; i++) {
    stranger.say({ type: 'chunk', transfer: 1, i, n: 2 ** 40, bytes: new Uint8Array(size) });
    if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const ended = size > 1 ? { [`chunks ended: ${await stranger.expectCodedEnd()}`]: 1 } : {};
  await new Promise((resolve) => setTimeout(resolve, 20));
  const grown = process.memoryUsage().rss - before;
  expectThat(grown < 256 << 20, () => `chunks of ${size} bytes cost ${grown >> 20} MiB`);
  stranger.drop();
  return { frames, connections: 1, ...ended };
}

/** Connections that are left at some point: before the upgrade, in it, after it, after the hello. */
async function abandoned({ relay, random }: Attack): Promise<Counts> {
  const { port } = new URL(relay.served.url);
  const connections = 100;
  for (let i = 0; i < connections; i++) {
    const stage = random.below(4);
    if (stage < 2) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      if (stage === 1) socket.write(`GET /${DBID} HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConn`);
      socket.destroy();
      continue;
    }
    const stranger = await relay.socket('leaf');
    if (stage === 3) stranger.say(stranger.hello('leaf'));
    stranger.drop();
  }
  return { connections };
}

/** Asks for everything and reads nothing, while others write. */
async function slowReader({ relay, random }: Attack): Promise<Counts> {
  const strangers: Stranger[] = [];
  for (let i = 0; i < 5; i++) {
    const stranger = await relay.socket('peer');
    await stranger.greet('peer');
    stranger.socket.pause();
    stranger.say({ type: 'credit', grantedBytes: Number.MAX_SAFE_INTEGER });
    stranger.say({ type: 'pull' });
    strangers.push(stranger);
  }
  await relay.honestWrites(random.between(10, 60), 20_000);
  await relay.expectServing();
  for (const stranger of strangers) stranger.drop();
  return { connections: strangers.length };
}

/** Sends byte by byte, over a socket and in a body. */
async function slowWriter({ relay, random }: Attack): Promise<Counts> {
  const { port } = new URL(relay.served.url);
  const { authorization } = relay.headers('leaf');
  const text = `POST /${DBID}/changes HTTP/1.1\r\nHost: localhost:${port}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"siteId":`;
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  const cut = random.between(20, text.length);
  for (let at = 0; at < cut; at += 8) {
    socket.write(text.slice(at, at + 8));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await relay.expectServing();
  socket.destroy();
  return { connections: 1 };
}

/** Many tiny writes at once, without a look at the credit. */
async function flood({ relay, random }: Attack): Promise<Counts> {
  const stranger = await relay.socket('leaf');
  await stranger.greet('leaf');
  const frames = random.pick([500, 3_000]);
  for (let version = 1; version <= frames && stranger.isOpen; version++) {
    const part = ownPart(random, stranger.site, version);
    stranger.say({ type: 'part', blob: relay.codec.blobOf(part), claims: part.claims });
  }
  await relay.expectServing();
  if (stranger.isOpen) stranger.drop();
  return { frames, connections: 1 };
}
