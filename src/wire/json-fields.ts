/** Hand-written checks of JSON fields: each returns the branded type or throws BAD_REQUEST with what to send. */
import type { Coverage } from '../core/coverage.ts';
import type { Cursor, EraNonce } from '../core/cursor.ts';
import { cursorFromText, isEraNonce } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Range } from '../core/range-set.ts';
import { rangeSetFromRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import { isSiteId } from '../core/site-id.ts';
import { isVersionNumber } from '../core/version.ts';

export type Json = Readonly<Record<string, unknown>>;

export function badRequest(message: string): ReplicationError {
  return new ReplicationError('BAD_REQUEST', message);
}

export function objectOf(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw badRequest(`${what} is a JSON object`);
}

export function siteOf(json: Json, name: string): SiteId {
  const value = json[name];
  if (isSiteId(value)) return value;
  throw badRequest(`${name} is a site id: 32 lower-case hex digits`);
}

export function eraOf(json: Json, name: string): EraNonce {
  const value = json[name];
  if (isEraNonce(value)) return value;
  throw badRequest(`${name} is the epoch of an earlier answer: 32 lower-case hex digits`);
}

export function versionOf(json: Json, name: string): number {
  const value = json[name];
  if (isVersionNumber(value)) return value;
  throw badRequest(`${name} is a whole number from 0 to 2^53 - 1`);
}

export function flagOf(json: Json, name: string): boolean {
  const value = json[name];
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw badRequest(`${name} is true or false`);
}

/** Absent, null and 0 are the start. */
export function cursorOf(value: unknown): Cursor | undefined {
  if (value === undefined || value === null || value === 0 || value === '0' || value === '') return undefined;
  if (typeof value === 'string') return cursorFromText(value);
  throw badRequest('a cursor is the text of an earlier answer, or 0');
}

/** {site: [[lo, hi]]}, in any order; ranges without (lo, hi] are refused. */
export function coverageOf(value: unknown, what: string, limits: Limits): Coverage {
  const entries = Object.entries(objectOf(value, what));
  if (entries.length > limits.sitesMax) throw badRequest(`${what} names more than ${limits.sitesMax} sites`);
  const coverage = new Map<SiteId, readonly Range[]>();
  for (const [site, list] of entries) {
    if (!isSiteId(site)) throw badRequest(`${what} has site ids as keys: 32 lower-case hex digits`);
    if (!Array.isArray(list) || list.length > limits.rangesMax) throw badRequest(`${what} has lists of [lo, hi]`);
    const ranges = rangeSetFromRanges(list.map((range: unknown) => rangeOf(range, what)));
    if (ranges.length > 0) coverage.set(site, ranges);
  }
  return coverage;
}

/** [lo, hi] with lo < hi: lo excluded, hi included. */
export function rangeOf(value: unknown, what: string): Range {
  const [lo, hi, ...others] = Array.isArray(value) ? (value as unknown[]) : [];
  if (isVersionNumber(lo) && isVersionNumber(hi) && lo < hi && others.length === 0) return [lo, hi];
  throw badRequest(`${what} has ranges [lo, hi] of whole numbers, lo below hi: lo is excluded, hi included`);
}
