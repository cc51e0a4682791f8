/** Whether a file system is slow, by a clock of the test's own. */
import { describe, expect, test } from 'vitest';
import { isSlowToWrite } from '../../../src/sqlite/wasm/file-speed.ts';
import { MirrorFileSystem } from '../../../src/sqlite/wasm/mirror-file-system.ts';

/** Each block of pages takes the next of these times; the last of them goes on. */
async function slowness(...blocksMs: readonly number[]): Promise<{ slow: boolean; left: number | undefined }> {
  const store = { load: async () => new Map(), save: async () => {}, close: () => {} };
  const fileSystem = await MirrorFileSystem.load(store);
  let looks = 0;
  let time = 0;
  const now = (): number => {
    const block = Math.floor(looks / 2);
    if (looks % 2 === 1) time += blocksMs[block] ?? blocksMs.at(-1)!;
    looks += 1;
    return time;
  };
  const slow = isSlowToWrite(fileSystem, { path: '/speed', pageMsMax: 0.2, now });
  return { slow, left: fileSystem.sizeOf('/speed') };
}

describe('a file system', () => {
  test.each([
    ['that takes each block in its time', [0.1], false],
    ['whose clock stands still', [0], false],
    ['that takes one of the first blocks in its time, on a busy machine', [40, 30, 20, 2], false],
    ['that takes none in its time', [4], true],
    ['that is fast later than anybody waits for', [4, 4, 4, 4, 4, 0], true],
  ])('%s, and nothing of the test is left', async (_what, blocksMs, slow) => {
    expect(await slowness(...blocksMs)).toEqual({ slow, left: undefined });
  });
});
