import { describe, expect, it } from 'vitest';
import { emptyAcknowledgement } from '../../src/core/acknowledgement.ts';
import { coverageOf } from '../../src/core/coverage.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SessionEvent } from '../../src/session/session-event.ts';
import type { Beat } from '../../src/wire/message.ts';
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
  freshSession,
  helloOfB,
  liveSessionOf,
  message,
  ofType,
  openSessionOf,
  run,
  sent,
  welcomeOfB,
  windowOfB,
} from './fixtures.ts';

const { beatMs, silenceMs, handshakeMs, creditBytes } = DEFAULT_LIMITS;
const LIVE_BEAT: Beat = { type: 'beat', era: ERA_B, at: at(0), n: 0, live: true, sentBytes: 0, grantedBytes: 0 };

function knownWith(shown: number): SessionEvent {
  return { ...PEER_KNOWN, shown } as SessionEvent;
}

describe('the greeting', () => {
  it('is hello, welcome, and a pull from the cursor held', () => {
    const known = { ...PEER_KNOWN, cursor: { nonce: ERA_B, at: at(7) } } as const;
    const { state, effects } = run(freshSession(), [{ type: 'start' }, message(welcomeOfB()), known]);
    expect(sent(effects).map(({ type }) => type)).toEqual(['hello', 'pull']);
    expect(sent(effects)[1]).toMatchObject({ cursor: { nonce: ERA_B, at: 7 } });
    expect(state.phase).toBe('open');
  });

  for (const [name, hello, code] of [
    ['another wire version', helloOfB({ wire: 99 }), 'WIRE_VERSION'],
    ['another database', helloOfB({ dbid: 'other' }), 'BAD_REQUEST'],
    ['our own site id', helloOfB({ site: SITE_A }), 'SITE_CONFLICT'],
    ['a higher mode than granted', helloOfB({ mode: 'peer' }), 'FORBIDDEN'],
  ] as const) {
    it(`refuses ${name} with ${code}, and says so before it closes`, () => {
      const { effects } = run(freshSession({ role: 'server' }), [message(hello)]);
      expect(sent(effects)).toMatchObject([{ type: 'error', code }]);
    });
  }

  it('refuses mode peer without the right to write all, and a link without the right to read', () => {
    const peer = run(freshSession({ role: 'server', mode: 'peer', write: 'some' }), [
      message(helloOfB({ mode: 'peer' })),
    ]);
    expect(sent(peer.effects)).toMatchObject([{ type: 'error', code: 'FORBIDDEN', details: { mode: 'leaf' } }]);
    const blind = run(freshSession({ role: 'server', read: 'none' }), [message(helloOfB())]);
    expect(sent(blind.effects)).toMatchObject([{ type: 'error', code: 'FORBIDDEN' }]);
  });

  it('sends nothing to a peer that holds more of it than ever left, however much it announced', () => {
    const acks = new Map([[SITE_A, { ...emptyAcknowledgement, held: [[0, 9]] as const }]]);
    const welcomed = [{ type: 'start' }, message(welcomeOfB({ acks }))] as const;
    const { state, effects } = run(freshSession({ announced: 20 }), [...welcomed, knownWith(8)]);
    expect(sent(effects)).toMatchObject([{ type: 'hello' }]);
    expect(ofType(effects, 'identity-lost')).toMatchObject([
      { alarm: 'SITE_CONFLICT', error: { code: 'SITE_CONFLICT' } },
    ]);
    expect(ofType(effects, 'record-ack')).toEqual([]);
    expect(state.phase).toBe('greeting');
    const fine = run(freshSession({ announced: 20 }), [...welcomed, knownWith(9)]);
    expect(ofType(fine.effects, 'identity-lost')).toEqual([]);
    expect(ofType(fine.effects, 'record-ack')).toHaveLength(1);
  });

  it('takes a refusal for its own site id as a sign that it is a copy, where it has called', () => {
    const refusal = { type: 'error', code: 'SITE_CONFLICT', message: 'no', details: { site: SITE_A } } as const;
    const { effects } = run(freshSession(), [{ type: 'start' }, message(refusal)]);
    expect(ofType(effects, 'identity-lost')).toHaveLength(1);
    const other = { ...refusal, details: { site: SITE_B } };
    const refused = run(freshSession(), [{ type: 'start' }, message(other)]);
    expect(ofType(refused.effects, 'ended')).toMatchObject([{ error: { code: 'SITE_CONFLICT' } }]);
  });

  it('refuses its own site id at the other end loudly, and a link to itself in other words', () => {
    const twin = run(freshSession({ role: 'server' }), [message(helloOfB({ site: SITE_A }))]);
    expect(sent(twin.effects)).toMatchObject([{ type: 'error', code: 'SITE_CONFLICT', details: { site: SITE_A } }]);
    expect(ofType(twin.effects, 'identity-lost')).toEqual([]);
    const itself = run(freshSession({ role: 'server' }), [message(helloOfB({ site: SITE_A, era: ERA_A }))]);
    expect(sent(itself.effects)).toMatchObject([{ type: 'error', code: 'BAD_REQUEST' }]);
  });

  it('compares what a peer states of it with what left, before it sends anything', () => {
    const stated = message({ type: 'coverage', coverage: coverageOf(SITE_A, [[0, 7]]) });
    for (const mode of ['leaf', 'peer'] as const) {
      const { effects } = run(openSessionOf({ role: 'server', mode }), [stated]);
      expect(effects[0]).toEqual({ type: 'check-own', held: 7 });
    }
  });

  it('gives no windows to a peer whose cursor it cannot have given, where it has own writes', () => {
    const found = { type: 'base-found', base: { nonce: ERA_A, at: at(2) }, lost: true } as const;
    const lost = run(openSessionOf({ role: 'server', mode: 'peer', announced: 4 }), [message({ type: 'pull' }), found]);
    expect(ofType(lost.effects, 'identity-lost')).toMatchObject([{ alarm: 'OWN_HISTORY_LOST' }]);
    expect(sent(lost.effects)).toEqual([]);
    const relay = run(openSessionOf({ role: 'server', mode: 'peer' }), [message({ type: 'pull' }), found]);
    expect(ofType(relay.effects, 'alarm')).toMatchObject([{ code: 'OWN_HISTORY_LOST' }]);
    expect(sent(relay.effects)).toMatchObject([{ type: 'base', at: 2 }]);
  });

  it('keeps its name when a leaf that may not vouch shows such a cursor', () => {
    const found = { type: 'base-found', base: { nonce: ERA_A, at: at(2) }, lost: true } as const;
    const served = openSessionOf({ role: 'server', announced: 4, vouch: false });
    const { effects } = run(served, [message({ type: 'pull' }), found]);
    expect(ofType(effects, 'identity-lost')).toEqual([]);
    expect(ofType(effects, 'alarm')).toMatchObject([{ code: 'OWN_HISTORY_LOST' }]);
  });

  it('is given up when no answer comes', () => {
    const { effects } = run(freshSession(), [{ type: 'tick' }], handshakeMs);
    expect(sent(effects)).toMatchObject([{ type: 'error', code: 'HANDSHAKE_TIMEOUT' }]);
  });
});

