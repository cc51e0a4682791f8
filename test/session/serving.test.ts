import { describe, expect, it } from 'vitest';
import type { Coverage } from '../../src/core/coverage.ts';
import { coverageOf, emptyCoverage } from '../../src/core/coverage.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { Want } from '../../src/wire/message.ts';
import { blobOf, message, ofType, openSessionOf, run, sent, SITE_B, SITE_C } from './fixtures.ts';

const { creditBytes, beatMs } = DEFAULT_LIMITS;

function want(lo: number, hi: number): Want {
  return { type: 'want', site: SITE_C, ranges: [[lo, hi]] };
}

const SERVED = { type: 'served', parts: [{ blob: blobOf(SITE_C, 0, 1), claims: [[0, 1]] }] } as const;

describe('wants', () => {
  it('are answered one at a time; of those that come meanwhile only the last is kept', () => {
    const open = openSessionOf({ role: 'server', mode: 'peer' });
    const asked = run(open, [message(want(0, 1)), message(want(1, 2)), message(want(2, 3))]);
    expect(ofType(asked.effects, 'serve-want')).toMatchObject([{ ranges: [[0, 1]] }]);
    const next = run(asked.state, [SERVED]);
    expect(sent(next.effects)).toMatchObject([{ type: 'part' }]);
    expect(ofType(next.effects, 'serve-want')).toMatchObject([{ ranges: [[2, 3]] }]);
    expect(ofType(run(next.state, [SERVED]).effects, 'serve-want')).toEqual([]);
  });

  it('wait for credit and for an emptier transport', () => {
    const spent = { type: 'sent', bytes: creditBytes, blocked: false } as const;
    const open = run(openSessionOf({ role: 'server', mode: 'peer' }), [spent, message(want(0, 1))]);
    expect(ofType(open.effects, 'serve-want')).toEqual([]);
    const granted = run(open.state, [message({ type: 'credit', grantedBytes: 2 * creditBytes })]);
    expect(ofType(granted.effects, 'serve-want')).toHaveLength(1);
    const full = { type: 'sent', bytes: 1, blocked: true } as const;
    const blocked = run(openSessionOf({ role: 'server', mode: 'peer' }), [full, message(want(0, 1))]);
    expect(ofType(blocked.effects, 'serve-want')).toEqual([]);
    expect(ofType(run(blocked.state, [{ type: 'drained' }]).effects, 'serve-want')).toHaveLength(1);
  });

  it('of a leaf are for its own site only', () => {
    const leaf = run(openSessionOf(), [message({ ...want(0, 1), site: SITE_B })]);
    expect(sent(leaf.effects)).toMatchObject([{ type: 'error', code: 'SESSION_PROTOCOL' }]);
  });
});

describe('statements of coverage', () => {
  const first = coverageOf(SITE_C, [[0, 9]]);
  const second = coverageOf(SITE_B, [[0, 1]]);
  const heard = message({ type: 'coverage', coverage: emptyCoverage });
  const statement = (coverage: Coverage) => ({ type: 'coverage', coverage }) as const;

  it('are repeated until the peer has heard them, since no other message brings them again', () => {
    const stated = run(openSessionOf(), [{ type: 'state', coverage: first }]);
    expect(sent(stated.effects)).toEqual([statement(first)]);
    const early = run(stated.state, [{ type: 'tick' }], beatMs - 1);
    expect(sent(early.effects)).not.toContainEqual(statement(first));
    const late = run(early.state, [{ type: 'tick' }], beatMs);
    expect(sent(late.effects)).toContainEqual(statement(first));
    const told = run(late.state, [heard, { type: 'tick' }], 3 * beatMs);
    expect(sent(told.effects)).not.toContainEqual(statement(first));
  });

  it('go one at a time, so that the answer tells which was heard', () => {
    const stated = run(openSessionOf(), [
      { type: 'state', coverage: first },
      { type: 'state', coverage: second },
    ]);
    expect(sent(stated.effects)).toEqual([statement(first)]);
    expect(sent(run(stated.state, [heard]).effects)).toEqual([statement(second)]);
  });

  it('are answered once what they call for is looked up, not while a vouched refill runs', () => {
    const server = openSessionOf({ role: 'server' });
    const looked = run(server, [message(statement(first))]);
    expect(ofType(looked.effects, 'find-gaps')).toEqual([{ type: 'find-gaps', stated: first }]);
    expect(sent(looked.effects)).toEqual([statement(emptyCoverage)]);
    const refilling = run(looked.state, [{ type: 'gaps', gaps: first }]);
    expect(sent(refilling.effects)).toEqual([{ type: 'pullall' }]);
    expect(run(refilling.state, [message(statement(first))]).effects).toEqual([]);
  });

  it('of more sites than a replica remembers end the link', () => {
    const few = { ...DEFAULT_LIMITS, sitesMax: 3 };
    const open = { ...openSessionOf({ role: 'server', mode: 'peer' }), limits: few };
    const stated = (n: number) =>
      message({ type: 'coverage', coverage: coverageOf(`${n}`.repeat(32) as SiteId, [[0, 1]]) });
    const kept = run(open, [stated(1), stated(2), stated(3), stated(3)]);
    expect(ofType(kept.effects, 'ended')).toEqual([]);
    expect(sent(run(kept.state, [stated(4)]).effects)).toMatchObject([{ type: 'error', code: 'LIMIT_EXCEEDED' }]);
  });
});
