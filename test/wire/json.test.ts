import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64FromBytes } from '../../src/core/base64.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { ReplicationError } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import type { ChangesBody } from '../../src/wire/bodies.ts';
import {
  changesAnswerToJson,
  changesBodyFromJson,
  jsonOf,
  pushBodyToJson,
  sinceFromText,
  sinceToText,
} from '../../src/wire/json-bodies.ts';
import { sqlValueFromJson, sqlValueToJson } from '../../src/wire/json-value.ts';
import { anySqlValue } from '../core/sql-values.arbitrary.ts';
import { anyChangesBody } from './messages.arbitrary.ts';

const limits = DEFAULT_LIMITS;
const site = 'ab'.repeat(16) as SiteId;
const epoch = 'cd'.repeat(16) as EraNonce;
const coded = (code: string): unknown => expect.objectContaining({ code });
const throughText = (json: unknown): unknown => JSON.parse(JSON.stringify(json));

describe('values in JSON', () => {
  test.each<readonly [SqlValue, unknown]>([
    [null, null],
    ['a\u0000b', 'a\u0000b'],
    [5, 5],
    [-9007199254740991, -9007199254740991],
    [9007199254740993n, { int: '9007199254740993' }],
    [0.5, 0.5],
    [real(5), { real: 5 }],
    [real(1e300), { real: 1e300 }],
    [real(-0), { real: '-0' }],
    [Infinity, { real: 'Infinity' }],
    [-Infinity, { real: '-Infinity' }],
    [Uint8Array.of(0, 255), { blob: 'AP8=' }],
    [new Uint8Array(0), { blob: '' }],
  ])('%s is written as %j and read back', (value, json) => {
    expect(sqlValueToJson(value)).toEqual(json);
    expect(sqlValueFromJson(throughText(json))).toEqual({ value });
  });

  test('every value comes back through JSON text with its type', () => {
    fc.assert(
      fc.property(anySqlValue, (value) => {
        expect(sqlValueFromJson(throughText(sqlValueToJson(value)))).toEqual({ value });
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    [{ int: '5' }, 5],
    [{ int: '-9223372036854775808' }, -9223372036854775808n],
    [{ real: 0.25 }, 0.25],
    [-0, 0],
  ])('%j is read as %s', (json, value) => {
    expect(sqlValueFromJson(json)).toEqual({ value });
  });

  test.each([
    true,
    9007199254740992,
    1e300,
    Number.NaN,
    Infinity,
    [],
    {},
    { int: 5 },
    { int: '05' },
    { int: '-0' },
    { int: '1e3' },
    { int: '9223372036854775808' },
    { int: '1', real: 1 },
    { real: 'NaN' },
    { real: '5' },
    { real: 'toString' },
    { blob: 'AP8' },
    { blob: 'AP9=' },
    { blob: 'A-_=' },
    { blob: 5 },
    { date: 'today' },
    '\ud800',
  ])('%j is no value', (json) => {
    expect(sqlValueFromJson(json)).toEqual({ fault: expect.any(String) });
  });
});

describe('bodies in JSON', () => {
  const pk = base64FromBytes(encodePackedKey(['a']));
  const change = { table: 'todo', pk, cid: 'title', val: 'x', colVersion: 1, cl: 1, seq: 0, siteId: site };
  const push = { siteId: site, seqStart: 0, seqEnd: 2, vClock: { [site]: [[0, 1]] }, changes: [change] };
  const answer = {
    site,
    epoch,
    since: 0,
    seqStart: 0,
    seqEnd: 7,
    changes: [change],
    vClock: { [site]: [[0, 2]] },
    spans: { [site]: [0, 2] },
    cursor: `${epoch}.7`,
    more: false,
  };

  test('every body comes back through JSON text', () => {
    fc.assert(
      fc.property(anyChangesBody, (body) => {
        const json = body.form === 'push' ? pushBodyToJson(body) : changesAnswerToJson(body);
        expect(changesBodyFromJson(throughText(json), limits)).toEqual(body);
      }),
      { numRuns: 200 },
    );
  });

  test('form (a) is read as one part of one site', () => {
    const rows = [{ table: 'todo', pk: encodePackedKey(['a']), cid: 'title', val: 'x', colVersion: 1, cl: 1, seq: 0 }];
    const seen = new Map([[site, [[0, 1]]]]);
    expect(changesBodyFromJson(push, limits)).toEqual({ form: 'push', site, span: [0, 2], rows, seen, inOrder: false });
    expect(changesBodyFromJson({ ...push, inOrder: true, vClock: undefined }, limits)).toMatchObject({ inOrder: true });
  });

  test('form (b) is the answer of GET changes, verbatim', () => {
    const body = changesBodyFromJson(answer, limits);
    expect(body).toMatchObject({
      form: 'store-order',
      since: undefined,
      from: 0,
      to: 7,
      cursor: { nonce: epoch, at: 7 },
    });
    expect(changesAnswerToJson(body as Exclude<ChangesBody, { form: 'push' }>)).toEqual(answer);
    const want = { ...answer, since: { [site]: [[0, 1]] }, seqStart: null, seqEnd: null, cursor: null };
    const read = changesBodyFromJson(want, limits);
    expect(read).toMatchObject({ form: 'want', since: new Map([[site, [[0, 1]]]]) });
    expect(changesAnswerToJson(read as Exclude<ChangesBody, { form: 'push' }>)).toEqual(want);
  });

  test('changes of several sites become parts in the order of the body', () => {
    const other = 'ee'.repeat(16) as SiteId;
    const changes = [change, { ...change, siteId: other }, { ...change, seq: 1 }];
    const spans = { ...answer.spans, [other]: [3, 4] };
    const body = changesBodyFromJson({ ...answer, changes, spans }, limits);
    const parts = body.form === 'push' ? [] : body.parts;
    expect(parts.map((part) => [part.site, part.span, part.rows.length])).toEqual([
      [site, [0, 2], 1],
      [other, [3, 4], 1],
      [site, [0, 2], 1],
    ]);
  });

  test.each<readonly [string, unknown]>([
    ['a list', []],
    ['null', null],
    ['nobody in particular', { changes: [] }],
    ['a site id in capitals', { ...push, siteId: site.toUpperCase() }],
    ['an empty range', { ...push, seqStart: 2 }],
    ['a range backwards', { ...push, seqStart: 3 }],
    ['a fraction as version', { ...push, seqEnd: 2.5 }],
    ['a version beyond 2^53', { ...push, seqEnd: 2 ** 53 }],
    ['no changes', { ...push, changes: undefined }],
    ['a vClock without lists', { ...push, vClock: { [site]: 5 } }],
    ['a vClock with an empty range', { ...push, vClock: { [site]: [[1, 1]] } }],
    ['a vClock of something else', { ...push, vClock: { me: [[0, 1]] } }],
    ['inOrder as text', { ...push, inOrder: 'yes' }],
    ['an answer without epoch', { ...answer, epoch: undefined }],
    ['an answer without claims', { ...answer, vClock: undefined }],
    ['an answer without the span of a site', { ...answer, spans: {} }],
    ['an answer whose cursor is not its end', { ...answer, cursor: `${epoch}.8` }],
    ['an answer of another era', { ...answer, cursor: `${site}.7` }],
    ['an answer without cursor', { ...answer, cursor: null }],
    ['an answer with a strange since', { ...answer, since: 'yesterday' }],
    ['an answer with more as number', { ...answer, more: 1 }],
  ])('%s is BAD_REQUEST', (_what, json) => {
    expect(() => changesBodyFromJson(json, limits)).toThrow(coded('BAD_REQUEST'));
  });

  test('text that is no JSON is BAD_REQUEST', () => {
    expect(() => jsonOf('{')).toThrow(coded('BAD_REQUEST'));
  });

  test('a change of another site than the body is FORBIDDEN', () => {
    const changes = [change, { ...change, siteId: 'ee'.repeat(16) }];
    expect(() => changesBodyFromJson({ ...push, changes }, limits)).toThrow(coded('FORBIDDEN'));
  });

  test('more changes than a body may have are TOO_LARGE', () => {
    const small = { ...limits, partChangesMax: 1 };
    expect(() => changesBodyFromJson({ ...push, changes: [change, change] }, small)).toThrow(coded('TOO_LARGE'));
  });

  test('every invalid change is named with its index, code and message', () => {
    const invalid = [
      5,
      { ...change, siteId: 'x' },
      { ...change, table: undefined },
      { ...change, table: 'a b' },
      { ...change, table: 'sqlite_master' },
      { ...change, cid: 7 },
      { ...change, cid: '-2' },
      { ...change, pk: 'AA' },
      { ...change, pk: 'AA==' },
      { ...change, val: undefined },
      { ...change, val: true },
      { ...change, val: 2 ** 53 },
      { ...change, colVersion: '1' },
      { ...change, colVersion: -1 },
      { ...change, colVersion: 1.5 },
      { ...change, cl: 0 },
      { ...change, cl: 2 },
      { ...change, seq: -1 },
      { ...change, cid: '-1' },
      { ...change, cid: '-1', val: null, cl: 3 },
      { ...change, val: 'x'.repeat(limits.valueBytesMax + 1) },
    ];
    const error = caught(() => changesBodyFromJson({ ...push, changes: [change, ...invalid, change] }, limits));
    expect(error.code).toBe('CHANGE_INVALID');
    expect(error.details['rejected']).toEqual(
      invalid.map((_, i) => ({ index: i + 1, code: 'CHANGE_INVALID', message: expect.any(String) })),
    );
  });
});

describe('since', () => {
  test.each([null, '', '0'])('%j is the start', (text) => {
    expect(sinceFromText(text, limits)).toEqual({ kind: 'cursor', cursor: undefined });
  });

  test('is a cursor, or what the caller holds', () => {
    const cursor = { nonce: epoch, at: 7 as StoreVersion };
    const have = new Map([[site, [[0, 5] as const, [7, 9] as const]]]);
    for (const since of [
      { kind: 'cursor' as const, cursor },
      { kind: 'have' as const, have },
    ]) {
      expect(sinceFromText(sinceToText(since), limits)).toEqual(since);
    }
    expect(sinceFromText('{}', limits)).toEqual({ kind: 'have', have: new Map() });
  });

  test.each(['yesterday', '-1', '5', '{', '{"a": 1}', `{"${site}": [[5, 0]]}`, `${epoch}.-1`])(
    '%s is BAD_REQUEST',
    (text) => {
      expect(() => sinceFromText(text, limits)).toThrow(coded('BAD_REQUEST'));
    },
  );
});

function caught(run: () => unknown): ReplicationError {
  try {
    run();
  } catch (error) {
    if (error instanceof ReplicationError) return error;
  }
  throw new ReplicationError('INVARIANT', 'nothing was thrown');
}
