/** Arbitrary messages, parts and HTTP bodies for property tests of the codecs. */
import fc from 'fast-check';
import type { Acknowledgement } from '../../src/core/acknowledgement.ts';
import type { Change } from '../../src/core/change.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import type { Cursor, EraNonce } from '../../src/core/cursor.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { PartBody } from '../../src/core/part.ts';
import type { Range, RangeSet } from '../../src/core/range-set.ts';
import { rangeSetFromRanges } from '../../src/core/range-set.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { hexFromBytes } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import type { ChangesBody } from '../../src/wire/bodies.ts';
import type { Codec } from '../../src/wire/codec-port.ts';
import type { Message } from '../../src/wire/message.ts';
import { anyBlob, anyInteger, anyKeyValue, anyReal, anySqlValue, anyText } from '../core/sql-values.arbitrary.ts';

const anyId = fc.oneof(
  fc.constantFrom('00'.repeat(16), 'ab'.repeat(16), 'ff'.repeat(16)),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
);
export const anySite: fc.Arbitrary<SiteId> = anyId.map((id) => id as SiteId);
const anyEra = anyId.map((id) => id as EraNonce);
const anyVersion = fc.oneof(fc.nat(300), fc.maxSafeNat()).map((version) => version as StoreVersion);

export const anyRange: fc.Arbitrary<Range> = fc
  .tuple(fc.nat(500), fc.integer({ min: 1, max: 50 }))
  .map(([lo, size]) => [lo, lo + size]);
export const anyRanges: fc.Arbitrary<RangeSet> = fc.array(anyRange, { maxLength: 5 }).map(rangeSetFromRanges);
export const someRanges: fc.Arbitrary<RangeSet> = anyRanges.filter((ranges) => ranges.length > 0);
export const anyCoverage: fc.Arbitrary<Coverage> = fc
  .array(fc.tuple(anySite, someRanges), { maxLength: 4 })
  .map((entries) => new Map(entries));
const anyCursor: fc.Arbitrary<Cursor> = fc.record({ nonce: anyEra, at: anyVersion });
const anyAck: fc.Arbitrary<Acknowledgement> = fc.record({ held: anyRanges, parked: anyRanges, refused: anyRanges });

const anyKey = fc
  .oneof(
    fc.nat(300).map((value) => [value]),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((value) => [value]),
    fc.array(anyKeyValue, { minLength: 1, maxLength: 3 }),
  )
  .map(encodePackedKey);

const cell = fc.record({
  table: fc.constantFrom('todo', 'tag', 'T_2'),
  pk: anyKey,
  cid: fc.constantFrom('title', 'done', 'owner', 'a_1'),
  val: fc.oneof(anySqlValue, anyText, anyInteger, anyReal, anyBlob, fc.constantFrom('a', 'b')),
  colVersion: fc.oneof(fc.constant(1), fc.nat(2 ** 31)),
  cl: fc.constantFrom(1, 1, 1, 3),
  seq: fc.oneof(fc.nat(5), fc.nat(2 ** 31 - 1)),
});
const sentinel = fc
  .record({ table: fc.constantFrom('todo', 'tag'), pk: anyKey, cl: fc.integer({ min: 1, max: 5 }), seq: fc.nat(9) })
  .map(({ table, pk, cl, seq }) => ({ table, pk, cid: '-1', val: null, colVersion: cl, cl, seq }));

/** Whole rows as an INSERT makes them. */
const bulk = fc
  .tuple(fc.array(anyKey, { minLength: 1, maxLength: 30 }), fc.array(anySqlValue, { minLength: 3, maxLength: 3 }))
  .map(([keys, values]) =>
    keys.flatMap((pk, row) =>
      ['title', 'done', 'owner'].map((cid, i) => {
        return { table: 'todo', pk, cid, val: values[i]!, colVersion: 1, cl: 1, seq: row * 3 + i };
      }),
    ),
  );

const anyRows: fc.Arbitrary<Change[]> = fc.oneof(fc.array(fc.oneof(cell, cell, sentinel), { maxLength: 20 }), bulk);

export const anyBody: fc.Arbitrary<PartBody> = fc
  .record({
    site: anySite,
    span: anyRange,
    rows: anyRows,
    seen: fc.option(anyCoverage, { nil: undefined }),
    versions: fc.constantFrom('none', 'end', 'each', 'some'),
  })
  .map(({ site, span, rows, seen, versions }) => {
    const versioned = rows.map((row, i): Change => {
      if (versions === 'none' || (versions === 'some' && i % 2 === 0)) return row;
      return { ...row, version: versions === 'end' ? span[1] : span[0] + 1 + (i % (span[1] - span[0])) };
    });
    return { site, span, rows: versioned, ...(seen === undefined ? {} : { seen }) };
  });

const greeting = {
  wire: fc.constant(1),
  session: anyId,
  dbid: fc.constantFrom('todo', 'a.b-c'),
  site: anySite,
  formerSites: fc.array(anySite, { maxLength: 2 }),
  era: anyEra,
  schemaHash: anyId,
  shape: fc.constantFrom({}, { todo: ['id', 'title'], tag: [] }),
  mode: fc.constantFrom('leaf' as const, 'peer' as const),
  mesh: anyId,
  digest: fc.array(fc.tuple(fc.nat(255), fc.nat(2 ** 31)), { maxLength: 5 }).map((entries) => new Map(entries)),
  capabilities: fc.constantFrom([], ['a', 'b']),
  credit: fc.maxSafeNat(),
};
const beat = {
  era: anyEra,
  n: fc.nat(),
  live: fc.boolean(),
  sentBytes: fc.maxSafeNat(),
  grantedBytes: fc.maxSafeNat(),
};
const position = fc.tuple(anyEra, fc.nat(500), fc.nat(500), fc.nat()).map(([era, from, size, n]) => {
  return { era, from: from as StoreVersion, to: (from + size) as StoreVersion, n };
});
const bytes = fc.uint8Array({ maxLength: 40 });

