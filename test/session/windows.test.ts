import { describe, expect, it } from 'vitest';
import { coverageOf } from '../../src/core/coverage.ts';
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
  liveSessionOf,
  message,
  ofType,
  openSessionOf,
  pieceEvent,
  run,
  sent,
  welcomeOfB,
  windowOfB,
} from './fixtures.ts';

const SERVER = { role: 'server', mode: 'peer' } as const;
const C = blobOf(SITE_C, 0, 5);

describe('the feed', () => {
  it('answers a pull with the base and refills from there', () => {
    const { effects } = run(openSessionOf(SERVER), [
      message({ type: 'pull', cursor: { nonce: ERA_A, at: at(4) } }),
      { type: 'base-found', base: { nonce: ERA_A, at: at(3) }, lost: false },
    ]);
    expect(ofType(effects, 'find-base')).toEqual([{ type: 'find-base', cursor: { nonce: ERA_A, at: 4 } }]);
    expect(sent(effects)).toEqual([{ type: 'base', era: ERA_A, at: 3 }]);
    expect(ofType(effects, 'read-piece')).toMatchObject([{ from: 3, without: SITE_B }]);
  });

  it('sends claims with the last piece only', () => {
    const claims = coverageOf(SITE_C, [[0, 5]]);
    const { effects } = run(openSessionOf(SERVER), [
      message({ type: 'pull' }),
      { type: 'base-found', base: { nonce: ERA_A, at: at(0) }, lost: false },
      pieceEvent({ from: 0, to: 2, last: false, windows: [[C]], claims }),
      pieceEvent({ from: 2, to: 5, windows: [[C]], claims, claimNumber: 7 }),
    ]);
    const windows = sent(effects).filter(({ type }) => type === 'window');
    expect(windows).toMatchObject([
      { from: 0, to: 2, n: 0, claims: new Map() },
      { from: 2, to: 5, n: 1, claims },
    ]);
  });

  it('cuts one huge version into windows that move the cursor only with the last', () => {
    const { effects } = run(openSessionOf(SERVER), [
      message({ type: 'pull' }),
      { type: 'base-found', base: { nonce: ERA_A, at: at(0) }, lost: false },
      pieceEvent({ from: 0, to: 1, windows: [[C], [C], [C]] }),
    ]);
    const windows = sent(effects).filter(({ type }) => type === 'window');
    expect(windows).toMatchObject([
      { from: 0, to: 0, n: 0 },
      { from: 0, to: 0, n: 1 },
      { from: 0, to: 1, n: 2 },
    ]);
  });

  it('passes a commit on to a live link, without the parts that came from it or that it wrote', () => {
    const parts = [
      { blob: C, fromPeer: false },
      { blob: blobOf(SITE_C, 5, 6), fromPeer: true },
      { blob: blobOf(SITE_B, 0, 1), fromPeer: false },
    ];
    const { effects } = run(liveSessionOf(SERVER, 3), [commitEvent({ before: 3, after: 4, parts })]);
    expect(sent(effects)).toMatchObject([{ type: 'window', from: 3, to: 4, n: 0, parts: [C] }]);
  });

  it('sends a mark where nothing of a commit is for the peer, and never returns a change to its origin site', () => {
    const parts = [{ blob: blobOf(SITE_B, 0, 1), fromPeer: true }];
    const growth = coverageOf(SITE_B, [[0, 1]]);
    const { effects } = run(liveSessionOf(SERVER, 3), [commitEvent({ before: 3, after: 4, parts, growth })]);
    expect(sent(effects)).toEqual([{ type: 'mark', era: ERA_A, from: 3, to: 4, n: 0 }]);
  });

  it('sends claims that came without rows', () => {
    const growth = coverageOf(SITE_C, [[5, 9]]);
    const { effects } = run(liveSessionOf(SERVER, 3), [commitEvent({ before: 3, after: 3, growth, claimsAfter: 1 })]);
    expect(sent(effects)).toMatchObject([{ type: 'window', from: 3, to: 3, claims: growth }]);
  });

  it('says nothing when nothing moved', () => {
    const { effects } = run(liveSessionOf(SERVER, 3), [commitEvent({ before: 3, after: 3 })]);
    expect(effects).toEqual([]);
  });

  it('falls behind with a position and no queue when the peer grants no more, and refills when it does', () => {
    const live = liveSessionOf(SERVER, 3);
    const full = run(live, [{ type: 'sent', bytes: 1e9, blocked: false }]).state;
    const parts = [{ blob: C, fromPeer: false }];
    const missed = run(full, [
      commitEvent({ before: 3, after: 4, parts }),
      commitEvent({ before: 4, after: 5, parts }),
    ]);
    expect(missed.effects).toEqual([]);
    const { effects } = run(missed.state, [message({ type: 'credit', grantedBytes: 2e9 })]);
    expect(ofType(effects, 'read-piece')).toMatchObject([{ from: 3 }]);
  });

  it('reads from the store what was committed while it was not in step', () => {
    const { effects } = run(liveSessionOf(SERVER, 3), [commitEvent({ before: 4, after: 5, parts: [] })]);
    expect(ofType(effects, 'read-piece')).toMatchObject([{ from: 3 }]);
  });

  it('reads from the store what was claimed while it was not in step', () => {
    const commit = commitEvent({ before: 3, after: 4, parts: [], claimsBefore: 2, claimsAfter: 2 });
    const { effects } = run(liveSessionOf(SERVER, 3), [commit]);
    expect(ofType(effects, 'read-piece')).toMatchObject([{ from: 3, claimNumber: 0 }]);
  });

  it('stops windows before it looks up a new base', () => {
    const parts = [{ blob: C, fromPeer: false }];
    const { effects } = run(liveSessionOf(SERVER, 3), [
      message({ type: 'pull' }),
      commitEvent({ before: 3, after: 4, parts }),
    ]);
    expect(sent(effects)).toEqual([]);
  });

  it('raises an alarm when its own file has lost what a peer took', () => {
    const { effects } = run(openSessionOf(SERVER), [
      message({ type: 'pull', cursor: { nonce: ERA_A, at: at(9) } }),
      { type: 'base-found', base: { nonce: ERA_A, at: at(3) }, lost: true },
    ]);
    expect(ofType(effects, 'alarm')).toMatchObject([{ code: 'OWN_HISTORY_LOST' }]);
  });
});

