/**
 * The edge: where a leaf's part meets the grant (R11). Refusal is all or nothing per origin version: a version with
 * one refused change gets no rows and no claim here, and the writer is told.
 */
import type { Change } from '../core/change.ts';
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, rangesOfSite } from '../core/coverage.ts';
import { ReplicationError } from '../core/errors.ts';
import type { PartBody } from '../core/part.ts';
import type { RangeSet } from '../core/range-set.ts';
import { emptyRangeSet, rangeSetFromRanges, rangeSetHas, subtractRanges, unionRanges } from '../core/range-set.ts';
import type { Grant } from './replica-port.ts';

export interface EdgeVerdict {
  readonly body: PartBody;
  readonly claims: Coverage;
  /** Refused and shown to the app; refused and only recorded. */
  readonly rejected: RangeSet;
  readonly dropped: RangeSet;
}

export function passEdge(body: PartBody, claims: Coverage, write: Grant['write']): EdgeVerdict {
  if (write === 'all') return { body, claims, rejected: emptyRangeSet, dropped: emptyRangeSet };
  const claimed = rangesOfSite(claims, body.site);
  if (write === 'none')
    return { body: { ...body, rows: [] }, claims: new Map(), rejected: claimed, dropped: emptyRangeSet };
  const rejected: number[] = [];
  const dropped: number[] = [];
  let unknown = false;
  checkDecidable(body, claimed);
  for (const row of body.rows) {
    const decision = write(row, body.site);
    if (decision === 'allow') continue;
    if (row.version === undefined) unknown = true;
    else (decision === 'reject' ? rejected : dropped).push(row.version);
  }
  // Without exact versions a refusal cannot be split: the whole part is refused.
  if (unknown) return { body: { ...body, rows: [] }, claims: new Map(), rejected: claimed, dropped: emptyRangeSet };
  return keepAllowed(body, claimed, versionSet(rejected), versionSet(dropped));
}

/**
 * A version that came in several pieces cannot be refused whole: its first pieces would be stored when the last is
 * refused.
 *
 * Errors  TOO_LARGE.
 */
function checkDecidable({ rows }: PartBody, claimed: RangeSet): void {
  if (rows.every(({ version }) => version === undefined || rangeSetHas(claimed, version))) return;
  throw new ReplicationError(
    'TOO_LARGE',
    'a transaction that no message holds whole cannot be decided here: write in smaller transactions',
  );
}

/** Refuses the versions of the changes at these places. */
export function withoutChanges(body: PartBody, claims: Coverage, places: readonly number[]): EdgeVerdict {
  const claimed = rangesOfSite(claims, body.site);
  const versions = places.map((place) => body.rows[place]?.version);
  const known = versions.filter((version) => version !== undefined);
  if (known.length === versions.length) return keepAllowed(body, claimed, versionSet(known), emptyRangeSet);
  return { body: { ...body, rows: [] }, claims: new Map(), rejected: claimed, dropped: emptyRangeSet };
}

function keepAllowed(body: PartBody, claimed: RangeSet, rejected: RangeSet, dropped: RangeSet): EdgeVerdict {
  const refused = unionRanges(rejected, dropped);
  const rows = body.rows.filter((row: Change) => row.version === undefined || !rangeSetHas(refused, row.version));
  const claims = coverageOf(body.site, subtractRanges(claimed, refused));
  return { body: { ...body, rows }, claims, rejected, dropped: subtractRanges(dropped, rejected) };
}

function versionSet(versions: readonly number[]): RangeSet {
  return rangeSetFromRanges(versions.map((version) => [version - 1, version] as const));
}