describe('the upload of a leaf', () => {
  const part = { blob: blobOf(SITE_A, 4, 5), claims: [[4, 5]] } as const;

  it('asks for what the welcome does not call held, parked or refused', () => {
    const acks = new Map([[SITE_A, { held: [[0, 2]], parked: [[3, 4]], refused: [] }]] as const);
    const known = knownWith(6);
    const { effects } = run(freshSession({ announced: 6 }), [{ type: 'start' }, message(welcomeOfB({ acks })), known]);
    expect(ofType(effects, 'read-own')).toEqual([
      {
        type: 'read-own',
        ranges: [
          [2, 3],
          [4, 6],
        ],
      },
    ]);
  });

  it('sends a fresh commit as it is, once', () => {
    const acks = new Map([[SITE_A, { ...emptyAcknowledgement, held: [[0, 4]] as const }]]);
    const known = knownWith(4);
    const open = run(freshSession({ announced: 4 }), [{ type: 'start' }, message(welcomeOfB({ acks })), known]).state;
    const commit = commitEvent({ before: 4, after: 5, own: { announced: 5, part } });
    const { state, effects } = run(open, [commit]);
    expect(sent(effects)).toEqual([{ type: 'part', ...part }]);
    expect(ofType(run(state, [message({ type: 'credit', grantedBytes: 1e9 })]).effects, 'read-own')).toEqual([]);
  });

  it('keeps acknowledgements as ranges and shows a rejection', () => {
    const ack = { ...emptyAcknowledgement, held: [[1, 2]] as const };
    const nack = { type: 'nack', site: SITE_A, ranges: [[0, 1]], kind: 'reject', code: 'X', message: 'no' } as const;
    const { state, effects } = run(openSessionOf({ announced: 3 }), [
      message({ type: 'ack', site: SITE_A, ack }),
      message(nack),
    ]);
    expect(state.upload.settled).toEqual([[0, 2]]);
    expect(state.upload.held).toEqual([[1, 2]]);
    expect(ofType(effects, 'rejected')).toMatchObject([{ site: SITE_A, refusal: { ranges: [[0, 1]] } }]);
  });

  it('sends again what was never answered for', () => {
    const commit = commitEvent({
      before: 0,
      after: 1,
      own: { announced: 1, part: { blob: blobOf(SITE_A, 0, 1), claims: [[0, 1]] } },
    });
    const { state } = run(openSessionOf(), [commit]);
    const heard = run(state, [message({ type: 'credit', grantedBytes: 0 })], silenceMs - 1).state;
    expect(ofType(run(heard, [{ type: 'tick' }], silenceMs).effects, 'read-own')).toMatchObject([{ ranges: [[0, 1]] }]);
  });

  it('is refused where it speaks for another site', () => {
    const foreign = message({ type: 'part', blob: blobOf(SITE_C, 0, 1), claims: [[0, 1]] });
    const { effects } = run(openSessionOf({ role: 'server' }), [foreign]);
    expect(sent(effects)).toMatchObject([{ type: 'error', code: 'FORBIDDEN' }]);
  });
});

