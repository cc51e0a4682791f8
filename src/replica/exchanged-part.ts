/**
 * Parts as they are handed from one database to another by the app itself (getChanges, applyChanges): through
 * postMessage, a file, any channel. Checked when they come back, since anybody may have written them.
 *
 * Assumes nothing about the input. A structured clone loses the class of real(5); it is recognised by its shape.
 */
import type { Change } from '../core/change.ts';
import type { Coverage } from '../core/coverage.ts';
import type { EraNonce } from '../core/cursor.ts';
import { isEraNonce } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Part } from '../core/part.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import { rangeSetFromRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import { isSiteId } from '../core/site-id.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { Real } from '../core/sql-value.ts';
import type { StoreVersion } from '../core/version.ts';
import { isVersionNumber } from '../core/version.ts';
import { changeFault } from '../core/change-fault.ts';

/** The page that a part was read in: its claims hold only for a reader that has everything before the page. */
export interface PageMark {
  readonly site: SiteId;
  readonly epoch: EraNonce;
  /** (from, to] in the answering database's store versions. */
  readonly from: StoreVersion;
  readonly to: StoreVersion;
  /** Parts in the page; the cursor moves only when all of them are applied together. */
  readonly parts: number;
}

export interface ExchangedPart extends Part {
  /** Absent on a part that stands alone. */
  readonly page?: PageMark;
}

/** Errors  CHANGE_INVALID naming the part and, where it is one change, its index in the part. */
export function exchangedPartFromValue(value: unknown, place: number, limits: Limits): ExchangedPart {
  const part = fieldsOf(value, place);
  if (!isSiteId(part['site'])) return refuse(place, 'site is not a site id of 32 hex digits');
  const site = part['site'];
  const span = rangeFromValue(part['span'], place);
  const claims = rangesFromValue(part['claims'], { place, limits });
  const rows = changesFromValue(part['rows'], { place, limits });
  for (const [i, { version }] of rows.entries()) {
    const inside = version === undefined || (version > span[0] && version <= span[1]);
    if (!inside) refuse(place, 'its version lies outside the span', i);
  }
  const seen = part['seen'] === undefined ? {} : { seen: coverageFromValue(part['seen'], { place, limits }) };
  const page = part['page'] === undefined ? {} : { page: pageFromValue(part['page'], place) };
  return { site, span, claims, rows, ...seen, ...page };
}

function fieldsOf(value: unknown, place: number): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  return refuse(place, 'it is not an object: pass parts as getChanges returned them');
}

interface Context {
  readonly place: number;
  readonly limits: Limits;
}

function changesFromValue(value: unknown, { place, limits }: Context): Change[] {
  if (!Array.isArray(value)) return refuse(place, 'rows is not an array');
  if (value.length > limits.partChangesMax) return refuse(place, `it has more than ${limits.partChangesMax} rows`);
  return value.map((item: unknown, i) => {
    const change = changeFromValue(item);
    const fault = typeof change === 'string' ? change : changeFault(change, limits);
    return typeof change === 'string' || fault !== undefined ? refuse(place, fault ?? '', i) : change;
  });
}

/** The change, or what is wrong with it. */
function changeFromValue(item: unknown): Change | string {
  if (typeof item !== 'object' || item === null) return 'it is not an object';
  const { table, pk, cid, val, colVersion, cl, seq, version } = item as Record<string, unknown>;
  if (typeof table !== 'string' || typeof cid !== 'string') return 'table or cid is not a string';
  if (!(pk instanceof Uint8Array)) return 'pk is not a Uint8Array';
  if (!isVersionNumber(colVersion) || !isVersionNumber(cl) || !isVersionNumber(seq)) {
    return 'colVersion, cl or seq is not a whole number';
  }
  const exact = sqlValueFromValue(val);
  if (exact === undefined) return 'val is no SQL value';
  if (version !== undefined && !isVersionNumber(version)) return 'version is not a whole number';
  return { table, pk, cid, val: exact, colVersion, cl, seq, ...(version === undefined ? {} : { version }) };
}

/** By its type only: changeFault says whether it is exact and within bounds. */
function sqlValueFromValue(value: unknown): SqlValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
      return value;
    case 'object':
      return value === null || value instanceof Uint8Array ? value : realFromValue(value);
    default:
      return undefined;
  }
}

function realFromValue(value: object): Real | undefined {
  const number: unknown = (value as { value?: unknown }).value;
  return typeof number === 'number' && !Number.isNaN(number) ? new Real(number) : undefined;
}

function coverageFromValue(value: unknown, { place, limits }: Context): Coverage {
  if (!(value instanceof Map) || value.size > limits.sitesMax) return refuse(place, 'seen is not a map of sites');
  const coverage = new Map<SiteId, RangeSet>();
  for (const [site, ranges] of value as Map<unknown, unknown>) {
    if (!isSiteId(site)) return refuse(place, 'seen names something that is not a site id');
    coverage.set(site, rangesFromValue(ranges, { place, limits }));
  }
  return coverage;
}

function rangesFromValue(value: unknown, { place, limits }: Context): RangeSet {
  if (!Array.isArray(value) || value.length > limits.rangesMax) return refuse(place, 'claims is not a list of ranges');
  return rangeSetFromRanges(value.map((range: unknown) => rangeFromValue(range, place)));
}

function rangeFromValue(value: unknown, place: number): Range {
  const [lo, hi]: unknown[] = Array.isArray(value) && value.length === 2 ? value : [];
  if (isVersionNumber(lo) && isVersionNumber(hi) && lo <= hi) return [lo, hi];
  return refuse(place, 'a range is not [lo, hi] of whole numbers with lo <= hi');
}

function pageFromValue(value: unknown, place: number): PageMark {
  const { site, epoch, from, to, parts } = fieldsOf(value, place);
  if (!isSiteId(site) || !isEraNonce(epoch)) return refuse(place, 'page names no site or no epoch');
  if (!isVersionNumber(from) || !isVersionNumber(to) || !isVersionNumber(parts) || from > to) {
    return refuse(place, 'page has no from, to and parts');
  }
  return { site, epoch, from: from as StoreVersion, to: to as StoreVersion, parts };
}

function refuse(place: number, reason: string, index?: number): never {
  const where = index === undefined ? `part ${place}` : `change ${index} of part ${place}`;
  const rejected = [
    { part: place, ...(index === undefined ? {} : { index }), code: 'CHANGE_INVALID', message: reason },
  ];
  throw new ReplicationError('CHANGE_INVALID', `${where} is invalid: ${reason}`, { rejected });
}
