/**
 * Fuzzing of what enters beside frames and bodies: heads of requests, refusals of servers, and what is posted on
 * message ports and in rooms.
 */
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { isErrorCode } from '../../src/core/errors.ts';
import { assertOriginAllowed, corsHeaders } from '../../src/relay/origin.ts';
import { tokenOfRequest } from '../../src/relay/request-token.ts';
import { Gathering } from '../../src/transport/gathering.ts';
import { PostedPort } from '../../src/transport/posted-port.ts';
import { refusalFromAnswer } from '../../src/transport/refusal.ts';
import type { Random } from '../simulation/random.ts';
import type { Corpus } from './fuzz-corpus.ts';
import type { WeightedTarget } from './fuzz-target.ts';
import { NO_CODES } from './fuzz-target.ts';
import { mutated, mutatedJson, mutatedText } from './mutation.ts';
import { expectThat } from './suite.ts';

export const DOOR_TARGETS: readonly WeightedTarget[] = [
  [4, { name: 'posted messages', codes: NO_CODES, target: postedMessages }],
  [3, { name: 'room messages', codes: NO_CODES, target: roomMessages }],
  [3, { name: 'request heads', codes: ['FORBIDDEN'], target: requestHead }],
  [2, { name: 'refusals', codes: NO_CODES, target: refusal }],
];

const limits = DEFAULT_LIMITS;

const OVERSIZED = new Uint8Array(limits.frameBytesMax + 1);
/** The two ids of a room. */
const MEMBERS = ['ab'.repeat(16), 'cd'.repeat(16)] as const;
const PAIR = '0f'.repeat(16);

function postedMessage(random: Random, { frames }: Corpus): unknown {
  const frame = random.pick(frames);
  const good = random.pick<unknown>([
    { frame: random.chance(0.5) ? frame : mutated(random, frame, random.pick(frames)) },
    { frame: OVERSIZED },
    { taken: random.pick([0, 1, 1e9, -1, Number.NaN, Infinity]) },
    { code: random.pick([1000, 4400, -1, 1e9]), reason: 'CLOSED' },
    { frame: [1, 2, 3], taken: '5', code: '1000' },
  ]);
  return random.chance(0.4) ? mutatedJson(random, good) : good;
}

/** A page or a worker of the same origin may post anything: a frame, the end, and never more than the bounds. */
function postedMessages(random: Random, corpus: Corpus): () => void {
  const messages = Array.from({ length: random.between(1, 8) }, () => postedMessage(random, corpus));
  return () => {
    let released = 0;
    const carrier = { description: 'fuzz', post: () => undefined, release: () => void (released += 1) };
    const port = new PostedPort(carrier, limits);
    for (const message of messages) port.receive(message);
    expectThat(released <= 1, () => `a port was let go ${released} times`);
    expectThat(port.bufferedBytes >= 0, () => `a port has ${port.bufferedBytes} bytes under way`);
  };
}

function roomMessages(random: Random, corpus: Corpus): () => void {
  const envelopes = Array.from({ length: random.between(1, 12) }, () => {
    const kind = random.pick(['here', 'bye', 'open', 'post', 'unknown', 'other']);
    const good = { kind, from: random.pick(MEMBERS), pair: PAIR, message: postedMessage(random, corpus) };
    return random.chance(0.4) ? mutatedJson(random, good) : good;
  });
  return () => {
    // Called straight: what an EventTarget's listener throws, its dispatchEvent does not.
    const hearers: ((event: { readonly data: unknown }) => void)[] = [];
    const addEventListener = (_type: string, hear: (typeof hearers)[number]): void => void hearers.push(hear);
    const channel = { addEventListener, postMessage: () => undefined, close: () => undefined };
    const runtime = { now: () => 0, setTimer: () => () => undefined, randomBytes: (n: number) => new Uint8Array(n) };
    const members = new Set<string>();
    const listener = {
      onMember: (member: string) => void members.add(member),
      onGone: (member: string) => void members.delete(member),
      onPort: () => undefined,
    };
    const gathering = new Gathering({ channel: channel as unknown as BroadcastChannel, runtime, limits }, listener);
    for (const data of envelopes) for (const hear of hearers) hear({ data });
    expectThat(members.size <= envelopes.length, () => `${members.size} members of ${envelopes.length} messages`);
    gathering.close();
  };
}

const HOSTS = ['localhost:8787', '127.0.0.1', '[::1]:80', 'evil.example', 'localhost.evil.example', ''];
const AUTHORIZATIONS = ['Bearer secret', 'bearer   a.b-c  ', 'Basic dXNlcjpwYXNz', 'Bearer'];

/** What a request says of itself is an address that is served, or refused; a token is what was sent, or none. */
function requestHead(random: Random, { headers }: Corpus): () => void {
  const host = headerText(mutatedText(random, random.pick(HOSTS), random.pick(HOSTS)));
  const origin = headerText(mutatedText(random, `http://${random.pick(HOSTS)}`, 'null'));
  const authorization = headerText(mutatedText(random, random.pick(AUTHORIZATIONS), random.pick(headers)));
  const protocols = headerText(mutatedText(random, random.pick(headers), random.pick(headers)));
  const token = encodeURIComponent(random.pick(['', 'x', '%']));
  return () => {
    const request = new Request(`http://localhost/todo?token=${token}`, {
      headers: { 'x-host': host, authorization, 'sec-websocket-protocol': protocols, origin },
    });
    const found = tokenOfRequest(request);
    expectThat(found === undefined || found.length > 0, () => 'an empty token is taken for one');
    const policy = { origins: ['https://app.example'], hosts: 'loopback' } as const;
    const named = new Request(request, { headers: { ...Object.fromEntries(request.headers), host } });
    assertOriginAllowed(named, policy);
    corsHeaders(named);
    expectThat(!/evil/.test(new URL(`http://${host}`).hostname), () => `a page of ${host} is served`);
  };
}

/** What a header can carry. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '');
}

/** A server in between may answer anything: its code is one of ours, and its fields replace none of them. */
function refusal(random: Random): () => void {
  const body = { code: 'UNAUTHORIZED', message: 'send a token', fault: 'caller', retry: 'after-fix', stack: 'x' };
  const text = random.chance(0.7)
    ? JSON.stringify(mutatedJson(random, body))
    : mutatedText(random, JSON.stringify(body), '<html></html>');
  const status = random.pick([0, 200, 400, 401, 404, 429, 500, 502, 999]);
  return () => {
    const error = refusalFromAnswer(status, text);
    expectThat(isErrorCode(error.toJSON()['code']), () => `a refusal has the code ${error.code}`);
    expectThat(typeof error.message === 'string', () => 'a refusal says nothing');
  };
}
