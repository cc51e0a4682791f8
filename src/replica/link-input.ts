/** What a link received and wants merged: through the edge (R11), into the inbox, and back as an 'applied' event. */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, emptyCoverage, rangesOfSite } from '../core/coverage.ts';
import { ReplicationError } from '../core/errors.ts';
import { changesBytes } from '../core/change.ts';
import type { ReceivedBody } from '../core/part.ts';
import { SPAN_ANY } from '../core/part.ts';
import type { RangeSet } from '../core/range-set.ts';
import { coversRanges, emptyRangeSet, unionRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Refusal, SessionEffect } from '../session/session-event.ts';
import type { InputResult, MergeInput } from '../store/store-port.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import { passEdge, withoutChanges } from './edge.ts';
import type { InboxEntry } from './inbox.ts';
import type { HostedLink } from './link-host.ts';

type Apply = Extract<SessionEffect, { type: 'apply' }>;
type StoreBase = Extract<SessionEffect, { type: 'store-base' }>;
type SiteRefusal = Refusal & { readonly site: SiteId };

const NOTHING: MergeInput = { parts: [], claims: emptyCoverage };

export function applyInput(link: HostedLink, effect: Apply | StoreBase): void {
  if (effect.type === 'store-base') {
    const { peer, cursor } = effect;
    return enqueue(link, { input: NOTHING, blobs: [], base: { peer, cursor }, done: () => {} }, 0);
  }
  const peer = link.session.peer;
  if (peer === undefined) return;
  const { input, refusals } = throughEdge(link, effect, peer.site);
  const sites = [peer.site, ...peer.formerSites];
  const blobs = input.parts.length === effect.parts.length ? effect.parts : [];
  const done = (result: InputResult): void => finish(link, { effect, input, sites, refusals, result });
  enqueue(link, { input, blobs, done }, heldBytes(effect.parts));
}

/** `bytes`: what is held until it is done. */
function enqueue(
  link: HostedLink,
  entry: Pick<InboxEntry<HostedLink>, 'input' | 'blobs' | 'done'> & Partial<Pick<InboxEntry<HostedLink>, 'base'>>,
  bytes: number,
): void {
  const ended = (): void => link.noteWaiting(-bytes);
  const failed = (failure: ReplicationError): void => {
    ended();
    link.handle({ type: 'applied', acks: new Map(), refusals: [], failure, bytes: 0 });
  };
  const done = (result: InputResult): void => {
    ended();
    entry.done(result);
  };
  link.noteWaiting(bytes);
  link.host.enqueue({ source: link, heldBytes: bytes, ...entry, failed, done });
}

/** Encodings, and what they unfold to: a few bytes may be many. */
function heldBytes(blobs: readonly PartBlob[]): number {
  return blobs.reduce(
    (sum, { body, bytes }) => sum + bytes.length + (body.rows.heldBytes ?? changesBytes(body.rows)),
    0,
  );
}

/** Only a leaf's parts meet the grant's decision: between peers valid parts are never refused or thinned. */
function throughEdge(
  link: HostedLink,
  { parts, claims, cursor, vouched = false }: Apply,
  peer: SiteId,
): { readonly input: MergeInput; readonly refusals: readonly SiteRefusal[] } {
  const { options } = link;
  const fromLeaf = options.role === 'server' && link.mode === 'leaf';
  const moved = cursor === undefined ? {} : { cursor: { peer, cursor } };
  const bound = fromLeaf ? { fromLeaf: vouched ? ('vouched' as const) : ('own' as const) } : {};
  // Rows of a vouched refill: where in their site's numbering they lie is not known here.
  const bodies = parts.map(({ body }) => (vouched ? { ...body, span: SPAN_ANY } : body));
  if (options.role === 'client' || options.grant.write === 'all' || link.mode === 'peer') {
    return { input: { parts: bodies, claims, ...moved, ...bound }, refusals: [] };
  }
  const [body] = bodies;
  if (body === undefined) return { input: { parts: [], claims, ...moved, ...bound }, refusals: [] };
  const verdict = passEdge(body, claims, options.grant.write);
  const refused = unionRanges(verdict.rejected, verdict.dropped);
  const noted = refused.length === 0 ? {} : { refused: { site: body.site, ranges: refused } };
  return {
    // A part that nothing was taken from keeps its received encoding.
    input: {
      parts: verdict.body.rows.length === body.rows.length ? [body] : [verdict.body],
      claims: verdict.claims,
      ...noted,
      ...bound,
    },
    refusals: refusalsOf(body, verdict.rejected, verdict.dropped),
  };
}

