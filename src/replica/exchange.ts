/**
 * getChanges and applyChanges: replication by hand, for channels of the app's own.
 *
 * Assumes that the caller holds the transaction lock. A page's claims are worth something only to a reader that has
 * everything before the page, so its parts say which page they are of and are taken in order; a part that stands
 * alone is taken as it is.
 */
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, emptyCoverage, rangesOfSite } from '../core/coverage.ts';
import type { Cursor } from '../core/cursor.ts';
import { cursorFromText, cursorToText } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { PartBody } from '../core/part.ts';
import type { Range } from '../core/range-set.ts';
import { hullOfRanges, subtractRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import { STORE_VERSION_ZERO } from '../core/version.ts';
import type { InputResult, MergeInput, StorePort } from '../store/store-port.ts';
import type { ExchangedPart, PageMark } from './exchanged-part.ts';
import { exchangedPartFromValue } from './exchanged-part.ts';
import type { ReplicaPort } from './replica-port.ts';

/** One page of a database's changes, in its store order. */
export interface ChangesPage {
  readonly parts: readonly ExchangedPart[];
  /** Opaque; pass it as `since` for what comes after this page. */
  readonly cursor: string;
  /** True when there is another page now. */
  readonly more: boolean;
}

export interface ApplyOptions {
  /** Take a part only when everything of its site before its span is held: else the outcome is 'gap'. */
  readonly inOrder?: boolean;
}

export interface ApplyResult {
  readonly outcome: 'applied' | 'duplicate' | 'parked' | 'gap';
  /** Changes merged, losers included, and changes of ranges already held. */
  readonly applied: number;
  readonly duplicates: number;
  /** Of a gap: what is not held, by site. */
  readonly missing?: Readonly<Record<string, readonly Range[]>>;
  /** Of a gap between pages: ask getChanges(cursor); absent = from the start. */
  readonly cursor?: string;
}

/** Errors  BAD_REQUEST for a `since` that is no cursor; EPOCH_CHANGED for one of a numbering that is gone. */
export function readChanges(store: StorePort, since: string | undefined, limits: Limits): ChangesPage {
  const from = startOfPage(store, since);
  const piece = store.readPiece(from, { without: [], changesMax: limits.pageChanges });
  const claims = piece.last ? store.coverage : emptyCoverage;
  const bodies = [...piece.parts, ...claimsAlone(piece.parts, claims)];
  const epoch = store.identity.era;
  const page: PageMark = { site: store.identity.site, epoch, from, to: piece.to, parts: bodies.length };
  const parts = bodies.map((body) => ({ ...body, claims: rangesOfSite(claims, body.site), page }));
  return { parts, cursor: cursorToText({ nonce: epoch, at: piece.to }), more: !piece.last };
}

/** Errors  CHANGE_INVALID for anything that is not a valid part; parts before it stay applied. */
export async function applyParts(
  replica: ReplicaPort,
  values: readonly unknown[],
  options: ApplyOptions & { readonly limits: Limits },
): Promise<ApplyResult[]> {
  if (!Array.isArray(values)) {
    throw new ReplicationError('CHANGE_INVALID', 'parts are not an array: pass the parts of getChanges');
  }
  const parts = values.map((value: unknown, i) => exchangedPartFromValue(value, i, options.limits));
  const results: ApplyResult[] = [];
  for (const group of groupsOfPages(parts)) {
    results.push(...(await applyGroup(replica, group, { ...options, place: results.length })));
  }
  return results;
}

function startOfPage(store: StorePort, since: string | undefined): StoreVersion {
  if (since === undefined) return STORE_VERSION_ZERO;
  const cursor = cursorFromText(since);
  const { base } = store.resume(cursor);
  if (base.at === cursor.at) return cursor.at;
  throw new ReplicationError(
    'EPOCH_CHANGED',
    'this cursor is of a numbering that this database no longer has: read again from the start (no cursor)',
    { epoch: store.identity.era },
  );
}

/** Sites that are held and have no rows in the page: their claims travel in parts without rows. */
function claimsAlone(parts: readonly PartBody[], claims: Coverage): PartBody[] {
  const sites = new Set(parts.map((part) => part.site));
  const alone: PartBody[] = [];
  for (const [site, ranges] of claims) {
    const span = hullOfRanges(ranges);
    if (!sites.has(site) && span !== undefined) alone.push({ site, span, rows: [] });
  }
  return alone;
}

/** Parts of one page stay together; a part without a page is a group of its own. */
function groupsOfPages(parts: readonly ExchangedPart[]): ExchangedPart[][] {
  const groups: ExchangedPart[][] = [];
  for (const part of parts) {
    const group = groups.at(-1);
    const page = group?.[0]?.page;
    if (group !== undefined && page !== undefined && samePage(page, part.page)) group.push(part);
    else groups.push([part]);
  }
  return groups;
}

function samePage(a: PageMark, b: PageMark | undefined): boolean {
  return b !== undefined && a.site === b.site && a.epoch === b.epoch && a.from === b.from && a.to === b.to;
}

type GroupOptions = ApplyOptions & { readonly place: number };

/**
 * The cursor goes with the last part, after the others are durable: losing power in between repeats a page and
 * never skips one. Claims of a site need only the rows of that site, so they go with its own part.
 */
async function applyGroup(
  replica: ReplicaPort,
  group: readonly ExchangedPart[],
  options: GroupOptions,
): Promise<ApplyResult[]> {
  const page = group[0]?.page;
  const gap = page === undefined ? undefined : gapBeforePage(replica.store, page, group.length);
  if (gap !== undefined) return group.map(() => gap);
  const apply = (part: ExchangedPart, i: number): Promise<ApplyResult> => {
    const cursor = i === group.length - 1 && page !== undefined ? cursorAfter(replica.store, page) : undefined;
    return applyPart(replica, part, { ...options, place: options.place + i, cursor });
  };
  const first = await Promise.all(group.slice(0, -1).map(apply));
  return [...first, await apply(group.at(-1)!, group.length - 1)];
}

async function applyPart(
  replica: ReplicaPort,
  part: ExchangedPart,
  options: GroupOptions & { readonly cursor: MergeInput['cursor'] | undefined },
): Promise<ApplyResult> {
  const { store } = replica;
  const { site, span, rows, claims } = part;
  const body = { site, span, rows, ...(part.seen === undefined ? {} : { seen: part.seen }) };
  const own = isOwnSite(store, site);
  if (own) checkOwnPart(store, part);
  const missing = options.inOrder === true ? subtractRanges([[0, span[0]]], rangesOfSite(store.coverage, site)) : [];
  if (missing.length > 0) return { outcome: 'gap', applied: 0, duplicates: 0, missing: { [site]: missing } };
  const { cursor } = options;
  if (own) {
    // Nothing to merge, so no commit to go with: the cursor is stored with the next one.
    if (cursor !== undefined) store.setCursor(cursor.peer, cursor.cursor);
    return { outcome: 'duplicate', applied: 0, duplicates: rows.length };
  }
  const moved = cursor === undefined ? {} : { cursor };
  // Nobody knows who brings it, so its numbers are bound as a leaf's.
  const claimed = coverageOf(site, claims);
  const result = await replica.submit({ parts: [body], claims: claimed, ...moved, fromLeaf: 'own' });
  return applyResult(result, options.place);
}

function applyResult({ outcome, applied, duplicates, invalid }: InputResult, place: number): ApplyResult {
  if (outcome !== 'invalid') return { outcome, applied, duplicates };
  const rejected = invalid.map((fault) => ({ part: place, ...fault }));
  const message = `part ${place} is invalid and was not applied: ${invalid[0]?.message ?? 'see rejected'}`;
  throw new ReplicationError('CHANGE_INVALID', message, { rejected });
}

/** Undefined when the page follows what this store holds of that database. */
function gapBeforePage(store: StorePort, page: PageMark, parts: number): ApplyResult | undefined {
  const held = store.cursorOf(page.site);
  const follows = page.from === 0 || (held?.nonce === page.epoch && page.from <= held.at);
  if (follows && parts === page.parts) return undefined;
  const cursor = held === undefined ? {} : { cursor: cursorToText(held) };
  return { outcome: 'gap', applied: 0, duplicates: 0, missing: {}, ...cursor };
}

/** A page read again must not take the cursor back. */
function cursorAfter(store: StorePort, page: PageMark): MergeInput['cursor'] | undefined {
  if (isOwnSite(store, page.site)) return undefined;
  const held = store.cursorOf(page.site);
  const at = held?.nonce === page.epoch && held.at > page.to ? held.at : page.to;
  const cursor: Cursor = { nonce: page.epoch, at };
  return { peer: page.site, cursor };
}

function isOwnSite(store: StorePort, site: SiteId): boolean {
  return store.identity.site === site;
}

/** Own changes that come back are held already; versions that were never written here are a copy's, or forged. */
function checkOwnPart(store: StorePort, { claims, rows }: ExchangedPart): void {
  const newest = Math.max(hullOfRanges(claims)?.[1] ?? 0, ...rows.map((row) => row.version ?? 0));
  if (newest <= store.announced) return;
  const message = `a part names version ${newest} of this database, which has written ${store.announced}: it comes from a copy with the same site id`;
  throw new ReplicationError('SITE_CONFLICT', message);
}
