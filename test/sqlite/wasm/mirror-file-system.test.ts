/** The mirror and the storage that it takes over. */
import { expect, test } from 'vitest';
import { ReplicationError } from '../../../src/core/errors.ts';
import { MirrorFileSystem } from '../../../src/sqlite/wasm/mirror-file-system.ts';

test('an image that cannot be loaded leaves its storage closed', async () => {
  let closed = 0;
  const damaged = new ReplicationError('DATABASE_CORRUPT', 'a page is missing');
  const storage = { load: () => Promise.reject(damaged), save: async () => {}, close: () => void closed++ };
  await expect(MirrorFileSystem.load(storage)).rejects.toBe(damaged);
  expect(closed).toBe(1);
});
