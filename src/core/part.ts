/**
 * A part: changes of one origin, with the span in which every row's origin version lies and the claims that are
 * complete once they are applied.
 *
 * The body (site, span, seen, rows) is what is encoded and compressed once and shared by all links; claims stand
 * outside it, because they depend on who says them.
 */
import type { Change } from './change.ts';
import type { Coverage } from './coverage.ts';
import type { Range, RangeSet } from './range-set.ts';
import type { SiteId } from './site-id.ts';
import { VERSION_MAX } from './version.ts';

/** Changes in order: an array, or what holds very many in fewer bytes and makes arrays of some at a time. */
export interface ChangeRows extends Iterable<Change> {
  readonly length: number;
  /** The changes from `start` to before `end`, as an array of their own. */
  slice(start?: number, end?: number): Change[];
  /** About what it holds in memory; an array does not say. */
  readonly heldBytes?: number;
}

/** Rows are an array where this replica made the part; what a peer sent may be too much for one. */
export interface PartBody<Rows extends ChangeRows = readonly Change[]> {
  readonly site: SiteId;
  /** Origin versions. */
  readonly span: Range;
  readonly rows: Rows;
  /** The author's vector delta at write time; absent = unknown. */
  readonly seen?: Coverage;
}

export type ReceivedBody = PartBody<ChangeRows>;

export interface Part extends PartBody {
  /** 'These are all changes of this site in these ranges.' Origin versions; may be empty. */
  readonly claims: RangeSet;
}

/** All of them as an array. */
export function arrayOfRows(rows: ChangeRows): readonly Change[] {
  return isArray(rows) ? rows : rows.slice();
}

function isArray(rows: ChangeRows): rows is readonly Change[] {
  return Array.isArray(rows);
}

/** The span that says nothing: every origin version. */
export const SPAN_ANY: Range = [0, VERSION_MAX];
