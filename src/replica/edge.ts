/**
 * The edge: where a leaf's part meets the grant (R11). Refusal is all or nothing per origin version: a version with
 * one refused change gets no rows and no claim here, and the writer is told.
 */
import type { Change } from '../core/change.ts';
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, rangesOfSite } from '../core/coverage.ts';
import { ReplicationError } from '../core/errors.ts';
import type { ReceivedBody } from '../core/part.ts';
import type { RangeSet } from '../core/range-set.ts';
import { emptyRangeSet, rangeSetFromRanges, rangeSetHas, subtractRanges, unionRanges } from '../core/range-set.ts';
import type { Grant } from './replica-port.ts';

export interface EdgeVerdict {
  readonly body: ReceivedBody;
  readonly claims: Coverage;
  /** Refused and shown to the app; refused and only recorded. */
  readonly rejected: RangeSet;
  readonly dropped: RangeSet;
}

export function passEdge(body: ReceivedBody, claims: Coverage, write: Grant['write']): EdgeVerdict {
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
function checkDecidable({ rows }: ReceivedBody, claimed: RangeSet): void {
  for (const { version } of rows) {
    if (version === undefined || rangeSetHas(claimed, version)) continue;
    throw new ReplicationError(
      'TOO_LARGE',
      'a transaction that no message holds whole cannot be decided here: write in smaller transactions',
    );
  }
}

/** Refuses the versions of the changes at these places. */
export function withoutChanges(body: ReceivedBody, claims: Coverage, places: readonly number[]): EdgeVerdict {
  const claimed = rangesOfSite(claims, body.site);
  const refused = new Set(places);
  const known: number[] = [];
  let place = 0;
  for (const { version } of body.rows) if (refused.has(place++) && version !== undefined) known.push(version);
  if (known.length === refused.size) return keepAllowed(body, claimed, versionSet(known), emptyRangeSet);
  return { body: { ...body, rows: [] }, claims: new Map(), rejected: claimed, dropped: emptyRangeSet };
}

function keepAllowed(body: ReceivedBody, claimed: RangeSet, rejected: RangeSet, dropped: RangeSet): EdgeVerdict {
  const refused = unionRanges(rejected, dropped);
  const claims = coverageOf(body.site, subtractRanges(claimed, refused));
  const kept = refused.length === 0 ? body : { ...body, rows: rowsOutside(body, refused) };
  return { body: kept, claims, rejected, dropped: subtractRanges(dropped, rejected) };
}

function rowsOutside({ rows }: ReceivedBody, refused: RangeSet): Change[] {
  const kept: Change[] = [];
  for (const row of rows) if (row.version === undefined || !rangeSetHas(refused, row.version)) kept.push(row);
  return kept;
}

function versionSet(versions: readonly number[]): RangeSet {
  return rangeSetFromRanges(versions.map((version) => [version - 1, version] as const));
}
