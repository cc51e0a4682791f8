/** The scripts of the session vectors: site A is the session's own side, B is the peer, C wrote elsewhere. */
import { emptyAcknowledgement } from '../../src/core/acknowledgement.ts';
import { coverageOf } from '../../src/core/coverage.ts';
import { ReplicationError } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SessionEvent } from '../../src/session/session-event.ts';
import type { Beat, Message } from '../../src/wire/message.ts';
import type { SessionOptions } from '../session/fixtures.ts';
import {
  ERA_A,
  ERA_B,
  PEER_KNOWN,
  SITE_A,
  SITE_B,
  SITE_C,
  at,
  blobOf,
  commitEvent,
  helloOfB,
  message,
  pieceEvent,
  welcomeOfB,
  windowOfB,
} from '../session/fixtures.ts';

export interface SessionScript {
  readonly name: string;
  readonly options: SessionOptions;
  readonly steps: readonly { readonly now: number; readonly event: SessionEvent }[];
}

const { beatMs, silenceMs, handshakeMs, creditBytes } = DEFAULT_LIMITS;

function script(name: string, options: SessionOptions, ...events: readonly (SessionEvent | number)[]): SessionScript {
  let now = 0;
  const steps: { now: number; event: SessionEvent }[] = [];
  for (const event of events) {
    if (typeof event === 'number') now = event;
    else steps.push({ now, event });
  }
  return { name, options, steps };
}

const known = (changes: Partial<Extract<SessionEvent, { type: 'peer-known' }>>): SessionEvent => {
  return { ...PEER_KNOWN, ...changes } as SessionEvent;
};
const beat = (changes: Partial<Beat>): SessionEvent =>
  message({ type: 'beat', era: ERA_B, n: 0, live: false, sentBytes: 0, grantedBytes: creditBytes, ...changes });
const base = (version: number): SessionEvent => message({ type: 'base', era: ERA_B, at: at(version) });
const found = (version: number, lost = false): SessionEvent => {
  return { type: 'base-found', base: { nonce: ERA_A, at: at(version) }, lost };
};
const applied = (changes: Partial<Extract<SessionEvent, { type: 'applied' }>> = {}): SessionEvent => {
  return { type: 'applied', acks: new Map(), refusals: [], failure: undefined, bytes: 0, ...changes };
};
const held = (hi: number): typeof emptyAcknowledgement => ({ ...emptyAcknowledgement, held: [[0, hi]] });
const partOfB = (lo: number, hi: number): Message => {
  return { type: 'part', blob: blobOf(SITE_B, lo, hi), claims: [[lo, hi]] };
};
const ownCommit = (before: number, announced: number): SessionEvent =>
  commitEvent({
    before,
    after: announced,
    parts: [{ blob: blobOf(SITE_A, before, announced), fromPeer: false }],
    growth: coverageOf(SITE_A, [[before, announced]]),
    claimsAfter: 1,
    own: {
      announced,
      part: { blob: blobOf(SITE_A, before, announced), claims: [[before, announced]] },
    },
  });
const START: SessionEvent = { type: 'start' };

/** To an open session, for each role. */
const asClient = (changes: Parameters<typeof welcomeOfB>[0] = {}, then = PEER_KNOWN): SessionEvent[] => [
  START,
  message(welcomeOfB(changes)),
  then,
];
const asServer = (changes: Parameters<typeof helloOfB>[0] = {}, then = PEER_KNOWN): SessionEvent[] => [
  message(helloOfB(changes)),
  then,
];
const served = [message({ type: 'pull' }), found(0)];

