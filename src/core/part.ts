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

export interface PartBody {
  readonly site: SiteId;
  /** Origin versions. */
  readonly span: Range;
  readonly rows: readonly Change[];
  /** The author's vector delta at write time; absent = unknown. */
  readonly seen?: Coverage;
}

export interface Part extends PartBody {
  /** 'These are all changes of this site in these ranges.' Origin versions; may be empty. */
  readonly claims: RangeSet;
}

/** The span that says nothing: every origin version. */
export const SPAN_ANY: Range = [0, VERSION_MAX];
