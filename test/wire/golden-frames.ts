/** The messages behind test/fixtures/wire, and their meaning as JSON for readers of other languages. */
import { emptyAcknowledgement } from '../../src/core/acknowledgement.ts';
import type { Change } from '../../src/core/change.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { PartBody } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { hexFromBytes } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import type { ChangesBody } from '../../src/wire/bodies.ts';
import type { LinkCodec } from '../../src/wire/codec-port.ts';
import { changeToJson } from '../../src/wire/json-change.ts';
import type { Message } from '../../src/wire/message.ts';

const a = '0a'.repeat(16) as SiteId;
const b = '0b'.repeat(16) as SiteId;
const era = 'e0'.repeat(16) as EraNonce;
const at = (version: number): StoreVersion => version as StoreVersion;

const cell = (key: SqlValue[], cid: string, val: SqlValue, rest: Partial<Change> = {}): Change => {
  return { table: 'todo', pk: encodePackedKey(key), cid, val, colVersion: 1, cl: 1, seq: 0, ...rest };
};

const oneChange: PartBody = { site: a, span: [4, 5], rows: [cell(['k'], 'title', 'milk', { version: 5 })] };

const everyType: PartBody = {
  site: a,
  span: [0, 3],
  seen: new Map([[b, [[0, 2]]]]),
  rows: [
    cell([1], 'v', null),
    cell([2], 'v', 5, { seq: 1 }),
    cell([3], 'v', real(5), { seq: 2 }),
    cell([4], 'v', 0.1, { seq: 3 }),
    cell([5], 'v', real(-0), { seq: 4 }),
    cell([6], 'v', Infinity, { seq: 5 }),
    cell([7], 'v', 9007199254740993n, { seq: 6 }),
    cell([8], 'v', 'na\u00efve \u{1f600}', { seq: 7 }),
    cell([9], 'v', Uint8Array.of(0, 255), { seq: 8 }),
    cell([-1, 'x'], '-1', null, { seq: 9, colVersion: 2, cl: 2 }),
  ],
};

const bulk: PartBody = {
  site: b,
  span: [0, 20],
  rows: Array.from({ length: 20 }, (_, i) => [
    cell([i + 1], 'name', `name ${i}`, { seq: 0, version: i + 1 }),
    cell([i + 1], 'country', i % 2 === 0 ? 'FR' : 'DE', { seq: 1, version: i + 1 }),
    cell([i + 1], 'lat', 40.5 + i / 8, { seq: 2, version: i + 1 }),
    cell([i + 1], 'note', i % 3 === 0 ? 'x' : null, { seq: 3, version: i + 1, colVersion: i + 1 }),
  ]).flat(),
};

const greeting = {
  wire: 1,
  session: '5e'.repeat(16),
  dbid: 'todo',
  site: a,
  formerSites: [b],
  era,
  schemaHash: '11'.repeat(16),
  shape: { todo: ['id', 'title'] },
  mode: 'leaf' as const,
  mesh: a,
  cursor: { nonce: era, at: at(7) },
  digest: new Map([[10, 12345]]),
  capabilities: [],
  credit: 65536,
};

/** File name -> message. */
export function goldenMessages(codec: LinkCodec): Readonly<Record<string, Message>> {
  const position = { era, from: at(6), to: at(7), n: 3 };
  const blobs = [oneChange, bulk].map((body) => codec.blobOf(body));
  return {
    hello: { type: 'hello', ...greeting, schemaText: 'CREATE TABLE todo (id PRIMARY KEY, title)' },
    welcome: { type: 'welcome', ...greeting, acks: new Map([[a, { ...emptyAcknowledgement, held: [[0, 5]] }]]) },
    base: { type: 'base', era, at: at(300) },
    'window-one-change': { type: 'window', ...position, parts: [blobs[0]!], claims: new Map([[a, [[4, 5]]]]) },
    'window-two-parts': {
      type: 'window',
      ...position,
      parts: blobs,
      claims: new Map([
        [
          b,
          [
            [0, 3],
            [5, 20],
          ],
        ],
      ]),
    },
    mark: { type: 'mark', ...position },
    beat: { type: 'beat', era, at: at(7), n: 4, live: true, sentBytes: 1000, grantedBytes: 65536, ask: 1 },
    pull: { type: 'pull', cursor: { nonce: era, at: at(7) } },
    'pull-from-start': { type: 'pull' },
    pullall: { type: 'pullall' },
    'part-every-type': { type: 'part', blob: codec.blobOf(everyType), claims: [[0, 2]] },
    'part-bulk': { type: 'part', blob: blobs[1]!, claims: [[0, 20]] },
    ack: { type: 'ack', site: a, ack: { held: [[0, 5]], parked: [[6, 7]], refused: [[8, 9]] } },
    nack: { type: 'nack', site: a, ranges: [[8, 9]], kind: 'reject', code: 'CHANGE_REJECTED', message: 'no' },
    coverage: {
      type: 'coverage',
      coverage: new Map([
        [
          a,
          [
            [0, 5],
            [7, 9],
          ],
        ],
      ]),
    },
    want: { type: 'want', site: b, ranges: [[5, 7]] },
    credit: { type: 'credit', grantedBytes: 4194304 },
    chunk: { type: 'chunk', transfer: 1, i: 0, n: 2, bytes: Uint8Array.of(1, 2, 3) },
    image: { type: 'image', era, at: at(300), bytes: 4708630, hash: '5a'.repeat(32) },
    ephemeral: { type: 'ephemeral', bytes: Uint8Array.of(4, 5) },
    error: { type: 'error', code: 'GAP', message: 'missing', details: { missing: { [a]: [[0, 5]] } } },
    bye: { type: 'bye', code: 'CLOSED', retryAfterMs: 1000 },
  };
}

export const goldenBodies: Readonly<Record<string, ChangesBody>> = {
  'body-push': { form: 'push', ...oneChange, inOrder: true },
  'body-store-order': {
    form: 'store-order',
    site: b,
    epoch: era,
    since: { nonce: era, at: at(2) },
    from: at(2),
    to: at(9),
    cursor: { nonce: era, at: at(9) },
    parts: [oneChange],
    claims: new Map([[a, [[0, 5]]]]),
    more: false,
  },
  'body-want': {
    form: 'want',
    site: b,
    epoch: era,
    since: new Map([[a, [[0, 4]]]]),
    parts: [oneChange],
    claims: new Map([[a, [[4, 5]]]]),
    more: true,
  },
};

/** A value as plain JSON: maps as objects, bytes in hex, changes as in HTTP bodies (with their version). */
export function meaningOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: hexFromBytes(value) };
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, meaningOf(one)]));
  if (Array.isArray(value)) return value.map(meaningOf);
  if (typeof value !== 'object' || value === null) return value;
  if ('body' in value && 'bytes' in value) return meaningOf(value.body);
  if ('rows' in value && 'site' in value) return bodyMeaning(value as PartBody);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, meaningOf(one)]));
}

function bodyMeaning({ rows, ...rest }: PartBody): unknown {
  const changes = rows.map((row) => ({
    ...changeToJson(row, rest.site),
    ...(row.version === undefined ? {} : { version: row.version }),
  }));
  return { ...(meaningOf(rest) as object), rows: changes };
}
