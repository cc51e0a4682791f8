/** Where an image lies on Node while it becomes the database: files beside the database file, under one lock. */
import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import type { ImagePlaces } from './image-adoption.ts';
import { NOT_INFLATABLE, TOO_LARGE_INFLATED } from './image-adoption.ts';
import { lockFile } from './sqlite/file-lock.ts';
import { canonicalPath } from './sqlite/file-path.ts';
import { syncDirectory } from './sqlite/folder.ts';
import { JOURNAL_ENDINGS } from './sqlite/journal-endings.ts';
import { removeSideFile } from './sqlite/side-file.ts';
import { imageRefused } from './store/image-check.ts';
import { IMAGE_FILE_HEAD_BYTES } from './transport/image-file.ts';
import { NodeImageFile } from './transport/node-image-file.ts';

/** For the database file `path`. */
export function nodeImagePlaces(path: string): ImagePlaces {
  const target = canonicalPath(path);
  const [fetched, draft] = [`${target}-image`, `${target}-adopting`];
  return {
    draft,
    openFetched: () => NodeImageFile.open(fetched),
    inflate: (bytesMax) => inflate(fetched, draft, bytesMax),
    isDraftWhole: () => JOURNAL_ENDINGS.every((ending) => sizeOf(draft + ending) === 0),
    swap: () => swap(draft, target),
    removeFetched: () => rmSync(fetched, { force: true }),
    removeDraft() {
      for (const ending of ['', ...JOURNAL_ENDINGS, '-lock']) rmSync(draft + ending, { force: true });
    },
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function inflate(from: string, to: string, bytesMax: number): Promise<void> {
  let bytes = 0;
  const bound = new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      done(bytes > bytesMax ? imageRefused(TOO_LARGE_INFLATED) : null, piece);
    },
  });
  const source = createReadStream(from, { start: IMAGE_FILE_HEAD_BYTES, highWaterMark: 256 << 10 });
  await pipeline(source, createInflateRaw({ chunkSize: 256 << 10 }), bound, createWriteStream(to)).catch(
    (error: unknown) => {
      const code = String((Object(error) as { readonly code?: unknown }).code ?? '');
      throw code.startsWith('Z_') ? imageRefused(NOT_INFLATABLE) : error;
    },
  );
  const file = await open(to, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The side file first: a file without one that was never marked keeps its site id, whenever the process ends. */
function swap(draft: string, target: string): void {
  const release = lockFile(target, undefined);
  try {
    removeSideFile(target);
    for (const ending of JOURNAL_ENDINGS) rmSync(target + ending, { force: true });
    renameSync(draft, target);
    syncDirectory(dirname(target));
  } finally {
    release();
  }
}
