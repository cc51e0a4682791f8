/** A commit that a live link passes on in one go: always what the session makes of it event by event. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverageOf, emptyCoverage } from '../../src/core/coverage.ts';
import type { Committed } from '../../src/session/live-feed.ts';
import { passedWindow, stateAfterPass } from '../../src/session/live-feed.ts';
import type { SessionState } from '../../src/session/session-state.ts';
import { step } from '../../src/session/step.ts';
import {
  SITE_A,
  SITE_B,
  SITE_C,
  at,
  blobOf,
  commitEvent,
  liveSessionOf,
  message,
  openSessionOf,
  run,
  sent,
} from './fixtures.ts';

const SERVER = { role: 'server', mode: 'peer' } as const;
const OTHERS = [{ blob: blobOf(SITE_C, 0, 1), fromPeer: false }];
const COMMIT = commitEvent({
  before: 3,
  after: 4,
  parts: OTHERS,
  growth: coverageOf(SITE_C, [[0, 1]]),
  claimsAfter: 1,
});

const anyPart = fc.record({
  blob: fc.constantFrom(blobOf(SITE_B, 0, 1), blobOf(SITE_C, 0, 1), blobOf(SITE_C, 1, 5)),
  fromPeer: fc.boolean(),
});
const anyOwn = fc.constantFrom({ announced: 1, part: { blob: blobOf(SITE_A, 0, 1), claims: [[0, 1]] as const } });

/** Mostly in step with a session that is live at 3. */
const anyCommit: fc.Arbitrary<Committed> = fc
  .record({
    before: fc.constantFrom(3, 3, 3, 3, 4),
    grows: fc.nat(2),
    claimsBefore: fc.constantFrom(0, 0, 0, 1),
    claimsGrow: fc.nat(1),
    parts: fc.option(fc.array(anyPart, { maxLength: 3 }), { nil: undefined, freq: 6 }),
    growth: fc.constantFrom(emptyCoverage, coverageOf(SITE_B, [[0, 1]]), coverageOf(SITE_C, [[0, 5]])),
    own: fc.option(anyOwn, { nil: undefined, freq: 1 }),
  })
  .map(({ before, grows, claimsBefore, claimsGrow, ...rest }) =>
    commitEvent({ before, after: before + grows, claimsBefore, claimsAfter: claimsBefore + claimsGrow, ...rest }),
  );

const anyState: fc.Arbitrary<SessionState> = fc
  .record({
    role: fc.constantFrom('client', 'server'),
    mode: fc.constantFrom('leaf', 'peer'),
    live: fc.constantFrom(true, true, true, false),
    sentBytes: fc.constantFrom(0, 100, 1e9),
    blocked: fc.constantFrom(false, false, false, true),
    carries: fc.constantFrom(false, false, false, true),
  })
  .map(({ role, mode, live, sentBytes, blocked, carries }) => {
    const begun = live ? liveSessionOf({ role, mode }, 3) : openSessionOf({ role, mode });
    const bytes = run(begun, [{ type: 'sent', bytes: sentBytes, blocked }]).state;
    return carries ? run(bytes, [{ type: 'carry', to: at(2) }]).state : bytes;
  });

describe('a commit on a live link', () => {
  it('passes on as the one window that the session would send, and leaves the state that it would have', () => {
    let passed = 0;
    fc.assert(
      fc.property(
        anyState,
        anyCommit,
        fc.nat(60_000),
        fc.nat(1e6),
        fc.boolean(),
        (state, commit, now, bytes, blocked) => {
          const window = passedWindow(state, commit);
          if (window === undefined) return;
          passed += 1;
          const slow = step(state, commit, now);
          expect(slow.effects).toEqual([{ type: 'send', message: window }]);
          const { state: after } = step(slow.state, { type: 'sent', bytes, blocked }, now);
          expect(stateAfterPass(state, commit, { bytes, blocked, now })).toEqual(after);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(passed).toBeGreaterThan(100);
  });

  it('passes on whenever a window is all that the session makes of it', () => {
    fc.assert(
      fc.property(anyState, anyCommit, (state, commit) => {
        if (state.feed.state !== 'live' || state.carriesTo !== undefined || commit.own !== undefined) return;
        const windows = sent(step(state, commit, 0).effects).filter(({ type }) => type === 'window');
        expect(passedWindow(state, commit) === undefined).toBe(windows.length === 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['own writes', liveSessionOf(SERVER, 3), { ...COMMIT, own: { announced: 1, part: undefined } }],
    ['a leaf that carries', run(liveSessionOf(SERVER, 3), [{ type: 'carry', to: at(3) }]).state, COMMIT],
    ['a link that is behind', liveSessionOf(SERVER, 2), COMMIT],
    [
      'a link without credit',
      run(liveSessionOf(SERVER, 3), [{ type: 'sent', bytes: 1e9, blocked: false }]).state,
      COMMIT,
    ],
    ['parts that are too large', liveSessionOf(SERVER, 3), { ...COMMIT, parts: undefined }],
    ['nothing for the peer', liveSessionOf(SERVER, 3), { ...COMMIT, parts: [], growth: emptyCoverage }],
    [
      'a session that has ended',
      run(liveSessionOf(SERVER, 3), [message({ type: 'bye', code: 'CLOSED' })]).state,
      COMMIT,
    ],
  ] as const)('is left to the session with %s', (_case, state, commit) => {
    expect(passedWindow(state, commit)).toBeUndefined();
  });
});