describe('acknowledgements', () => {
  it('are sent for what is durable, never for an empty range', () => {
    const acks = new Map([
      [SITE_B, { ...emptyAcknowledgement, held: [[0, 2]] as const }],
      [SITE_C, emptyAcknowledgement],
    ]);
    const { effects } = run(openSessionOf({ role: 'server' }), [
      { type: 'applied', acks, refusals: [], failure: undefined, bytes: 0 },
    ]);
    expect(sent(effects)).toMatchObject([{ type: 'ack', site: SITE_B }]);
  });
});

describe('credit', () => {
  it('is granted again once half of it is used up, and given back for what was lost on the way', () => {
    const open = openSessionOf({ role: 'server' });
    const done = {
      type: 'applied',
      acks: new Map(),
      refusals: [],
      failure: undefined,
      bytes: creditBytes / 2,
    } as const;
    expect(sent(run(open, [done]).effects)).toEqual([{ type: 'credit', grantedBytes: 1.5 * creditBytes }]);
    const beat = message({ ...LIVE_BEAT, sentBytes: creditBytes });
    expect(sent(run(open, [beat]).effects)).toEqual([{ type: 'credit', grantedBytes: 2 * creditBytes }]);
  });
});

describe('repair', () => {
  const stated = coverageOf(SITE_C, [[0, 9]]);

  it('asks for a gap only after everything of the link is taken, and for each range once', () => {
    const open = run(openSessionOf({ mode: 'peer' }), [message({ type: 'coverage', coverage: stated })]);
    expect(ofType(open.effects, 'find-gaps')).toEqual([]);
    const live = run(open.state, [message({ type: 'base', era: ERA_B, at: at(0) }), message(LIVE_BEAT)]);
    expect(ofType(live.effects, 'find-gaps')).toEqual([{ type: 'find-gaps', stated }]);
    const asked = run(live.state, [{ type: 'gaps', gaps: coverageOf(SITE_C, [[4, 9]]) }]);
    expect(sent(asked.effects)).toEqual([{ type: 'want', site: SITE_C, ranges: [[4, 9]] }]);
    const answer = message({ type: 'part', blob: blobOf(SITE_C, 4, 9), claims: [] });
    const applied = { type: 'applied', acks: new Map(), refusals: [], failure: undefined, bytes: 0 } as const;
    expect(ofType(run(asked.state, [answer, applied]).effects, 'find-gaps')).toEqual([]);
  });

  it('waits for what is taken and not merged yet: the gap may be in it', () => {
    const window = windowOfB({ from: 0, to: 4, n: 0, parts: [blobOf(SITE_C, 0, 9)], claims: stated });
    const base = message({ type: 'base', era: ERA_B, at: at(0) });
    const live = run(openSessionOf({ mode: 'peer' }), [base, message(LIVE_BEAT)]);
    expect(ofType(live.effects, 'live')).toHaveLength(1);
    const told = run(live.state, [message(window), message({ type: 'coverage', coverage: stated })]);
    expect(ofType(told.effects, 'find-gaps')).toEqual([]);
    const applied = { type: 'applied', acks: new Map(), refusals: [], failure: undefined, bytes: 0 } as const;
    expect(ofType(run(told.state, [applied]).effects, 'find-gaps')).toEqual([{ type: 'find-gaps', stated }]);
  });
});

