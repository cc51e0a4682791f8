/**
 * Fuzzing of every decoder: a damaged input ends in a value or a coded error of that decoder, soon and in little
 * memory, and what is taken means the same when it is sent on.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../../src/core/errors.ts';
import { isReplicationError } from '../../src/core/errors.ts';
import { cursorFromText, cursorToText } from '../../src/core/cursor.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { decodePackedKey, encodePackedKey, packedKeyFault } from '../../src/core/packed-key.ts';
import { parseSchema, schemaShapeFromText } from '../../src/core/schema-parser.ts';
import { shapeHash } from '../../src/core/schema-shape.ts';
import { bytesEqual } from '../../src/core/sql-value.ts';
import { isDatabaseName } from '../../src/relay/database-name.ts';
import { objectFromBody } from '../../src/relay/request-body.ts';
import { routeTable } from '../../src/relay/routes.ts';
import { framesFromBatch } from '../../src/transport/frame-batch.ts';
import { SseParser } from '../../src/transport/sse.ts';
import { subprotocolsOfHeader, tokenOfSubprotocols } from '../../src/transport/subprotocol.ts';
import { changesBodyFromJson, sinceFromText, sinceToText } from '../../src/wire/json-bodies.ts';
import { Random } from '../simulation/random.ts';
import type { Corpus } from './fuzz-corpus.ts';
import { createCorpus } from './fuzz-corpus.ts';
import { DOOR_TARGETS } from './fuzz-doors.ts';
import type { WeightedTarget } from './fuzz-target.ts';
import { NO_CODES } from './fuzz-target.ts';
import { mutated, mutatedJson, mutatedText } from './mutation.ts';
import type { Suite } from './suite.ts';
import { addCounts, expectThat } from './suite.ts';

/** Inputs of one case. */
const BATCH = 1_000;
/** An input that takes longer hangs. */
const INPUT_MS_MAX = 5_000;

export const fuzz: Suite = {
  name: 'fuzz',
  about: `damaged inputs into every decoder, ${BATCH} a case`,
  full: 1_000,
  prepare: async () => {
    const corpus = createCorpus();
    return { runCase: (seed) => runBatch(corpus, seed), close: () => undefined };
  },
};

const limits = DEFAULT_LIMITS;
const WIRE_CODES: readonly ErrorCode[] = ['FRAME_MALFORMED', 'WIRE_VERSION', 'TOO_LARGE', 'CHANGE_INVALID'];
const JSON_CODES: readonly ErrorCode[] = ['BAD_REQUEST', 'CHANGE_INVALID', 'TOO_LARGE', 'FORBIDDEN'];

const TARGETS: readonly WeightedTarget[] = [
  [30, { name: 'frames', codes: WIRE_CODES, target: frame }],
  [15, { name: 'binary bodies', codes: WIRE_CODES, target: binaryBody }],
  [15, { name: 'JSON bodies', codes: JSON_CODES, target: jsonBody }],
  [10, { name: 'packed keys', codes: ['CHANGE_INVALID', 'FRAME_MALFORMED'], target: packedKey }],
  [10, { name: 'schema texts', codes: ['SCHEMA_REFUSED', 'TOO_LARGE'], target: schemaText }],
  [5, { name: 'cursors', codes: ['BAD_REQUEST'], target: since }],
  [3, { name: 'names', codes: ['BAD_REQUEST'], target: databaseName }],
  [3, { name: 'subprotocols', codes: NO_CODES, target: subprotocol }],
  [5, { name: 'events', codes: NO_CODES, target: events }],
  [4, { name: 'batches', codes: ['FRAME_MALFORMED', 'TOO_LARGE'], target: batch }],
  ...DOOR_TARGETS,
];

function runBatch(corpus: Corpus, seed: number): Record<string, number> {
  const random = new Random(seed, 'fuzz');
  const counts: Record<string, number> = { inputs: 0, taken: 0, refused: 0 };
  for (let i = 0; i < BATCH; i++) {
    const { name, codes, target } = random.weighted(TARGETS);
    const run = target(random, corpus);
    const startedAt = performance.now();
    const outcome = outcomeOf(run, codes, `${name}, input ${i}`);
    const ms = performance.now() - startedAt;
    expectThat(ms < INPUT_MS_MAX, () => `${name}, input ${i}: took ${Math.round(ms)} ms`);
    addCounts(counts, { inputs: 1, [outcome]: 1, [name]: 1, 'ms of one input, Max': Math.round(ms) });
  }
  return counts;
}