const conversations: readonly SessionScript[] = [
  script(
    'a leaf from hello to bye',
    { announced: 2 },
    START,
    message(welcomeOfB({ acks: new Map([[SITE_A, held(1)]]) })),
    known({ shown: 2 }),
    { type: 'own-parts', parts: [{ blob: blobOf(SITE_A, 1, 2), claims: [[1, 2]] }] },
    { type: 'sent', bytes: 120, blocked: false },
    base(0),
    message(windowOfB({ from: 0, to: 3, n: 0, parts: [blobOf(SITE_C, 0, 4)], claims: coverageOf(SITE_C, [[0, 4]]) })),
    applied({ bytes: 100 }),
    message({ type: 'ack', site: SITE_A, ack: held(2) }),
    ownCommit(5, 6),
    message({ type: 'mark', era: ERA_B, from: at(3), to: at(4), n: 1 }),
    applied(),
    beat({ at: at(4), n: 2, live: true }),
    message({ type: 'ephemeral', bytes: Uint8Array.of(3) }),
    { type: 'end', error: new ReplicationError('CLOSED', 'closed here') },
    message({ type: 'credit', grantedBytes: 1 }),
  ),
  script(
    'a server and its leaf, from hello to a lost connection',
    { role: 'server' },
    ...asServer({}, known({ acks: new Map([[SITE_B, held(1)]]) })),
    message({ type: 'pull' }),
    found(0),
    pieceEvent({ from: 0, to: 4, last: false, windows: [[blobOf(SITE_C, 0, 4)]] }),
    { type: 'sent', bytes: 900, blocked: false },
    pieceEvent({ from: 4, to: 6, windows: [[]], claims: coverageOf(SITE_C, [[0, 4]]), claimNumber: 3 }),
    message(partOfB(1, 2), 200),
    applied({ acks: new Map([[SITE_B, held(2)]]), bytes: 200 }),
    commitEvent({
      before: 6,
      after: 7,
      claimsBefore: 3,
      claimsAfter: 4,
      parts: [{ blob: blobOf(SITE_B, 1, 2), fromPeer: true }],
    }),
    commitEvent({
      before: 7,
      after: 8,
      claimsBefore: 4,
      claimsAfter: 5,
      parts: [{ blob: blobOf(SITE_C, 4, 5), fromPeer: false }],
      growth: coverageOf(SITE_C, [[4, 5]]),
    }),
    { type: 'ephemeral', bytes: Uint8Array.of(1, 2) },
    { type: 'port-closed', code: 1006, reason: '' },
    { type: 'tick' },
  ),
  script(
    'two peers, windows both ways',
    { mode: 'peer', announced: 1 },
    ...asClient(
      { mode: 'peer', cursor: { nonce: ERA_A, at: at(1) } },
      known({ differing: coverageOf(SITE_C, [[0, 2]]) }),
    ),
    found(1),
    pieceEvent({ from: 1, to: 1 }),
    base(0),
    message(windowOfB({ from: 0, to: 2, n: 0, parts: [blobOf(SITE_B, 0, 2)] })),
    ownCommit(1, 2),
    message(partOfB(2, 3)),
    applied({ bytes: 100 }),
    applied({ acks: new Map([[SITE_B, held(3)]]), bytes: 100 }),
    message({ type: 'bye', code: 'UNAVAILABLE', retryAfterMs: 2_000 }),
  ),
];

