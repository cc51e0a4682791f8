import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyAcknowledgement } from '../../src/core/acknowledgement.ts';
import { coverageOf, emptyCoverage } from '../../src/core/coverage.ts';
import { ReplicationError, isReplicationError } from '../../src/core/errors.ts';
import type { SessionEvent, SessionEventType } from '../../src/session/session-event.ts';
import { TRANSITIONS, step } from '../../src/session/step.ts';
import type { Message } from '../../src/wire/message.ts';
import {
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
  openSessionOf,
  pieceEvent,
  run,
  welcomeOfB,
  windowOfB,
} from './fixtures.ts';

const ACK = { ...emptyAcknowledgement, held: [[0, 3]] as const };

const MESSAGES: readonly Message[] = [
  helloOfB(),
  welcomeOfB(),
  { type: 'base', era: ERA_B, at: at(0) },
  windowOfB({ from: 0, to: 2, n: 0, parts: [blobOf(SITE_C, 0, 2)], claims: coverageOf(SITE_C, [[0, 2]]) }),
  windowOfB({ from: 7, to: 9, n: 3 }),
  { type: 'mark', era: ERA_B, from: at(0), to: at(1), n: 0 },
  { type: 'beat', era: ERA_B, at: at(0), n: 0, live: true, sentBytes: 0, grantedBytes: 0, ask: 1, answer: 1 },
  { type: 'pull' },
  { type: 'pullall' },
  { type: 'part', blob: blobOf(SITE_B, 0, 2), claims: [[0, 2]] },
  { type: 'part', blob: blobOf(SITE_C, 0, 2), claims: [[0, 2]] },
  { type: 'ack', site: SITE_A, ack: ACK },
  { type: 'nack', site: SITE_A, ranges: [[0, 1]], kind: 'reject', code: 'CHANGE_REJECTED', message: 'no' },
  { type: 'coverage', coverage: coverageOf(SITE_C, [[0, 9]]) },
  { type: 'coverage', coverage: emptyCoverage },
  { type: 'want', site: SITE_A, ranges: [[0, 1]] },
  { type: 'credit', grantedBytes: 1e9 },
  { type: 'chunk', transfer: 1, i: 0, n: 2, bytes: new Uint8Array(3) },
  { type: 'ephemeral', bytes: new Uint8Array(3) },
  { type: 'image', era: ERA_B, at: at(9), bytes: 100, hash: '5a'.repeat(32) },
  { type: 'error', code: 'FORBIDDEN', message: 'no', details: {} },
  { type: 'bye', code: 'CLOSED' },
];

const EVENTS: readonly SessionEvent[] = [
  { type: 'start' },
  ...MESSAGES.map((one) => message(one)),
  PEER_KNOWN,
  commitEvent({ before: 0, after: 1, parts: [{ blob: blobOf(SITE_C, 0, 1), fromPeer: false }] }),
  commitEvent({ before: 0, after: 1, parts: undefined }),
  commitEvent({ before: 0, after: 1, own: { announced: 1, part: { blob: blobOf(SITE_A, 0, 1), claims: [[0, 1]] } } }),
  { type: 'applied', acks: new Map([[SITE_B, ACK]]), refusals: [], failure: undefined, bytes: 100 },
  { type: 'base-found', base: { nonce: ERA_B, at: at(0) }, lost: true },
  pieceEvent({ from: 0, to: 2, windows: [[blobOf(SITE_C, 0, 2)]] }),
  { type: 'own-parts', parts: [{ blob: blobOf(SITE_A, 0, 1), claims: [[0, 1]] }] },
  { type: 'served', parts: [{ blob: blobOf(SITE_C, 0, 1), claims: [[0, 1]] }] },
  { type: 'gaps', gaps: coverageOf(SITE_C, [[3, 9]]) },
  { type: 'image-found', offer: undefined },
  { type: 'image-found', offer: { era: ERA_B, at: at(9), bytes: 100, hash: '5a'.repeat(32) } },
  { type: 'sent', bytes: 10, blocked: true },
  { type: 'drained' },
  { type: 'ask' },
  { type: 'acknowledge', acks: new Map([[SITE_B, ACK]]) },
  { type: 'state', coverage: coverageOf(SITE_C, [[0, 9]]) },
  { type: 'carry', to: at(3) },
  { type: 'ephemeral', bytes: new Uint8Array(1) },
  { type: 'tick' },
  { type: 'end', error: new ReplicationError('CLOSED', 'done') },
  { type: 'port-closed', code: 1006, reason: '' },
];

describe('the transition table', () => {
  it('has a row for every phase and a cell for every event', () => {
    const types = new Set<SessionEventType>(EVENTS.map(({ type }) => type));
    for (const row of Object.values(TRANSITIONS)) expect(new Set(Object.keys(row))).toEqual(types);
  });

  it('lets a closed session do nothing, whatever comes', () => {
    const { state } = run(openSessionOf(), [{ type: 'port-closed', code: 1006, reason: '' }]);
    for (const event of EVENTS) expect(step(state, event, 5)).toEqual({ state, effects: [] });
  });

  it('answers every event in every phase without throwing', () => {
    const roles = ['client', 'server'] as const;
    const modes = ['leaf', 'peer'] as const;
    for (const role of roles) {
      for (const mode of modes) {
        const live =
          role === 'client' && mode === 'leaf' ? openSessionOf({ role, mode }) : liveSessionOf({ role, mode });
        for (const state of [freshSession({ role, mode }), openSessionOf({ role, mode }), live]) {
          for (const event of EVENTS) expect(() => step(state, event, 1)).not.toThrow();
        }
      }
    }
  });

  it('ends at most once, and sends nothing after the end, on any run of events', () => {
    const anyRun = fc.array(fc.tuple(fc.nat(EVENTS.length - 1), fc.nat(60_000)), { maxLength: 40 });
    const anyTerms = fc.record({ role: fc.constantFrom('client', 'server'), mode: fc.constantFrom('leaf', 'peer') });
    fc.assert(
      fc.property(anyTerms, anyRun, (terms, steps) => {
        let state = freshSession(terms);
        let ended = 0;
        let now = 0;
        for (const [index, ms] of steps) {
          now += ms;
          const result = step(state, EVENTS[index]!, now);
          if (ended > 0) expect(result.effects).toEqual([]);
          ended += result.effects.filter(({ type }) => type === 'ended').length;
          const [last] = result.effects.slice(-1);
          if (result.state.phase === 'closed' && state.phase !== 'closed') expect(last?.type).toBe('ended');
          state = result.state;
        }
        expect(ended).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('ends every refusal with a coded error frame before it closes', () => {
    const bad = message(windowOfB({ from: 0, to: 1, n: 0 }));
    const { effects } = run(openSessionOf({ role: 'server', mode: 'leaf' }), [bad]);
    expect(effects.map(({ type }) => type)).toEqual(['send', 'ended']);
    expect(effects[0]).toMatchObject({ message: { type: 'error', code: 'SESSION_PROTOCOL' } });
    const [, end] = effects;
    expect(end?.type === 'ended' && isReplicationError(end.error, 'SESSION_PROTOCOL')).toBe(true);
    expect(emptyCoverage.size).toBe(0);
  });
});
