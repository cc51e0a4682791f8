/**
 * A file packed as one stream of raw deflate, its pieces side by side on the threads of Node's pool.
 *
 * Each piece is packed alone and ends at a whole byte (Z_SYNC_FLUSH), so that the pieces behind each other are one
 * stream (RFC 1951); the last is an empty final block.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, deflateRaw } from 'node:zlib';

/** The lower levels are nearly as small and much faster: pages of a database repeat themselves closely. */
const LEVEL = 2;
const PIECE_BYTES = 256 << 10;
/** Pieces in memory; as many as the pool has threads by default. */
const SIDE_BY_SIDE = 4;

const pack = promisify<Buffer, Parameters<typeof deflateRaw>[1], Buffer>(deflateRaw);

export interface Packed {
  readonly bytes: number;
  /** SHA-256 of them, 64 hex digits. */
  readonly hash: string;
}

/** Writes what `from` holds, packed, to `to`. Errors  those of the disk. */
export async function packFile(from: string, to: string): Promise<Packed> {
  const source = await open(from);
  try {
    const target = await open(to, 'w');
    try {
      return await packInto(target, source);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function packInto(target: FileHandle, source: FileHandle): Promise<Packed> {
  const hash = createHash('sha256');
  let bytes = 0;
  const packing: Promise<Buffer>[] = [];
  const writeFirst = async (): Promise<void> => {
    const packed = await packing.shift()!;
    hash.update(packed);
    bytes += packed.length;
    await target.writeFile(packed);
  };
  try {
    for await (const piece of piecesOf(source)) {
      packing.push(pack(piece, { level: LEVEL, chunkSize: PIECE_BYTES, finishFlush: constants.Z_SYNC_FLUSH }));
      // What is written next has its buffer again before the next piece is read.
      if (packing.length === SIDE_BY_SIDE) await writeFirst();
    }
    packing.push(pack(Buffer.alloc(0), { level: LEVEL }));
    while (packing.length > 0) await writeFirst();
  } finally {
    await Promise.allSettled(packing);
  }
  return { bytes, hash: hash.digest('hex') };
}

/**
 * Assumes that a piece is done with when as many as stand side by side have followed it.
 *
 * Why     Few buffers for all pieces: V8 waits for 32 MB of them to be garbage.
 */
async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  const buffers = Array.from({ length: SIDE_BY_SIDE }, () => Buffer.allocUnsafeSlow(PIECE_BYTES));
  for (let i = 0; ; i++) {
    const { buffer, bytesRead } = await file.read(buffers[i % SIDE_BY_SIDE]!, 0, PIECE_BYTES);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