const resumptions: readonly SessionScript[] = [
  script(
    'a client resumes by its cursor',
    {},
    ...asClient({}, known({ cursor: { nonce: ERA_B, at: at(7) } })),
    base(7),
    message(windowOfB({ from: 7, to: 9, n: 0 })),
  ),
  script(
    'a base below the cursor is an alarm, and is taken',
    {},
    ...asClient({}, known({ cursor: { nonce: ERA_B, at: at(7) } })),
    base(3),
    message(windowOfB({ from: 3, to: 9, n: 0 })),
  ),
  script(
    'a leaf states what it has without a claim once its peer has lost what it gave',
    {},
    ...asClient({}, known({ cursor: { nonce: ERA_B, at: at(7) }, unclaimed: coverageOf(SITE_C, [[0, 2]]) })),
    base(3),
    message(windowOfB({ from: 3, to: 9, n: 0 })),
  ),
  script(
    'a server whose cursor went beyond it keeps silent where it has own writes',
    { role: 'server', announced: 4 },
    ...asServer(),
    message({ type: 'pull', cursor: { nonce: ERA_A, at: at(9) } }),
    found(2, true),
  ),
  script(
    'a server without own writes sounds the alarm and serves',
    { role: 'server' },
    ...asServer(),
    message({ type: 'pull', cursor: { nonce: ERA_A, at: at(9) } }),
    found(2, true),
  ),
  script(
    'a missing window makes one pull, and windows are ignored until its base',
    {},
    ...asClient(),
    base(0),
    message(windowOfB({ from: 0, to: 2, n: 0 })),
    message(windowOfB({ from: 3, to: 4, n: 2 })),
    message(windowOfB({ from: 4, to: 5, n: 3 })),
    base(2),
    message(windowOfB({ from: 2, to: 4, n: 0 })),
  ),
  script(
    'a window of another era, one with a hole, one that overlaps',
    {},
    ...asClient(),
    base(4),
    message(windowOfB({ from: 2, to: 6, n: 0 })),
    message(windowOfB({ from: 7, to: 8, n: 1 })),
    base(6),
    message({ ...windowOfB({ from: 6, to: 7, n: 0 }), era: ERA_A }),
  ),
  script(
    'a beat shows a lost last window; a pull without answer is repeated',
    {},
    ...asClient(),
    base(0),
    beat({ at: at(2), n: 1, live: true }),
    beatMs - 1,
    { type: 'tick' },
    beatMs,
    { type: 'tick' },
  ),
  script(
    'a piece of one huge version moves no cursor',
    {},
    ...asClient(),
    base(0),
    message(windowOfB({ from: 0, to: 0, n: 0, parts: [blobOf(SITE_C, 0, 4)] })),
    message(windowOfB({ from: 0, to: 1, n: 1, parts: [blobOf(SITE_C, 0, 4)] })),
  ),
  script(
    'a server sends one huge version in two windows',
    { role: 'server' },
    ...asServer(),
    ...served,
    pieceEvent({
      from: 0,
      to: 1,
      windows: [[blobOf(SITE_C, 0, 4)], [blobOf(SITE_C, 0, 4)]],
      claims: coverageOf(SITE_C, [[0, 4]]),
    }),
  ),
];

const flow: readonly SessionScript[] = [
  script(
    'a link without credit leaves the live set and is refilled',
    { role: 'server' },
    ...asServer({ credit: 500 }),
    ...served,
    pieceEvent({ from: 0, to: 0 }),
    commitEvent({ before: 0, after: 1, parts: [{ blob: blobOf(SITE_C, 0, 1), fromPeer: false }] }),
    { type: 'sent', bytes: 600, blocked: false },
    commitEvent({ before: 1, after: 2, parts: [{ blob: blobOf(SITE_C, 1, 2), fromPeer: false }] }),
    commitEvent({ before: 2, after: 3, parts: [{ blob: blobOf(SITE_C, 2, 3), fromPeer: false }] }),
    message({ type: 'credit', grantedBytes: 1_000 }),
    pieceEvent({ from: 1, to: 3, windows: [[blobOf(SITE_C, 1, 3)]] }),
  ),
  script(
    'a transport that holds too much is waited for',
    { role: 'server' },
    ...asServer(),
    ...served,
    pieceEvent({ from: 0, to: 1, last: false, windows: [[blobOf(SITE_C, 0, 1)]] }),
    { type: 'sent', bytes: 600, blocked: true },
    pieceEvent({ from: 1, to: 2, last: false, windows: [[blobOf(SITE_C, 1, 2)]] }),
    { type: 'drained' },
  ),
  script(
    'credit is granted anew when half of it is merged, and what was lost is given back',
    {},
    ...asClient(),
    base(0),
    message(windowOfB({ from: 0, to: 1, n: 0, parts: [blobOf(SITE_C, 0, 1)] }), creditBytes / 2 - 1),
    applied({ bytes: creditBytes / 2 - 1 }),
    message(windowOfB({ from: 1, to: 2, n: 1, parts: [blobOf(SITE_C, 1, 2)] }), 1),
    applied({ bytes: 1 }),
    beat({ at: at(2), n: 2, sentBytes: creditBytes }),
  ),
  script(
    'a commit that is not in step, one that is too large',
    { role: 'server' },
    ...asServer(),
    ...served,
    pieceEvent({ from: 0, to: 5 }),
    commitEvent({ before: 6, after: 7, parts: [] }),
    pieceEvent({ from: 5, to: 7, windows: [[]] }),
    commitEvent({ before: 7, after: 8, parts: undefined }),
  ),
  script('idle links beat, silent ones are lost', {}, ...asClient(), beatMs, { type: 'tick' }, silenceMs, {
    type: 'tick',
  }),
  script(
    'a peer whose frames wait to be decoded was heard',
    {},
    ...asClient(),
    message({ type: 'pull' }),
    silenceMs,
    { type: 'tick', framesWait: true },
    beatMs,
    { type: 'tick', framesWait: false },
  ),
  script(
    'a question and its answer',
    {},
    ...asClient(),
    base(0),
    { type: 'ask' },
    message(windowOfB({ from: 0, to: 1, n: 0 })),
    beat({ at: at(1), n: 1, live: true, answer: 1 }),
    applied(),
  ),
  script(
    'a question of the peer waits until everything was sent',
    { role: 'server' },
    ...asServer(),
    ...served,
    beat({ ask: 7 }),
    pieceEvent({ from: 0, to: 2 }),
  ),
];