describe('the intake', () => {
  const taking = run(openSessionOf(), [message({ type: 'base', era: ERA_B, at: at(2) })]).state;

  it('stores the base before any window', () => {
    const { effects } = run(openSessionOf(), [message({ type: 'base', era: ERA_B, at: at(2) })]);
    expect(effects).toEqual([{ type: 'store-base', peer: SITE_B, cursor: { nonce: ERA_B, at: 2 } }]);
  });

  it('takes the next window of its era and moves the cursor with its rows', () => {
    const window = windowOfB({ from: 1, to: 4, n: 0, parts: [C], claims: coverageOf(SITE_C, [[0, 5]]) });
    const { effects } = run(taking, [message(window)]);
    expect(ofType(effects, 'apply')).toMatchObject([{ parts: [C], cursor: { nonce: ERA_B, at: 4 } }]);
  });

  it('drops claims on its own site', () => {
    const window = windowOfB({ from: 2, to: 3, n: 0, parts: [C], claims: coverageOf(SITE_A, [[0, 9]]) });
    expect(ofType(run(taking, [message(window)]).effects, 'apply')).toMatchObject([{ claims: new Map() }]);
  });

  it('counts windows from zero again behind a new base', () => {
    const { state } = run(taking, [
      message(windowOfB({ from: 2, to: 4, n: 0 })),
      message(windowOfB({ from: 9, to: 10, n: 7 })),
      message({ type: 'base', era: ERA_B, at: at(4) }),
    ]);
    const { effects } = run(state, [message(windowOfB({ from: 4, to: 5, n: 0 }))]);
    expect(ofType(effects, 'apply')).toMatchObject([{ cursor: { nonce: ERA_B, at: 5 } }]);
  });

  it('takes rows of a vouched refill, never the claims that a leaf makes with them', () => {
    const open = openSessionOf({ role: 'server', mode: 'leaf' });
    const claims = coverageOf(SITE_C, [[0, 9]]);
    const { effects } = run(open, [
      message({ type: 'coverage', coverage: claims }),
      { type: 'gaps', gaps: claims },
      message({ type: 'base', era: ERA_B, at: at(0) }),
      message(windowOfB({ from: 0, to: 5, n: 0, parts: [C], claims })),
    ]);
    expect(sent(effects)).toMatchObject([{ type: 'coverage' }, { type: 'pullall' }]);
    expect(ofType(effects, 'apply')).toMatchObject([{ parts: [C], claims: new Map(), vouched: true }]);
  });

  it('pulls a vouched refill again whose last frames were lost, since each beat of the leaf says how far it went', () => {
    const leaf = run(openSessionOf(), [
      message({ type: 'pullall' }),
      { type: 'base-found', base: { nonce: ERA_A, at: at(0) }, lost: false },
      pieceEvent({ from: 0, to: 5, windows: [[C]] }),
    ]);
    const later = sent(run(leaf.state, [{ type: 'tick' }], 20_000).effects);
    expect(later[0]).toMatchObject({ type: 'beat', era: ERA_A, at: 5, n: 1, live: true });
    const carrying = run(leaf.state, [{ type: 'carry', to: at(6) }]);
    expect(sent(carrying.effects)).toMatchObject([{ type: 'beat', at: 6, live: false }]);

    const claims = coverageOf(SITE_C, [[0, 9]]);
    const relay = run(openSessionOf({ role: 'server', mode: 'leaf' }), [
      message({ type: 'coverage', coverage: claims }),
      { type: 'gaps', gaps: claims },
      message({ type: 'base', era: ERA_B, at: at(0) }),
    ]);
    const beat = { type: 'beat', era: ERA_B, at: at(5), n: 1, live: true, sentBytes: 0, grantedBytes: 0 } as const;
    expect(sent(run(relay.state, [message(beat)]).effects)).toMatchObject([{ type: 'pullall' }]);
    const taken = run(relay.state, [message(windowOfB({ from: 0, to: 5, n: 0, parts: [C] })), message(beat)]);
    expect(sent(taken.effects)).toEqual([]);
    expect(taken.state.intake).toMatchObject({ state: 'off', vouched: false });
  });

  for (const [name, window] of [
    ['a window above the cursor', windowOfB({ from: 3, to: 4, n: 0 })],
    ['a window out of number', windowOfB({ from: 2, to: 4, n: 1 })],
    ['a window of another era', windowOfB({ from: 2, to: 4, n: 0, era: ERA_A })],
  ] as const) {
    it(`takes nothing of ${name}, and pulls once`, () => {
      const { effects } = run(taking, [message(window), message(window)]);
      expect(ofType(effects, 'apply')).toEqual([]);
      expect(sent(effects)).toEqual([{ type: 'pull', cursor: { nonce: ERA_B, at: 2 } }]);
    });
  }

  it('finds a lost last frame by the beat', () => {
    const beat = { type: 'beat', era: ERA_B, at: at(5), n: 1, live: true, sentBytes: 0, grantedBytes: 0 } as const;
    expect(sent(run(taking, [message(beat)]).effects)).toMatchObject([{ type: 'pull' }]);
  });

  it('repeats a pull whose answer does not come', () => {
    const { state } = run(taking, [message(windowOfB({ from: 9, to: 10, n: 9 }))]);
    expect(sent(run(state, [{ type: 'tick' }], 20_000).effects)).toContainEqual({
      type: 'pull',
      cursor: { nonce: ERA_B, at: 2 },
    });
  });

  describe('of a session that asks from 2', () => {
    const known = { ...PEER_KNOWN, cursor: { nonce: ERA_B, at: at(2) } };
    const asking = run(freshSession(), [{ type: 'start' }, message(welcomeOfB({})), known]).state;

    it('raises an alarm when the peer resumes below what was taken of it', () => {
      const { effects } = run(asking, [message({ type: 'base', era: ERA_A, at: at(0) })]);
      expect(ofType(effects, 'alarm')).toMatchObject([{ code: 'PEER_LOST_HISTORY' }]);
    });

    it('raises none when the answer of an earlier pull comes after windows moved the cursor on', () => {
      const { state } = run(asking, [
        message({ type: 'base', era: ERA_B, at: at(2) }),
        message(windowOfB({ from: 2, to: 5, n: 0 })),
        message(windowOfB({ from: 2, to: 5, n: 0 })),
      ]);
      const { effects } = run(state, [message({ type: 'base', era: ERA_B, at: at(2) })]);
      expect(ofType(effects, 'alarm')).toEqual([]);
      expect(ofType(effects, 'store-base')).toMatchObject([{ cursor: { nonce: ERA_B, at: 2 } }]);
    });
  });
});
