/** How fast a file system takes pages, told by a file that is there for this alone. */
import { PAGE_BYTES } from './mirror-file.ts';
import type { RenamingFileSystem } from './file-system.ts';

const PAGES_PER_BLOCK = 16;
const BLOCKS_MAX = 5;

export interface SpeedTest {
  /** Where the file may lie meanwhile. */
  readonly path: string;
  /** Milliseconds that a page may take; a disk's cache takes a hundredth. */
  readonly pageMsMax: number;
  readonly now: () => number;
}

/**
 * Whether no block of pages is written in its time.
 *
 * Why     Nothing is synced: how long a disk takes for that says nothing of a file system that has none. The fastest of
 *         a few blocks counts, so that a machine that is busy is not taken for a slow one, nor is one whose clock is
 *         coarse.
 */
export function isSlowToWrite(fileSystem: RenamingFileSystem, { path, pageMsMax, now }: SpeedTest): boolean {
  const page = new Uint8Array(PAGE_BYTES);
  const handle = fileSystem.open(path, { create: true });
  try {
    for (let block = 0; block < BLOCKS_MAX; block++) {
      const begin = now();
      for (let i = 0; i < PAGES_PER_BLOCK; i++) fileSystem.write(handle, page, i * PAGE_BYTES);
      if (now() - begin <= PAGES_PER_BLOCK * pageMsMax) return false;
    }
    return true;
  } finally {
    fileSystem.close(handle);
    fileSystem.remove(path);
  }
}