const repairs: readonly SessionScript[] = [
  script(
    'gaps are asked for once all windows are merged, one site after the other',
    {},
    ...asClient(),
    message({ type: 'coverage', coverage: coverageOf(SITE_C, [[0, 9]]) }),
    base(0),
    beat({ at: at(0), n: 0, live: true }),
    { type: 'gaps', gaps: coverageOf(SITE_C, [[3, 9]]) },
    message({ type: 'part', blob: blobOf(SITE_C, 0, 9), claims: [[3, 9]] }),
    applied(),
    { type: 'gaps', gaps: new Map() },
  ),
  script(
    'a peer answers a want; a leaf does so for itself alone',
    { announced: 3 },
    ...asClient({ acks: new Map([[SITE_A, held(3)]]) }, known({ shown: 3 })),
    message({ type: 'want', site: SITE_A, ranges: [[0, 2]] }),
    { type: 'served', parts: [{ blob: blobOf(SITE_A, 0, 2), claims: [[0, 2]] }] },
    message({ type: 'want', site: SITE_C, ranges: [[0, 2]] }),
  ),
  script(
    'a server lets a leaf bring back what it lost',
    { role: 'server' },
    ...asServer({}, known({ cursor: { nonce: ERA_B, at: at(2) } })),
    message({ type: 'coverage', coverage: coverageOf(SITE_C, [[0, 9]]) }),
    { type: 'gaps', gaps: coverageOf(SITE_C, [[4, 9]]) },
    base(2),
    message(windowOfB({ from: 2, to: 8, n: 0, parts: [blobOf(SITE_C, 0, 9)], claims: coverageOf(SITE_C, [[0, 9]]) })),
    beat({ at: at(8), n: 1, live: true }),
    message(windowOfB({ from: 8, to: 9, n: 1 })),
  ),
  script(
    'without vouch only the number of missing versions is told',
    { role: 'server', vouch: false },
    ...asServer(),
    message({ type: 'coverage', coverage: coverageOf(SITE_C, [[0, 9]]) }),
    { type: 'gaps', gaps: coverageOf(SITE_C, [[4, 9]]) },
  ),
  script(
    'a leaf that has sent its whole store says in each beat how far it went, until it carries more',
    {},
    ...asClient(),
    message({ type: 'pullall' }),
    found(0),
    pieceEvent({ from: 0, to: 4, windows: [[blobOf(SITE_C, 0, 9)]], claims: coverageOf(SITE_C, [[0, 9]]) }),
    beatMs,
    { type: 'tick' },
    { type: 'carry', to: at(4) },
    { type: 'carry', to: at(6) },
  ),
  script(
    'a leaf sends its whole store once',
    {},
    ...asClient(),
    message({ type: 'pullall' }),
    found(0),
    pieceEvent({ from: 0, to: 4, windows: [[blobOf(SITE_C, 0, 9)]], claims: coverageOf(SITE_C, [[0, 9]]) }),
    commitEvent({ before: 4, after: 5, parts: [{ blob: blobOf(SITE_C, 9, 10), fromPeer: false }] }),
  ),
  script(
    'a leaf states what it covers until that is heard, one statement after the other',
    {},
    ...asClient({}, known({ differing: coverageOf(SITE_C, [[0, 9]]) })),
    { type: 'state', coverage: coverageOf(SITE_C, [[0, 12]]) },
    beatMs,
    { type: 'tick' },
    message({ type: 'coverage', coverage: new Map() }),
    message({ type: 'coverage', coverage: new Map() }),
  ),
  script(
    'a leaf between meshes shows how far its store is, and a server pulls it again',
    {},
    ...asClient(),
    { type: 'carry', to: at(3) },
    commitEvent({ before: 3, after: 4, parts: [{ blob: blobOf(SITE_C, 9, 10), fromPeer: false }] }),
    { type: 'carry', to: undefined },
  ),
  script('a server pulls a leaf that carries', { role: 'server' }, ...asServer(), beat({ at: at(3) })),
  script(
    'what a peer states of us is compared with what left',
    {},
    ...asClient(),
    message({ type: 'coverage', coverage: coverageOf(SITE_A, [[0, 7]]) }),
  ),
];

