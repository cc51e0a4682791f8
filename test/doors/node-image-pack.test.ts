/** A file packed in pieces is one stream of raw deflate. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packFile } from '../../src/node-image-pack.ts';

const PIECE = 256 << 10;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'crmesh-pack-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function content(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * i) >> 7));
}

test.each([0, 1, PIECE - 1, PIECE, PIECE + 1, 13 * PIECE + 77])('%i bytes come back as they were', async (length) => {
  const [from, to] = [join(dir, 'from'), join(dir, 'to')];
  writeFileSync(from, content(length));
  const { bytes, hash } = await packFile(from, to);
  const packed = readFileSync(to);
  expect(packed.length).toBe(bytes);
  expect(createHash('sha256').update(packed).digest('hex')).toBe(hash);
  expect(inflateRawSync(packed).equals(content(length))).toBe(true);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  expect(Buffer.from(await new Response(stream).arrayBuffer()).equals(content(length))).toBe(true);
});

test('a file that is not there, or a place that cannot be written, is said', async () => {
  await expect(packFile(join(dir, 'none'), join(dir, 'to'))).rejects.toThrow('ENOENT');
  writeFileSync(join(dir, 'from'), content(10));
  await expect(packFile(join(dir, 'from'), join(dir, 'none', 'to'))).rejects.toThrow('ENOENT');
});
