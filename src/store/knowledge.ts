/**
 * What a store knows about versions: held, waiting, parked and refused ranges by site, its own numbering.
 *
 * `Knowledge` is immutable and belongs to the last commit. A transaction works on a `KnowledgeDraft`, which reads
 * through to it, and saves the difference before the COMMIT; only after that the store takes the draft's result.
 */
import type { Coverage } from '../core/coverage.ts';
import { coverageOf, rangesOfSite } from '../core/coverage.ts';
import type { RangeSet } from '../core/range-set.ts';
import { emptyRangeSet, intersectRanges, rangeSetOf, subtractRanges, unionRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Connection } from '../sqlite/database.ts';
import { loadOwnBook } from './own-book.ts';
import type { RangeTable } from './range-table.ts';
import { loadParkedSpans, loadRanges, saveRanges } from './range-table.ts';
import type { SiteRegistry } from './site-registry.ts';
import { numberOf } from './sql-text.ts';

export interface Knowledge {
  /** Stored maximum at the last flush or merge. */
  readonly storedMax: number;
  readonly announced: number;
  /** Complete ranges; the own site as (0, announced]. */
  readonly have: Coverage;
  /** Claims withheld because parked changes lie in them. */
  readonly waiting: Coverage;
  /** Where the origin versions of parked changes may lie. */
  readonly parkedSpans: Coverage;
  readonly refused: Coverage;
  readonly parkedChanges: number;
  /** Store versions at which own rows may lie (own-book.ts). */
  readonly ownBook: RangeSet;
}

export function loadKnowledge(connection: Connection, site: SiteId, sites: SiteRegistry): Knowledge {
  const self = connection.prepare('SELECT announced, flushed FROM crmesh_self').get();
  const announced = numberOf(self?.[0]);
  const others = loadRanges(connection, 'crmesh_have', sites);
  return {
    storedMax: numberOf(self?.[1]),
    announced,
    have: new Map([...others, ...coverageOf(site, rangeSetOf(0, announced))]),
    waiting: loadRanges(connection, 'crmesh_waiting', sites),
    parkedSpans: loadParkedSpans(connection, sites),
    refused: loadRanges(connection, 'crmesh_refused', sites),
    parkedChanges: numberOf(connection.prepare('SELECT count(*) FROM crmesh_parked').get()?.[0]),
    ownBook: loadOwnBook(connection),
  };
}

/** After a flush: own versions up to `announced` are held. */
export function announce(
  knowledge: Knowledge,
  site: SiteId,
  flushed: { readonly announced: number; readonly storedMax: number; readonly ownBook: RangeSet },
): Knowledge {
  const have = new Map(knowledge.have);
  if (flushed.announced > 0) have.set(site, rangeSetOf(0, flushed.announced));
  return { ...knowledge, ...flushed, have };
}

type Kind = 'have' | 'waiting' | 'parkedSpans' | 'refused';

const TABLES: readonly (readonly [Kind, RangeTable])[] = [
  ['have', 'crmesh_have'],
  ['waiting', 'crmesh_waiting'],
  ['refused', 'crmesh_refused'],
];

export class KnowledgeDraft {
  readonly base: Knowledge;
  readonly #changed: Readonly<Record<Kind, Map<SiteId, RangeSet>>> = {
    have: new Map(),
    waiting: new Map(),
    parkedSpans: new Map(),
    refused: new Map(),
  };
  parkedChanges: number;

  constructor(base: Knowledge) {
    this.base = base;
    this.parkedChanges = base.parkedChanges;
  }

  ranges(kind: Kind, site: SiteId): RangeSet {
    return this.#changed[kind].get(site) ?? rangesOfSite(this.base[kind], site);
  }

  set(kind: Kind, site: SiteId, ranges: RangeSet): void {
    this.#changed[kind].set(site, ranges);
  }

  add(kind: Kind, site: SiteId, ranges: RangeSet): void {
    if (ranges.length > 0) this.set(kind, site, unionRanges(this.ranges(kind, site), ranges));
  }

  /**
   * Takes claims on a site: what meets the span of a parked change waits, the rest is held from now on.
   *
   * Shape   returns what was news in `have`.
   * Why     A claim is sound range by range, so only the ranges where a parked change may lie have to wait.
   */
  claim(site: SiteId, ranges: RangeSet, overParked = false): RangeSet {
    const spans = overParked ? emptyRangeSet : this.ranges('parkedSpans', site);
    const held = this.ranges('have', site);
    const growth = subtractRanges(subtractRanges(ranges, spans), held);
    this.add('have', site, growth);
    this.add('waiting', site, subtractRanges(intersectRanges(ranges, spans), held));
    return growth;
  }

  /** Parked changes of the site left: waiting claims that no longer meet one are held. Returns what was news. */
  release(site: SiteId, parkedSpans: RangeSet): RangeSet {
    this.set('parkedSpans', site, parkedSpans);
    const waiting = this.ranges('waiting', site);
    this.set('waiting', site, intersectRanges(waiting, parkedSpans));
    const growth = subtractRanges(subtractRanges(waiting, parkedSpans), this.ranges('have', site));
    this.add('have', site, growth);
    return growth;
  }

  /** Writes what changed; inside the transaction. */
  save(connection: Connection, sites: SiteRegistry): void {
    for (const [kind, table] of TABLES) {
      for (const [site, after] of this.#changed[kind]) {
        saveRanges(connection, table, { ord: sites.ordOf(site), before: rangesOfSite(this.base[kind], site), after });
      }
    }
  }

  /** What is known once the transaction has committed. */
  result(storedMax: number): Knowledge {
    return {
      ...this.base,
      storedMax,
      have: this.#merged('have'),
      waiting: this.#merged('waiting'),
      parkedSpans: this.#merged('parkedSpans'),
      refused: this.#merged('refused'),
      parkedChanges: this.parkedChanges,
    };
  }

  #merged(kind: Kind): Coverage {
    const changed = this.#changed[kind];
    if (changed.size === 0) return this.base[kind];
    const merged = new Map(this.base[kind]);
    for (const [site, ranges] of changed) {
      if (ranges.length === 0) merged.delete(site);
      else merged.set(site, ranges);
    }
    return merged;
  }
}