const upload: readonly SessionScript[] = [
  script(
    'a refused version is not sent again, and the app is told',
    { announced: 2 },
    ...asClient({}, known({ shown: 2 })),
    { type: 'own-parts', parts: [{ blob: blobOf(SITE_A, 0, 2), claims: [[0, 2]] }] },
    message({ type: 'nack', site: SITE_A, ranges: [[0, 1]], kind: 'reject', code: 'CHANGE_REJECTED', message: 'no' }),
    message({ type: 'nack', site: SITE_A, ranges: [[1, 2]], kind: 'drop', code: 'CHANGE_REJECTED', message: 'no' }),
    { type: 'tick' },
  ),
  script(
    'parts without any answer are sent again',
    { announced: 2 },
    ...asClient({}, known({ shown: 2 })),
    { type: 'own-parts', parts: [{ blob: blobOf(SITE_A, 0, 2), claims: [[0, 2]] }] },
    silenceMs - 1,
    beat({}),
    { type: 'tick' },
    silenceMs,
    { type: 'tick' },
  ),
  script(
    'a server refuses, acknowledges, and tells of a migration',
    { role: 'server' },
    ...asServer(),
    message(partOfB(0, 3)),
    applied({
      acks: new Map([[SITE_B, { held: [[0, 1]], parked: [[2, 3]], refused: [[1, 2]] }]]),
      refusals: [{ site: SITE_B, ranges: [[1, 2]], kind: 'reject', code: 'CHANGE_REJECTED', message: 'not yours' }],
      bytes: 100,
    }),
    {
      type: 'acknowledge',
      acks: new Map([
        [
          SITE_B,
          {
            held: [
              [0, 1],
              [2, 3],
            ],
            parked: [],
            refused: [[1, 2]],
          },
        ],
      ]),
    },
    applied({ failure: new ReplicationError('PARKED_FULL', 'full', { input: 0 }) }),
  ),
];

