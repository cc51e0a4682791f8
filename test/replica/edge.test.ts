import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { coverageOf } from '../../src/core/coverage.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { passEdge } from '../../src/replica/edge.ts';

const SITE = 'aa'.repeat(16) as SiteId;
const CLAIMS = coverageOf(SITE, [[0, 3]]);

function change(version: number | undefined, val: string): Change {
  const known = version === undefined ? {} : { version };
  return { table: 't', pk: new Uint8Array([1, 9, 1]), cid: 'c', val, colVersion: 1, cl: 1, seq: 0, ...known };
}

function bodyOf(...rows: Change[]): Parameters<typeof passEdge>[0] {
  return { site: SITE, span: [0, 3], rows };
}

const byValue = ({ val }: Change): 'allow' | 'drop' | 'reject' => (val === 'reject' || val === 'drop' ? val : 'allow');

describe('the edge', () => {
  it('lets everything pass where all may be written', () => {
    const body = bodyOf(change(1, 'reject'));
    expect(passEdge(body, CLAIMS, 'all')).toMatchObject({ body, claims: CLAIMS, rejected: [], dropped: [] });
  });

  it('refuses a version whole: none of its rows and no claim', () => {
    const verdict = passEdge(
      bodyOf(change(1, 'a'), change(2, 'b'), change(2, 'reject'), change(3, 'c')),
      CLAIMS,
      byValue,
    );
    expect([...verdict.body.rows].map(({ val }) => val)).toEqual(['a', 'c']);
    expect(verdict.claims).toEqual(
      coverageOf(SITE, [
        [0, 1],
        [2, 3],
      ]),
    );
    expect(verdict.rejected).toEqual([[1, 2]]);
  });

  it('tells a rejected version from a dropped one, and calls a version with both rejected', () => {
    const verdict = passEdge(bodyOf(change(1, 'drop'), change(2, 'drop'), change(2, 'reject')), CLAIMS, byValue);
    expect(verdict).toMatchObject({ dropped: [[0, 1]], rejected: [[1, 2]] });
  });

  it('refuses the whole part where the version of a refused change is not known', () => {
    const verdict = passEdge(bodyOf(change(undefined, 'reject'), change(undefined, 'fine')), CLAIMS, byValue);
    expect(verdict).toMatchObject({ body: { rows: [] }, rejected: [[0, 3]] });
    expect(verdict.claims.size).toBe(0);
  });

  it('refuses everything where nothing may be written', () => {
    const verdict = passEdge(bodyOf(change(1, 'a')), CLAIMS, 'none');
    expect(verdict).toMatchObject({ body: { rows: [] }, rejected: [[0, 3]] });
  });
});