describe('questions', () => {
  it('are answered once the feed is live, and told once all before the answer is merged', () => {
    const asking = { ...LIVE_BEAT, ask: 5 } as const;
    const server = run(liveSessionOf({ role: 'server' }), [message(asking)]);
    expect(sent(server.effects)).toMatchObject([{ type: 'beat', answer: 5, live: true }]);
    const waiting = run(openSessionOf({ role: 'server' }), [message(asking)]);
    expect(sent(waiting.effects)).toEqual([]);
    const client = run(openSessionOf(), [{ type: 'ask' }, message({ ...LIVE_BEAT, answer: 1 })]);
    expect(ofType(client.effects, 'answered')).toEqual([{ type: 'answered', ask: 1 }]);
  });
});

describe('beats', () => {
  it('are the only thing an idle link sends', () => {
    const live = liveSessionOf({ role: 'server' });
    expect(sent(run(live, [{ type: 'tick' }], beatMs - 1).effects)).toEqual([]);
    expect(sent(run(live, [{ type: 'tick' }], beatMs).effects)).toMatchObject([{ type: 'beat', live: true }]);
  });

  it('missed for long end the link, but for frames that wait here, and so does a grant that expires', () => {
    const silent = run(openSessionOf(), [{ type: 'tick' }], silenceMs);
    expect(sent(silent.effects)).toMatchObject([{ type: 'error', code: 'HEARTBEAT_LOST' }]);
    const unread = run(openSessionOf(), [{ type: 'tick', framesWait: true }], silenceMs);
    expect(sent(unread.effects)).toMatchObject([{ type: 'beat' }]);
    expect(ofType(run(unread.state, [{ type: 'tick' }], 2 * silenceMs - 1).effects, 'ended')).toEqual([]);
    expect(run(freshSession({ role: 'server' }), [{ type: 'tick', framesWait: true }], silenceMs).effects).toEqual([]);
    const expired = run(openSessionOf({ role: 'server', expiresAt: 500 }), [{ type: 'tick' }], 500);
    expect(sent(expired.effects)).toMatchObject([{ type: 'error', code: 'UNAUTHORIZED' }]);
  });
});
