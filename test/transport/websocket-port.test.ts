/** What a server's socket writes itself reads like what the package of the other end expects. */
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { nodeWebSocketPair } from './pairs.ts';

/** Around every length that changes the header, or who writes it. */
const LENGTHS = [0, 1, 125, 126, 127, 255, 256, 4_095, 4_096, 4_097, 65_535, 65_536];

test('frames of any length arrive whole and in order, also behind some that wait', async () => {
  const pair = await nodeWebSocketPair(DEFAULT_LIMITS);
  const arrived: Uint8Array[] = [];
  // Twice in one go: behind the first that the connection does not take at once, all wait.
  const frames = [...LENGTHS, ...Array.from({ length: 40 }, () => DEFAULT_LIMITS.frameBytesMax), ...LENGTHS].map(
    (length, i) => new Uint8Array(length).fill(i),
  );
  await new Promise<void>((resolve) => {
    pair.client.listen({
      onFrame: (frame) => {
        arrived.push(frame);
        if (arrived.length === frames.length) resolve();
      },
      onDrain: () => {},
      onClose: () => resolve(),
    });
    for (const frame of frames) pair.server.send(frame);
  });
  expect(arrived.map(({ length }) => length)).toEqual(frames.map(({ length }) => length));
  expect(arrived.every((frame, i) => frame.every((byte) => byte === i))).toBe(true);
  await pair.dispose();
});
