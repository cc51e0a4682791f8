/** Coverages and range sets as bytes: sites in full, range ends as differences. */
import type { Coverage } from '../core/coverage.ts';
import type { Limits } from '../core/limits.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import { VERSION_MAX } from '../core/version.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { IdMemory } from './id-memory.ts';

export function writeRanges(writer: ByteWriter, ranges: RangeSet): void {
  writer.varint(ranges.length);
  let at = 0;
  for (const [lo, hi] of ranges) {
    writer.varint(lo - at);
    writer.varint(hi - lo);
    at = hi;
  }
}

/** Errors  FRAME_MALFORMED for empty, touching or endless ranges: only the normal form is one. */
export function readRanges(reader: ByteReader, limits: Limits): RangeSet {
  const count = reader.count(limits.rangesMax, 'ranges');
  const ranges: Range[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const gap = reader.varint();
    const lo = at + gap;
    const hi = lo + reader.varint();
    if (hi <= lo || hi > VERSION_MAX || (i > 0 && gap === 0)) throw malformed('a range set is not in normal form');
    ranges.push([lo, hi]);
    at = hi;
  }
  return ranges;
}

export function writeCoverage(writer: ByteWriter, coverage: Coverage, ids: IdMemory): void {
  writer.varint(coverage.size);
  for (const [site, ranges] of coverage) {
    ids.write(writer, site);
    writeRanges(writer, ranges);
  }
}

export function readCoverage(reader: ByteReader, ids: IdMemory, limits: Limits): Coverage {
  const count = reader.count(limits.sitesMax, 'sites');
  const coverage = new Map<SiteId, RangeSet>();
  for (let i = 0; i < count; i++) {
    const site = ids.read(reader) as SiteId;
    const ranges = readRanges(reader, limits);
    if (ranges.length === 0 || coverage.has(site)) throw malformed('a site comes twice or with nothing');
    coverage.set(site, ranges);
  }
  return coverage;
}