export function anyMessage(codec: Pick<Codec, 'blobOf'>): fc.Arbitrary<Message> {
  const blob = anyBody.map((body) => codec.blobOf(body));
  const windowParts = fc.array(blob, { maxLength: 4 }).chain((parts) =>
    fc.record({
      parts: fc.constant(parts),
      claims: fc.oneof(
        anyCoverage,
        fc.constant(new Map(parts.map(({ body }) => [body.site, [body.span]])) as Coverage),
      ),
    }),
  );
  return fc.oneof(
    fc.record({ type: fc.constant('hello' as const), ...greeting }),
    fc.record({
      type: fc.constant('hello' as const),
      ...greeting,
      cursor: anyCursor,
      schemaText: anyText,
      siteKey: anyId,
    }),
    fc.record({
      type: fc.constant('welcome' as const),
      ...greeting,
      acks: fc.array(fc.tuple(anySite, anyAck), { maxLength: 3 }).map((acks) => new Map(acks)),
    }),
    fc.record({ type: fc.constant('base' as const), era: anyEra, at: anyVersion }),
    fc.tuple(position, windowParts).map(([at, parts]) => ({ type: 'window' as const, ...at, ...parts })),
    position.map((at) => ({ type: 'mark' as const, ...at })),
    fc.record({ type: fc.constant('beat' as const), ...beat }),
    fc.record({ type: fc.constant('beat' as const), ...beat, at: anyVersion, ask: fc.nat(), answer: fc.nat() }),
    fc.record({ type: fc.constantFrom('pull' as const, 'pullall' as const) }),
    fc.record({ type: fc.constantFrom('pull' as const, 'pullall' as const), cursor: anyCursor }),
    fc
      .tuple(blob, anyRanges, fc.boolean())
      .map(([one, claims, span]) => ({ type: 'part' as const, blob: one, claims: span ? [one.body.span] : claims })),
    fc.record({ type: fc.constant('ack' as const), site: anySite, ack: anyAck }),
    fc.record({
      type: fc.constant('nack' as const),
      site: anySite,
      ranges: anyRanges,
      kind: fc.constantFrom('reject' as const, 'drop' as const),
      code: fc.constant('CHANGE_REJECTED'),
      message: anyText,
    }),
    fc.record({ type: fc.constant('coverage' as const), coverage: anyCoverage }),
    fc.record({ type: fc.constant('want' as const), site: anySite, ranges: someRanges }),
    fc.record({ type: fc.constant('credit' as const), grantedBytes: fc.maxSafeNat() }),
    fc.record({ type: fc.constant('chunk' as const), transfer: fc.nat(), i: fc.nat(), n: fc.nat(), bytes }),
    fc.record({ type: fc.constant('ephemeral' as const), bytes }),
    fc.record({
      type: fc.constant('image' as const),
      era: anyEra,
      at: anyVersion,
      bytes: fc.maxSafeNat(),
      hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((hash) => hexFromBytes(hash)),
    }),
    fc.record({
      type: fc.constant('error' as const),
      code: fc.constant('GAP'),
      message: anyText,
      details: fc.constantFrom({}, { missing: { a: [[0, 5]] } }),
    }),
    fc.record({ type: fc.constant('bye' as const), code: fc.constant('CLOSED') }),
    fc.record({ type: fc.constant('bye' as const), code: fc.constant('CLOSED'), retryAfterMs: fc.nat() }),
  );
}

const withoutVersions = ({ site, span, rows }: PartBody): PartBody => {
  return { site, span, rows: rows.map(({ version: _version, ...row }) => row) };
};
/** Neighbouring parts are of different sites, as they are read from JSON; parts without rows are never sent. */
const someParts = fc.uniqueArray(
  anyBody.map(withoutVersions).filter(({ rows }) => rows.length > 0),
  {
    selector: ({ site }) => site,
    maxLength: 3,
  },
);

export const anyChangesBody: fc.Arbitrary<ChangesBody> = fc.oneof(
  fc.tuple(anyBody, fc.boolean()).map(([body, inOrder]): ChangesBody => {
    const { seen } = body;
    return { form: 'push', ...withoutVersions(body), inOrder, ...(seen === undefined ? {} : { seen }) };
  }),
  fc
    .record({
      site: anySite,
      epoch: anyEra,
      parts: someParts,
      claims: anyCoverage,
      more: fc.boolean(),
      since: anyCoverage,
    })
    .map((answer): ChangesBody => ({ form: 'want', ...answer })),
  fc
    .record({
      site: anySite,
      epoch: anyEra,
      parts: someParts,
      claims: anyCoverage,
      more: fc.boolean(),
      since: fc.option(anyCursor, { nil: undefined }),
      from: fc.nat(500),
      size: fc.nat(500),
    })
    .map(({ from, size, ...answer }): ChangesBody => {
      const to = (from + size) as StoreVersion;
      return {
        form: 'store-order',
        ...answer,
        from: from as StoreVersion,
        to,
        cursor: { nonce: answer.epoch, at: to },
      };
    }),
);
