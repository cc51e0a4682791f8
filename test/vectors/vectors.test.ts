/**
 * The test vectors of rust-port-notes: the checked-in files are what `npm run vectors` writes, this code reads them to
 * their meaning, and so does a second implementation in another language where that is present.
 */
import type { SpawnSyncReturns } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { bytesFromHex, hexFromBytes } from '../../src/core/site-id.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { ChunkAssembler } from '../../src/wire/chunks.ts';
import { TRANSITIONS } from '../../src/session/step.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { root } from '../house/house.ts';
import { meaningOf } from '../wire/golden-frames.ts';
import type { FrameVectors } from './frame-vectors.ts';
import { vectorMessages } from './frame-vectors.ts';
import type { MergeVector } from './merge-vectors.ts';
import { stateAfter } from './merge-vectors.ts';
import { mergeScenarios } from './merge-scenarios.ts';
import type { SessionVectors } from './session-vectors.ts';
import { replayed } from './session-vectors.ts';
import { vectorFiles } from './vector-files.ts';
import type { WriteVector } from './write-vectors.ts';
import { partOfWrites } from './write-vectors.ts';

const BYTES_MAX = 400_000;

const files = vectorFiles();
const checkedIn = Object.fromEntries(
  Object.keys(files).map((name) => [name, readFileSync(join(root, 'rust-port-notes', 'vectors', name), 'utf8')]),
);
const frames = JSON.parse(checkedIn['frames.json']!) as FrameVectors;
const merges = JSON.parse(checkedIn['merges.json']!) as { readonly worlds: readonly MergeVector[] };
const sessions = JSON.parse(checkedIn['sessions.json']!) as SessionVectors;
const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

describe('the files', () => {
  test.each(Object.keys(files))('%s is what npm run vectors writes', (name) => {
    expect(checkedIn[name] === files[name], `run npm run vectors and look at the difference of ${name}`).toBe(true);
  });

  test('stay small', () => {
    const bytes = Object.values(checkedIn).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(bytes).toBeLessThan(BYTES_MAX);
  });
});

describe('frames', () => {
  test.each(frames.messages)('$name is read to its meaning, and written again', ({ hex, meaning }) => {
    const message = codec.decode(bytesFromHex(hex));
    expect(asJson(meaningOf(message))).toEqual(meaning);
    expect(hexFromBytes(codec.encode(message))).toBe(hex);
  });

  test.each(frames.bodies)('$name is read to its meaning', ({ hex, meaning }) => {
    expect(asJson(meaningOf(codec.decodeBody(bytesFromHex(hex))))).toEqual(meaning);
  });

  test.each(frames.links)('$name', (link) => {
    const [reader, writer] = [codec.forLink(), codec.forLink()];
    for (const { hex, meaning } of link.frames) {
      const message = reader.decode(bytesFromHex(hex));
      expect(asJson(meaningOf(message))).toEqual(meaning);
      expect(hexFromBytes(writer.encode(message))).toBe(hex);
    }
  });

  test.each(frames.chunked)('$message is put together from its chunks', ({ message, frames: chunks }) => {
    const assembler = new ChunkAssembler(DEFAULT_LIMITS.messageBytesMax);
    const wholes = chunks.map((hex) => {
      const chunk = codec.decode(bytesFromHex(hex));
      return chunk.type === 'chunk' ? assembler.add(chunk) : undefined;
    });
    expect(hexFromBytes(wholes.at(-1)!)).toBe(frames.messages.find(({ name }) => name === message)!.hex);
  });

  test.each(frames.tolerated)('$name is read', ({ hex, meaning }) => {
    const message = codec.decode(bytesFromHex(hex));
    expect(asJson(meaningOf(message))).toEqual(meaning);
    expect(asJson(meaningOf(codec.decode(codec.encode(message))))).toEqual(meaning);
  });

  test.each(frames.refused)('$name: refused with $code', ({ hex, code }) => {
    expect(() => codec.decode(bytesFromHex(hex))).toThrow(expect.objectContaining({ code }));
  });

  test.each(frames.refusedBodies)('$name: refused with $code', ({ hex, code }) => {
    expect(() => codec.decodeBody(bytesFromHex(hex))).toThrow(expect.objectContaining({ code }));
  });
});

describe('merges', () => {
  const worlds = merges.worlds.filter(({ anyOrder }) => anyOrder);
  test.each(worlds)('$name: the other way round, and twice, the end is the same', ({ name, expected }) => {
    const { schema, steps } = mergeScenarios.find((scenario) => scenario.name === name)!;
    const parts = steps.flatMap((step) => ('part' in step ? [step.part] : []));
    for (const order of [parts.toReversed(), [...parts.slice(1), ...parts.slice(0, 1), ...parts]]) {
      expect(asJson(stateAfter(schema, order))).toEqual(expected);
    }
  });
});

describe('writes', () => {
  const { writes } = JSON.parse(checkedIn['writes.json']!) as { readonly writes: readonly WriteVector[] };

  test.each(writes)('$name: who merges the parts has the rows of the writer', ({ schema, flushes, expected }) => {
    const parts = flushes.flatMap(({ part }) => (part === undefined ? [] : [partOfWrites(part)]));
    expect(asJson((stateAfter(schema, parts) as { readonly tables: unknown }).tables)).toEqual(expected);
  });
});

describe('sessions', () => {
  test('between them have every event, and every message both ways', () => {
    const steps = [...sessions.openings, ...sessions.scripts].flatMap((script) => script.steps);
    const events = steps.map(({ event }) => event as { type: string; message?: { type: string } });
    const effects = steps.flatMap((one) => one.effects as { type: string; message?: { type: string } }[]);
    const messages = Object.values(vectorMessages()).map(({ message }) => message.type);
    const sent = new Set(effects.map(({ message }) => message?.type));
    const received = new Set(events.map(({ message }) => message?.type));
    expect(Object.keys(TRANSITIONS.open).filter((type) => !events.some((event) => event.type === type))).toEqual([]);
    expect(messages.filter((type) => !received.has(type))).toEqual([]);
    expect(messages.filter((type) => !sent.has(type) && type !== 'chunk')).toEqual([]);
  });

  test.each(sessions.scripts)('$name', (script) => {
    const opening = sessions.openings.find(({ name }) => name === script.opening)!;
    expect(asJson(replayed(opening, script))).toEqual([...opening.steps, ...script.steps]);
  });
});

const PYTHON = 'python3';
const WRITES_NOTHING = { PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8' };

function python(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(PYTHON, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...WRITES_NOTHING } });
}

describe('a second implementation', () => {
  const isPresent = python('-c', 'import sys; sys.exit(sys.version_info < (3, 9))').status === 0;

  test(
    isPresent
      ? 'reads every frame, merges every change set and plays every session alike'
      : 'did not run: no Python 3.9',
    () => {
      if (!isPresent) {
        console.warn('\n*** PYTHON 3.9 IS ABSENT: the vectors were not read by a second implementation.\n');
        return;
      }
      const { status, stdout, stderr } = python('rust-port-notes/decoder/verify.py');
      expect({ status, said: `${stdout}${stderr}`.replaceAll(/\d+ checks/g, 'n checks') }).toEqual({
        status: 0,
        said: ['frames', 'merges', 'writes', 'sessions'].map((name) => `${name}.json: n checks, 0 faults\n`).join(''),
      });
    },
  );
});
