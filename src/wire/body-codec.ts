/**
 * Part bodies as bytes, but for their site: span, author's vector, rows. The site stands beside them, where a link can
 * name it by a number.
 *
 * Layout: a first byte (forms of seq and version, 2 bits each; seen; deflated; split), then the packed area and the
 * raw one (areas.ts); the packed area's length stands between where both are there.
 */
import type { Coverage } from '../core/coverage.ts';
import type { ReceivedBody } from '../core/part.ts';
import { arrayOfRows } from '../core/part.ts';
import type { Range } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import { VERSION_MAX } from '../core/version.ts';
import { readRows, writeRows } from './body-rows.ts';
import { ByteReader, malformed } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { Compression } from './compression.ts';
import { readCoverage, writeCoverage } from './coverage-codec.ts';
import type { DecodeBudget } from './decode-budget.ts';
import { IdMemory } from './id-memory.ts';
import { groupRows } from './row-groups.ts';
import { numberingOf } from './row-numbers.ts';

const SEEN = 0x10;
const DEFLATED = 0x20;
const SPLIT = 0x40;

/** Below this, deflate costs more than it saves. */
const DEFLATE_FROM_BYTES = 200;
/** From here on random bytes are kept apart from what is deflated. */
const SPLIT_FROM_ROWS = 16;

export function encodeBody({ span, seen, ...body }: ReceivedBody, compression: Compression | undefined): Uint8Array {
  const rows = arrayOfRows(body.rows);
  const packed = new ByteWriter(64 + 8 * rows.length);
  const raw = compression !== undefined && rows.length >= SPLIT_FROM_ROWS ? new ByteWriter(16) : undefined;
  packed.varint(span[0]);
  packed.varint(span[1] - span[0]);
  if (seen !== undefined) writeCoverage(packed, seen, new IdMemory());
  const groups = groupRows(rows);
  const numbering = numberingOf(rows, groups.starts, span);
  writeRows(raw === undefined ? { packed } : { packed, raw }, rows, { groups, span, numbering });
  const head = numbering.seq | (numbering.version << 2) | (seen === undefined ? 0 : SEEN);
  return joined(head, packed.take(), { raw: raw?.take(), compression });
}

/** Errors  FRAME_MALFORMED, TOO_LARGE, CHANGE_INVALID; nothing else, in bounded time and memory. */
export function decodeBody(
  site: SiteId,
  bytes: Uint8Array,
  { budget, compression }: { readonly budget: DecodeBudget; readonly compression: Compression | undefined },
): ReceivedBody {
  const reader = new ByteReader(bytes);
  const head = reader.u8();
  if (head >= 0x80) throw malformed('a body in an unknown form');
  const stored = (head & SPLIT) === 0 ? reader.raw(reader.left) : reader.bytes();
  const packed = new ByteReader((head & DEFLATED) === 0 ? stored : inflated(stored, budget, compression));
  const areas = { packed, raw: reader };
  const span = readSpan(packed);
  const seen: Coverage | undefined =
    (head & SEEN) === 0 ? undefined : readCoverage(packed, new IdMemory(), budget.limits);
  const rows = readRows(areas, span, { seq: head & 3, version: (head >> 2) & 3 }, budget);
  packed.end();
  reader.end();
  return { site, span, rows, ...(seen === undefined ? {} : { seen }) };
}

function joined(
  head: number,
  packed: Uint8Array,
  { raw, compression }: { readonly raw: Uint8Array | undefined; readonly compression: Compression | undefined },
): Uint8Array {
  const deflated = packed.length < DEFLATE_FROM_BYTES ? undefined : compression?.deflateRaw(packed);
  const isSmaller = deflated !== undefined && deflated.length < packed.length;
  const stored = isSmaller ? deflated : packed;
  const isSplit = raw !== undefined && raw.length > 0;
  const writer = new ByteWriter(stored.length + (raw?.length ?? 0) + 8);
  writer.u8(head | (isSmaller ? DEFLATED : 0) | (isSplit ? SPLIT : 0));
  if (isSplit) writer.varint(stored.length);
  writer.raw(stored);
  if (isSplit) writer.raw(raw);
  return writer.take();
}

function inflated(bytes: Uint8Array, budget: DecodeBudget, compression: Compression | undefined): Uint8Array {
  if (compression === undefined) throw malformed('a deflated body, and nothing here to inflate it');
  const plain = compression.inflateRaw(bytes, budget.bytesLeft);
  budget.takeBytes(plain.length);
  return plain;
}

function readSpan(packed: ByteReader): Range {
  const lo = packed.varint();
  const hi = lo + packed.varint();
  if (hi <= lo || hi > VERSION_MAX) throw malformed('an empty or endless span');
  return [lo, hi];
}