function refusalsOf({ site }: ReceivedBody, rejected: RangeSet, dropped: RangeSet): SiteRefusal[] {
  const refusals: SiteRefusal[] = [];
  const message = 'the server does not allow this change: undo it, or ask for the right to make it';
  if (rejected.length > 0) refusals.push({ site, ranges: rejected, kind: 'reject', code: 'CHANGE_REJECTED', message });
  if (dropped.length > 0) refusals.push({ site, ranges: dropped, kind: 'drop', code: 'CHANGE_REJECTED', message });
  return refusals;
}

interface Finished {
  readonly effect: Apply;
  /** What was to be merged of it. */
  readonly input: MergeInput;
  readonly sites: readonly SiteId[];
  readonly refusals: readonly SiteRefusal[];
  readonly result: InputResult;
}

function finish(link: HostedLink, finished: Finished): void {
  const { effect, sites, refusals, result } = finished;
  const { bytes } = effect;
  if (effect.vouched === true) noteVouched(link, result);
  if (result.outcome !== 'invalid') {
    const acks = acksFor(link, effect.claims, sites);
    return link.handle({ type: 'applied', acks, refusals, failure: undefined, bytes });
  }
  if (refuseInvalid(link, finished)) return;
  const fault = result.invalid[0];
  const message = fault?.message ?? 'a change is invalid';
  const failure = new ReplicationError(fault?.code ?? 'CHANGE_INVALID', message, { rejected: result.invalid });
  link.handle({ type: 'applied', acks: new Map(), refusals: [], failure, bytes });
}

function noteVouched({ host, peer, options }: HostedLink, { applied, leftOut }: InputResult): void {
  options.onVouched?.({ merged: applied, leftOut });
  if (leftOut === 0) return;
  const fields = { code: 'CHANGE_INVALID', peer, changes: leftOut };
  host.log.warn(fields, 'a leaf vouches for changes whose numbers leap: left out');
}

/**
 * Versions of a leaf's part with an invalid change are refused, durably, so that the leaf does not send them for ever;
 * the others go on. False where that is no answer: between peers, or where nothing is wrong with the change itself
 * (a full parking place, a copy of this site), the link ends and the leaf sends all of it again.
 */
function refuseInvalid(link: HostedLink, { effect, input, sites, refusals, result }: Finished): boolean {
  const [body, ...more] = input.parts;
  const fromLeaf = link.options.role === 'server' && link.mode === 'leaf' && effect.cursor === undefined;
  if (!fromLeaf || body === undefined || more.length > 0) return false;
  if (!result.invalid.every(({ code }) => code === 'CHANGE_INVALID')) return false;
  const verdict = withoutChanges(
    body,
    input.claims,
    result.invalid.map(({ index }) => index),
  );
  const claimed = coversRanges(rangesOfSite(input.claims, body.site), verdict.rejected);
  if (verdict.rejected.length === 0 || !claimed) return false;
  const { code = 'CHANGE_INVALID', message = '' } = result.invalid[0] ?? {};
  const refusal: SiteRefusal = { site: body.site, ranges: verdict.rejected, kind: 'reject', code, message };
  const refused = { site: body.site, ranges: unionRanges(input.refused?.ranges ?? emptyRangeSet, verdict.rejected) };
  const rest: MergeInput = { parts: [verdict.body], claims: verdict.claims, refused, fromLeaf: 'own' };
  const told = { effect, input: rest, sites, refusals: [...refusals, refusal] };
  enqueue(
    link,
    { input: rest, blobs: [], done: (next) => finish(link, { ...told, result: next }) },
    heldBytes(effect.parts),
  );
  return true;
}

/** R9: what we now say of the writer's ranges, for duplicates too. */
function acksFor(link: HostedLink, claims: Coverage, sites: readonly SiteId[]): Map<SiteId, Acknowledgement> {
  const acks = new Map<SiteId, Acknowledgement>();
  for (const site of sites) {
    const ranges = coverageOf(site, claims.get(site) ?? emptyRangeSet).get(site);
    if (ranges !== undefined) acks.set(site, link.host.store.acknowledge(site, ranges));
  }
  return acks;
}
