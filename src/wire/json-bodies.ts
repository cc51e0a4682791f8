/**
 * The JSON bodies of the calls without a session, both ways: POST changes (a) and (b), GET changes, and `since`.
 *
 * Reading is strict: BAD_REQUEST for the frame of a body, CHANGE_INVALID with indices for its changes. Fields that
 * are not known here are left alone.
 */
import type { Change } from '../core/change.ts';
import type { Coverage } from '../core/coverage.ts';
import { coverageToJson } from '../core/coverage.ts';
import { cursorToText } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { PartBody, ReceivedBody } from '../core/part.ts';
import { arrayOfRows } from '../core/part.ts';
import type { Range } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { ChangesAnswer, ChangesBody, PushBody, Since } from './bodies.ts';
import { changesFromJson, changeToJson } from './json-change.ts';
import type { SitedChange } from './json-change.ts';
import type { Json } from './json-fields.ts';
import {
  badRequest,
  coverageOf,
  cursorOf,
  eraOf,
  flagOf,
  objectOf,
  rangeOf,
  siteOf,
  versionOf,
} from './json-fields.ts';

/** `since` of a URL: absent, '' and 0 = the start, a cursor, or {"site": [[lo, hi]]} = what the caller holds. */
export function sinceFromText(text: string | null, limits: Limits): Since {
  if (text === null || !text.trimStart().startsWith('{')) return { kind: 'cursor', cursor: cursorOf(text) };
  return { kind: 'have', have: coverageOf(jsonOf(text), 'since', limits) };
}

export function sinceToText(since: Since): string {
  if (since.kind === 'have') return JSON.stringify(coverageToJson(since.have));
  return since.cursor === undefined ? '0' : cursorToText(since.cursor);
}

export function pushBodyToJson({ site, span, seen, rows, inOrder }: PushBody): Record<string, unknown> {
  return {
    siteId: site,
    seqStart: span[0],
    seqEnd: span[1],
    ...(seen === undefined ? {} : { vClock: coverageToJson(seen) }),
    changes: arrayOfRows(rows).map((change) => changeToJson(change, site)),
    ...(inOrder ? { inOrder } : {}),
  };
}

export function changesAnswerToJson(answer: ChangesAnswer): Record<string, unknown> {
  const isStoreOrder = answer.form === 'store-order';
  return {
    site: answer.site,
    epoch: answer.epoch,
    since: isStoreOrder ? (answer.since === undefined ? 0 : cursorToText(answer.since)) : coverageToJson(answer.since),
    seqStart: isStoreOrder ? answer.from : null,
    seqEnd: isStoreOrder ? answer.to : null,
    changes: answer.parts.flatMap(({ site, rows }) => arrayOfRows(rows).map((change) => changeToJson(change, site))),
    vClock: coverageToJson(answer.claims),
    spans: spansToJson(answer.parts),
    cursor: isStoreOrder ? cursorToText(answer.cursor) : null,
    more: answer.more,
  };
}

/** Errors  BAD_REQUEST for text that is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('the body is not JSON');
  }
}

/**
 * A body of POST changes, form (a) or (b).
 *
 * Errors  BAD_REQUEST, TOO_LARGE, CHANGE_INVALID {rejected}, FORBIDDEN for a change of another site in form (a).
 */
export function changesBodyFromJson(value: unknown, limits: Limits): ChangesBody {
  const json = objectOf(value, 'the body');
  if (json['siteId'] !== undefined) return pushBodyFrom(json, limits);
  if (json['site'] !== undefined) return changesAnswerFromJson(json, limits);
  throw badRequest('a body has siteId (changes of one site), or is an answer of GET changes as it came');
}

/** Errors  as changesBodyFromJson. */
export function changesAnswerFromJson(value: unknown, limits: Limits): ChangesAnswer {
  const json = objectOf(value, 'an answer of GET changes');
  const head = {
    site: siteOf(json, 'site'),
    epoch: eraOf(json, 'epoch'),
    parts: partsFrom(json, limits),
    claims: coverageOf(json['vClock'], 'vClock', limits),
    more: flagOf(json, 'more'),
  };
  const { since } = json;
  if (typeof since === 'object' && since !== null) {
    return { form: 'want', ...head, since: coverageOf(since, 'since', limits) };
  }
  const [from, to] = [versionOf(json, 'seqStart'), versionOf(json, 'seqEnd')];
  const cursor = cursorOf(json['cursor']);
  if (cursor === undefined) throw badRequest('cursor is the text that the answer came with');
  if (from > to || cursor.at !== to || cursor.nonce !== head.epoch) {
    throw badRequest('seqStart, seqEnd, epoch and cursor do not fit together: send the answer as it came');
  }
  return {
    form: 'store-order',
    ...head,
    since: cursorOf(since),
    from: from as StoreVersion,
    to: to as StoreVersion,
    cursor,
  };
}

function pushBodyFrom(json: Json, limits: Limits): PushBody {
  const site = siteOf(json, 'siteId');
  const [lo, hi] = [versionOf(json, 'seqStart'), versionOf(json, 'seqEnd')];
  if (lo >= hi) throw badRequest('(seqStart, seqEnd] is empty: seqStart is excluded and below seqEnd');
  const seen = json['vClock'] === undefined ? undefined : coverageOf(json['vClock'], 'vClock', limits);
  const inOrder = flagOf(json, 'inOrder');
  const changes = changesFromJson(json['changes'], limits);
  const foreign = changes.findIndex((sited) => sited.site !== site);
  if (foreign >= 0) {
    throw new ReplicationError(
      'FORBIDDEN',
      `change ${foreign} is of another site than the body: send one site at once`,
    );
  }
  const rows: Change[] = changes.map(({ change }) => change);
  return { form: 'push', site, span: [lo, hi], rows, inOrder, ...(seen === undefined ? {} : { seen }) };
}

/** Neighbouring changes of one site are a part, so that a row's index in the body is its index in the parts. */
function partsFrom(json: Json, limits: Limits): PartBody[] {
  const changes = changesFromJson(json['changes'], limits);
  const spans = spansFrom(json['spans'], limits);
  const parts: PartBody[] = [];
  for (let start = 0; start < changes.length;) {
    const { site } = changes[start]!;
    const span = spans.get(site);
    if (span === undefined) throw badRequest(`spans has no [lo, hi] of site ${site}, which has changes`);
    const end = endOfSite(changes, start);
    parts.push({ site, span, rows: changes.slice(start, end).map(({ change }) => change) });
    start = end;
  }
  return parts;
}

function endOfSite(changes: readonly SitedChange[], start: number): number {
  let end = start + 1;
  while (end < changes.length && changes[end]!.site === changes[start]!.site) end += 1;
  return end;
}

function spansFrom(value: unknown, limits: Limits): Map<SiteId, Range> {
  const entries = Object.entries(objectOf(value, 'spans'));
  if (entries.length > limits.sitesMax) throw badRequest(`spans names more than ${limits.sitesMax} sites`);
  const lists = Object.fromEntries(entries.map(([site, span]) => [site, [rangeOf(span, 'spans')]]));
  const coverage: Coverage = coverageOf(lists, 'spans', limits);
  return new Map([...coverage].map(([site, [span]]) => [site, span!]));
}

function spansToJson(parts: readonly ReceivedBody[]): Record<string, Range> {
  const spans: Record<string, Range> = {};
  for (const { site, span } of parts) {
    const known = spans[site] ?? span;
    spans[site] = [Math.min(known[0], span[0]), Math.max(known[1], span[1])];
  }
  return spans;
}