const refusals: readonly SessionScript[] = [
  script('another wire version', { role: 'server' }, message(helloOfB({ wire: 99 }))),
  script('another database', { role: 'server' }, message(helloOfB({ dbid: 'other' }))),
  script('our own site id from a copy', { role: 'server' }, message(helloOfB({ site: SITE_A }))),
  script('a link back to the same replica', { role: 'server' }, message(helloOfB({ site: SITE_A, era: ERA_A }))),
  script('a higher mode than granted', { role: 'server' }, message(helloOfB({ mode: 'peer' }))),
  script(
    'mode peer without the right to write all',
    { role: 'server', mode: 'peer', write: 'some' },
    message(helloOfB({ mode: 'peer' })),
  ),
  script('a link without the right to read', { role: 'server', read: 'none' }, message(helloOfB())),
  script('a welcome to another hello', {}, START, message(welcomeOfB({ session: '00'.repeat(16) }))),
  script(
    'a welcome that holds more of us than ever left',
    { announced: 20 },
    ...asClient({ acks: new Map([[SITE_A, held(9)]]) }, known({ shown: 8 })),
  ),
  script(
    'a refusal of our site id: the one that calls gives way',
    {},
    START,
    message({ type: 'error', code: 'SITE_CONFLICT', message: 'no', details: { site: SITE_A } }),
  ),
  script(
    'an error of the peer keeps its code',
    {},
    START,
    message({ type: 'error', code: 'UNAUTHORIZED', message: 'no', details: {} }),
  ),
  script(
    'a code that is not known',
    {},
    ...asClient(),
    message({ type: 'error', code: 'TOMORROW', message: 'no', details: {} }),
  ),
  script('a first message that is no greeting', { role: 'server' }, message({ type: 'pull' })),
  script('a second greeting', { role: 'server' }, ...asServer(), message(helloOfB())),
  script(
    'a chunk inside a message',
    {},
    ...asClient(),
    message({ type: 'chunk', transfer: 1, i: 0, n: 2, bytes: Uint8Array.of(1) }),
  ),
  script(
    'a leaf that speaks for another site',
    { role: 'server' },
    ...asServer(),
    message({ type: 'part', blob: blobOf(SITE_C, 0, 1), claims: [[0, 1]] }),
  ),
  script(
    'a leaf that speaks for the server',
    { role: 'server' },
    ...asServer(),
    message({ type: 'part', blob: blobOf(SITE_A, 0, 1), claims: [[0, 1]] }),
  ),
  script('a leaf that sends windows', { role: 'server' }, ...asServer(), message(windowOfB({ from: 0, to: 1, n: 0 }))),
  script('a base that nobody asked for', { role: 'server' }, ...asServer(), base(0)),
  script('a pull from a leaf', {}, ...asClient(), message({ type: 'pull' })),
  script('a whole store pulled from a peer', { role: 'server' }, ...asServer(), message({ type: 'pullall' })),
  script(
    'an image that nobody asked for',
    {},
    ...asClient(),
    message({ type: 'image', era: ERA_B, at: at(9), bytes: 100, hash: '5a'.repeat(32) }),
  ),
  script('no greeting in time', {}, START, handshakeMs, { type: 'tick' }),
  script('a grant that has expired', { role: 'server', expiresAt: 5_000 }, ...asServer(), 5_000, { type: 'tick' }),
];

const images: readonly SessionScript[] = [
  script(
    'a replica with nothing is offered an image, and pulls again for rows',
    { role: 'server', image: true },
    ...asServer({ capabilities: ['image'] }),
    message({ type: 'pull' }),
    { type: 'image-found', offer: { era: ERA_A, at: at(9), bytes: 100, hash: '5a'.repeat(32) } },
    message({ type: 'pull' }),
    found(0),
  ),
  script(
    'a replica with nothing takes an offer',
    { image: true },
    ...asClient(),
    message({ type: 'image', era: ERA_B, at: at(9), bytes: 100, hash: '5a'.repeat(32) }),
  ),
];

export const sessionScripts: readonly SessionScript[] = [
  ...conversations,
  ...resumptions,
  ...flow,
  ...repairs,
  ...upload,
  ...refusals,
  ...images,
];