function outcomeOf(run: () => void, codes: readonly ErrorCode[], what: string): 'taken' | 'refused' {
  try {
    run();
    return 'taken';
  } catch (error) {
    if (isReplicationError(error) && codes.includes(error.code)) return 'refused';
    throw new Error(`${what} ends in ${isReplicationError(error) ? error.code : 'no coded error'}`, { cause: error });
  }
}

function frame(random: Random, { codec, frames }: Corpus): () => void {
  const bytes = mutated(random, random.pick(frames), random.pick(frames));
  const perLink = random.chance(0.5);
  return () => {
    const message = (perLink ? codec.forLink() : codec).decode(bytes);
    const again = codec.decode(codec.encode(message));
    expectThat(isDeepStrictEqual(again, message), () => `a ${message.type} changes when it is sent on`);
  };
}

function binaryBody(random: Random, { codec, bodies }: Corpus): () => void {
  const bytes = mutated(random, random.pick(bodies), random.pick(bodies));
  return () => {
    const body = codec.decodeBody(bytes);
    expectThat(isDeepStrictEqual(codec.decodeBody(codec.encodeBody(body)), body), () => 'a body changes on its way');
  };
}

function jsonBody(random: Random, { json }: Corpus): () => void {
  const value = random.pick(json);
  const depth = random.pick([50, 5_000, 100_000]);
  const text = random.chance(0.02)
    ? JSON.stringify(value).replace('"changes":', `"changes":${'['.repeat(depth)}${']'.repeat(depth)},"x":`)
    : random.chance(0.6)
      ? JSON.stringify(mutatedJson(random, value))
      : mutatedText(random, JSON.stringify(value), JSON.stringify(random.pick(json)));
  const bytes = new TextEncoder().encode(text);
  return () => void changesBodyFromJson(objectFromBody(bytes), limits);
}

function packedKey(random: Random, { keys }: Corpus): () => void {
  const bytes = mutated(random, random.pick(keys), random.pick(keys));
  return () => {
    const fault = packedKeyFault(bytes, limits);
    const values = decodePackedKey(bytes, limits);
    expectThat(fault === undefined, () => `decoded although ${fault}`);
    expectThat(bytesEqual(encodePackedKey(values), bytes), () => 'one key in two forms');
  };
}

function schemaText(random: Random, { schemas }: Corpus): () => void {
  const text = mutatedText(random, random.pick(schemas), random.pick(schemas));
  return () => {
    const { refused } = parseSchema(text, limits);
    const shape = schemaShapeFromText(text, limits);
    expectThat(refused.length === 0, () => 'taken although refused');
    shapeHash(shape);
  };
}

function since(random: Random, { sinces }: Corpus): () => void {
  const text = mutatedText(random, random.pick(sinces), random.pick(sinces));
  return () => {
    const parsed = sinceFromText(text, limits);
    expectThat(isDeepStrictEqual(sinceFromText(sinceToText(parsed), limits), parsed), () => 'since changes');
    if (parsed.kind === 'cursor' && parsed.cursor !== undefined) {
      expectThat(cursorToText(cursorFromText(text)) === text, () => 'one cursor in two forms');
    }
  };
}

function databaseName(random: Random, { names }: Corpus): () => void {
  const name = mutatedText(random, random.pick(names), random.pick(names));
  return () => {
    const isName = isDatabaseName(name);
    expectThat(!isName || /^[\w.-]{1,64}$/.test(name), () => `${JSON.stringify(name)} is taken for a name`);
    routeTable().match(`/${name}/changes`);
  };
}

function subprotocol(random: Random, { headers }: Corpus): () => void {
  const header = mutatedText(random, random.pick(headers), random.pick(headers));
  return () => void tokenOfSubprotocols(subprotocolsOfHeader(header));
}

function events(random: Random, corpus: Corpus): () => void {
  const text = mutatedText(random, random.pick(corpus.events), random.pick(corpus.events));
  const parser = new SseParser(random.pick([10, 1_000, 1 << 20]));
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const size = random.pick([1, 7, 100, text.length]);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return () => {
    for (const piece of pieces) if (parser.push(piece) === undefined) return;
  };
}

function batch(random: Random, { batches }: Corpus): () => void {
  const bytes = mutated(random, random.pick(batches), random.pick(batches));
  return () => void framesFromBatch(bytes, limits);
}
