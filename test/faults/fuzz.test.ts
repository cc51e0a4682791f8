/** A share of the fuzzing, and what was found by it. */
import { describe, expect, test } from 'vitest';
import { ChunkAssembler } from '../../src/wire/chunks.ts';
import { fuzz } from './fuzz.ts';
import { expectNoFailure, freshSeed } from './share.ts';

describe('damaged inputs', () => {
  test('end in a value or a coded error of their decoder', async () => {
    await expectNoFailure(fuzz, { from: freshSeed(), count: 15, seconds: 10 });
  });

  test('in many small chunks keep no more than their bytes', () => {
    const chunks = new ChunkAssembler(1 << 20);
    const bytes = new Uint8Array(1 << 16).fill(7).subarray(100, 101);
    const heldBytes = (): number => process.memoryUsage().arrayBuffers;
    const before = heldBytes();
    let whole: Uint8Array | undefined;
    for (let i = 0; i < 30_000; i++)
      whole = chunks.add({ type: 'chunk', transfer: 1, i, n: 30_000, bytes: bytes.slice() });
    expect(whole).toEqual(new Uint8Array(30_000).fill(7));
    expect(heldBytes() - before).toBeLessThan(8 << 20);
  });

  test('in chunks beyond the size of a message are refused, and the next message is taken', () => {
    const chunks = new ChunkAssembler(10);
    const add = (i: number, n: number, length: number) =>
      chunks.add({ type: 'chunk', transfer: 1, i, n, bytes: new Uint8Array(length) });
    expect(add(0, 3, 8)).toBeUndefined();
    expect(() => add(1, 3, 3)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
    expect(() => add(3, 3, 1)).toThrow(expect.objectContaining({ code: 'FRAME_MALFORMED' }));
    expect([add(0, 2, 5), add(1, 2, 5)?.length, add(1, 2, 5)]).toEqual([undefined, 10, undefined]);
  });
});
