/** Commits as links, streams and live queries hear of them: built from a flush or a merged group, told to each link. */
import { changesBytes } from '../core/change.ts';
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, emptyCoverage, unionCoverage } from '../core/coverage.ts';
import type { Limits } from '../core/limits.ts';
import { wholeBytesMax } from '../core/limits.ts';
import type { ReceivedBody } from '../core/part.ts';
import { rangeSetOf } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Committed } from '../session/live-feed.ts';
import type { ClaimedBlob } from '../session/session-event.ts';
import type { FlushResult, MergeResult } from '../store/store-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import type { InboxEntry } from './inbox.ts';
import type { Commit, Link } from './replica-port.ts';
import type { HostedLink } from './link-host.ts';

/** Growth by the link that brought it, so that it is not told what it said itself. */
export interface GroupCommit extends Commit {
  readonly growthBySource?: ReadonlyMap<HostedLink | undefined, Coverage>;
}

export function commitOfFlush(
  { before, after, announced, part }: FlushResult,
  site: SiteId,
  codec: Codec,
): { readonly commit: GroupCommit; readonly own: Committed['own'] } {
  const blob = part === undefined ? undefined : codec.blobOf(part);
  const own: ClaimedBlob | undefined = blob === undefined ? undefined : { blob, claims: rangeSetOf(...announced) };
  const rows = part?.rows.length ?? 0;
  const parts = blob === undefined ? undefined : rows === 0 ? [] : [{ blob, source: undefined }];
  const growth = coverageOf(site, rangeSetOf(...announced));
  return { commit: { before, after, parts, growth }, own: { announced: announced[1], part: own } };
}

/** Undefined when nothing changed: no row won and nothing was claimed anew, so nobody hears of it (it goes quiet). */
export function commitOfGroup(
  entries: readonly InboxEntry<HostedLink>[],
  { before, after, inputs }: MergeResult,
  { codec, limits }: { readonly codec: Codec; readonly limits: Limits },
): GroupCommit | undefined {
  const parts: { readonly blob: PartBlob; readonly source: HostedLink | undefined }[] = [];
  const growthBySource = new Map<HostedLink | undefined, Coverage>();
  entries.forEach(({ source, input, blobs }, i) => {
    const result = inputs[i]!;
    if (result.growth.size > 0) {
      growthBySource.set(source, unionCoverage(growthBySource.get(source) ?? emptyCoverage, result.growth));
    }
    // A part whose rows all lost is dominated by what this store held before: its claims go on, its rows need not.
    input.parts.forEach((body, j) => {
      if (result.changedByPart[j] !== true) return;
      const received = blobs[j];
      parts.push({ blob: received?.body === body ? received : new LazyBlob(body, codec), source });
    });
  });
  const large = parts.reduce((sum, { blob }) => sum + changesBytes(blob.body.rows), 0) > wholeBytesMax(limits);
  const growth = [...growthBySource.values()].reduce(unionCoverage, emptyCoverage);
  if (after === before && growth.size === 0) return undefined;
  return { before, after, parts: large ? undefined : parts, growth, growthBySource };
}

/** Encoded when the first link sends it: mostly the link that brought a part is the only one. */
class LazyBlob implements PartBlob {
  readonly body: ReceivedBody;
  readonly #codec: Codec;
  #bytes: Uint8Array | undefined;

  constructor(body: ReceivedBody, codec: Codec) {
    this.body = body;
    this.#codec = codec;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= this.#codec.blobOf(this.body).bytes;
    return this.#bytes;
  }
}

export function announceCommit(
  { before, after, parts, growth, growthBySource }: GroupCommit,
  own: Committed['own'],
  claims: { readonly claimsBefore: number; readonly claimsAfter: number },
  links: Iterable<HostedLink>,
): void {
  const involved = new Set<Link | undefined>(growthBySource?.keys());
  for (const { source } of parts ?? []) involved.add(source);
  const common = { type: 'committed', before, after, ...claims, own } as const;
  const forOthers: Committed = { ...common, growth, parts: parts?.map(({ blob }) => ({ blob, fromPeer: false })) };
  // A link that ends on the way leaves the set.
  const told = Array.from(links);
  for (const link of told) {
    if (!involved.has(link) && parts?.some(({ blob }) => link.hasDelivered(blob)) !== true) link.takeCommit(forOthers);
    else {
      const delivered = parts?.map(({ blob, source }) => source === link || link.hasDelivered(blob));
      link.takeCommit({
        ...common,
        parts: parts?.map(({ blob }, i) => ({ blob, fromPeer: delivered?.[i] === true })),
        growth: growthOfOthers(growthBySource, link),
      });
    }
  }
}

function growthOfOthers(growthBySource: GroupCommit['growthBySource'], link: HostedLink): Coverage {
  let growth = emptyCoverage;
  for (const [source, part] of growthBySource ?? []) if (source !== link) growth = unionCoverage(growth, part);
  return growth;
}
