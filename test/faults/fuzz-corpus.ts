/** Good inputs of every decoder, to be damaged: made from a constant seed. */
import fc from 'fast-check';
import type { SiteId } from '../../src/core/site-id.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { Real } from '../../src/core/sql-value.ts';
import { batchFromFrames } from '../../src/transport/frame-batch.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { sseEventText } from '../../src/transport/sse.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Codec } from '../../src/wire/codec-port.ts';
import { changesAnswerToJson, pushBodyToJson } from '../../src/wire/json-bodies.ts';
import { anyChangesBody, anyMessage } from '../wire/messages.arbitrary.ts';
import { FIRST_SCHEMA, SECOND_SCHEMA } from '../simulation/schema-texts.ts';

export interface Corpus {
  readonly codec: Codec;
  readonly frames: readonly Uint8Array[];
  readonly bodies: readonly Uint8Array[];
  readonly json: readonly unknown[];
  readonly keys: readonly Uint8Array[];
  readonly schemas: readonly string[];
  readonly sinces: readonly string[];
  readonly names: readonly string[];
  readonly headers: readonly string[];
  readonly events: readonly string[];
  readonly batches: readonly Uint8Array[];
}

const SEED = 20_250_101;

export function createCorpus(): Corpus {
  const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
  const plain = createCodec({ limits: DEFAULT_LIMITS });
  const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] => fc.sample(arbitrary, { seed: SEED, numRuns });
  const messages = sample(anyMessage(codec), 400);
  const frames = [
    ...messages.map((message) => codec.encode(message)),
    ...sample(anyMessage(plain), 200).map((message) => plain.encode(message)),
    ...messages.map((message) => codec.forLink().encode(message)),
  ];
  const bodies = sample(anyChangesBody, 300);
  return {
    codec,
    frames,
    bodies: bodies.map((body) => codec.encodeBody(body)),
    json: bodies.map((body) => (body.form === 'push' ? pushBodyToJson(body) : changesAnswerToJson(body))),
    keys: KEYS.map((values) => encodePackedKey(values)),
    schemas: SCHEMAS,
    sinces: [
      `${'ab'.repeat(16)}.17`,
      '0',
      '',
      JSON.stringify({
        ['0a'.repeat(16) as SiteId]: [
          [0, 5],
          [7, 9],
        ],
      }),
    ],
    names: ['todo', 'a.b-c_D', 'x'.repeat(64), '9'],
    headers: ['crmesh.v1', 'crmesh.v1, token.c2VjcmV0', 'token.8J-YgA,crmesh.v1', ' , crmesh.v1'],
    events: [
      frames
        .slice(0, 5)
        .map((frame) => sseEventText({ data: Buffer.from(frame).toString('base64') }))
        .join(''),
      sseEventText({ event: 'close', id: `${'ab'.repeat(16)}.1`, data: '{"code":1000}\nsecond line' }),
    ],
    batches: [batchFromFrames(frames.slice(0, 4)), batchFromFrames([])],
  };
}

const KEYS: readonly (readonly SqlValue[])[] = [
  [1],
  [-1],
  [300],
  [2 ** 40],
  [2n ** 62n],
  [''],
  ['a text that is a little longer than the others'],
  [new Real(5)],
  [0.25],
  [Uint8Array.of(1, 2, 3)],
  [new Uint8Array(300)],
  [1, 'two', Uint8Array.of(3), 4.5],
];

const SCHEMAS: readonly string[] = [
  FIRST_SCHEMA,
  SECOND_SCHEMA,
  `CREATE TABLE IF NOT EXISTS "pair" (a TEXT, [b] INT NOT NULL DEFAULT (1 + 2), \`note\` BLOB, PRIMARY KEY (b, a)) STRICT;
   CREATE INDEX pair_note ON pair (note COLLATE NOCASE, a DESC) WHERE note IS NOT NULL;
   SELECT crsql_as_crr('pair'); SELECT crsql_fract_as_ordered('pair', 'a');`,
  `-- local\nCREATE TABLE draft (id INTEGER PRIMARY KEY AUTOINCREMENT, t UNIQUE, CHECK (t <> ''), FOREIGN KEY (t) REFERENCES x (y));
   /* a comment */ CREATE TABLE b ( -- renamed from a
     id TEXT PRIMARY KEY, -- renamed from old_id
     g AS (id || 'x') STORED, d TEXT DEFAULT 'it''s', r REAL DEFAULT -1e5, x DEFAULT X'00ff') WITHOUT ROWID;`,
];
