/** Bodies of very many changes: kept as columns, the changes are the same wherever one looks, and as well checked. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { ChangeRows, PartBody } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { ColumnRows } from '../../src/wire/column-rows.ts';
import { anyBody } from './messages.arbitrary.ts';

const site = 'ab'.repeat(16) as SiteId;
const codec = createCodec({ limits: { ...DEFAULT_LIMITS, groupChangesMax: 0 } });
const change: Change = { table: 't', pk: encodePackedKey([1]), cid: 'a', val: 'x', colVersion: 1, cl: 1, seq: 0 };

function decoded(body: PartBody): ChangeRows {
  const message = codec.decode(codec.encode({ type: 'part', blob: codec.blobOf(body), claims: [] }));
  return message.type === 'part' ? message.blob.body.rows : [];
}

describe('rows that are kept as columns', () => {
  test('are the changes that were sent, in any order of looking', () => {
    const places = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 40 })), { maxLength: 8 });
    fc.assert(
      fc.property(anyBody, places, ({ rows, ...body }, slices) => {
        const columns = decoded({ ...body, rows });
        if (rows.length > 0) expect(columns).toBeInstanceOf(ColumnRows);
        expect(columns.length).toBe(rows.length);
        for (const [start, end] of slices) {
          // A slice that is empty moves nothing either.
          expect(columns.slice(start, Math.max(start, end))).toEqual(rows.slice(start, Math.max(start, end)));
        }
        expect([...columns]).toEqual(rows);
        expect(columns.slice()).toEqual(rows);
      }),
      { numRuns: 300 },
    );
  });

  test('may be looked at piece by piece, each twice, across several tables and rows in pieces', () => {
    const rows = Array.from({ length: 5_000 }, (_, i): Change => {
      const row = Math.floor(i / 3);
      return { ...change, table: row % 5 === 0 ? 'u' : 't', pk: encodePackedKey([row]), cid: 'abc'[i % 3]!, seq: i };
    });
    const columns = decoded({ site, span: [0, 9], rows });
    for (let start = 0; start < rows.length; start += 700) {
      expect(columns.slice(start, start + 700)).toEqual(rows.slice(start, start + 700));
      expect(columns.slice(start, start + 700)).toEqual(rows.slice(start, start + 700));
    }
    expect([...columns]).toEqual(rows);
  });

  test('are refused with their message, however far behind the fault lies', () => {
    const invalid = expect.objectContaining({ code: 'CHANGE_INVALID' });
    const sentinel: Change = { ...change, cid: '-1', val: null };
    const rows = Array.from({ length: 3_000 }, (_, i) => ({ ...sentinel, pk: encodePackedKey([i]), seq: i }));
    expect(decoded({ site, span: [0, 9], rows }).length).toBe(3_000);
    const last = rows.length - 1;
    for (const fault of [{ colVersion: 3 }, { pk: new Uint8Array(1) }, { version: 10 }]) {
      const faulty = rows.map((row, i) => (i === last ? { ...row, ...fault } : row));
      expect(() => decoded({ site, span: [0, 9], rows: faulty })).toThrow(invalid);
    }
  });

  test('are texts of any characters, each cut where it was sent', () => {
    const texts = ['é', '', 'a', '😀b', '\uFEFF', '中'];
    const rows = Array.from({ length: 60 }, (_, i): Change => {
      return { ...change, pk: encodePackedKey([i]), val: i % 7 === 0 ? null : `${texts[i % 6]}${i % 5}`, seq: i };
    });
    expect([...decoded({ site, span: [0, 9], rows })]).toEqual(rows);
  });

  test('are refused with a text that is cut inside of a character', () => {
    const rows = ['é', 'a'].map((val, i): Change => ({ ...change, pk: encodePackedKey([i]), val, seq: i }));
    const bytes = codec.encode({ type: 'part', blob: codec.blobOf({ site, span: [0, 9], rows }), claims: [] });
    const lengths = bytes.findIndex((byte, i) => byte === 2 && bytes[i + 1] === 1 && bytes[i + 2] === 0xc3);
    bytes.set([1, 2], lengths);
    expect(() => codec.decode(bytes)).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
  });

  test('say about how much they hold, texts that they repeat counted once', () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => ({ ...change, pk: encodePackedKey([i]), seq: i }));
    const short = decoded({ site, span: [0, 9], rows }).heldBytes!;
    const long = decoded({
      site,
      span: [0, 9],
      rows: rows.map((row) => ({ ...row, val: 'y'.repeat(2_001) })),
    }).heldBytes!;
    const each = rows.map((row, i) => ({ ...row, val: String(i).padStart(2_001) }));
    expect(long - short).toBeLessThan(2_010);
    expect(decoded({ site, span: [0, 9], rows: each }).heldBytes! - short).toBeGreaterThan(1_999_000);
    expect(short).toBeLessThan(100 * rows.length);
  });

  test('say so of keys too, which take less in a body than they unfold to', () => {
    const rows = Array.from({ length: 1_000 }, (_, i): Change => {
      const key = new Uint8Array(200);
      new DataView(key.buffer).setUint16(198, i);
      return { ...change, pk: encodePackedKey([key]), seq: i };
    });
    const body = { site, span: [0, 9], rows } as const;
    expect(codec.blobOf(body).bytes.length).toBeLessThan(10 * rows.length);
    expect(decoded(body).heldBytes).toBeGreaterThan(200 * rows.length);
  });

  test('say so of numbers too, all equal in the body and one each here', () => {
    const rows = Array.from({ length: 1_000 }, (_, i): Change => {
      return { ...change, pk: encodePackedKey([i]), val: 7, seq: 2 * i, colVersion: 3 };
    });
    const held = decoded({ site, span: [0, 9], rows }).heldBytes!;
    const spread = rows.map((row, i) => ({ ...row, val: i % 9 === 0 ? null : 7, version: i % 2 === 0 ? 5 : 6 }));
    expect(held).toBeGreaterThan(16 * rows.length);
    expect(decoded({ site, span: [0, 9], rows: spread }).heldBytes! - held).toBeGreaterThan(10 * rows.length);
  });
});
