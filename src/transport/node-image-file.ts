/** What was fetched of an image, in a file on Node: the hash of the image, then its bytes. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { bytesFromHex, hexFromBytes } from '../core/site-id.ts';
import type { ImageFile, ImageHead } from './image-file.ts';
import { IMAGE_FILE_HEAD_BYTES } from './image-file.ts';

export class NodeImageFile implements ImageFile {
  readonly #file: FileHandle;
  #size: number;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  static async open(path: string): Promise<NodeImageFile> {
    const file = await open(path, 'r+').catch(() => open(path, 'w+'));
    return new NodeImageFile(file, (await file.stat()).size);
  }

  async head(): Promise<ImageHead | undefined> {
    if (this.#size <= IMAGE_FILE_HEAD_BYTES) return undefined;
    const head = new Uint8Array(IMAGE_FILE_HEAD_BYTES);
    await this.#file.read(head, 0, head.length, 0);
    return { hash: hexFromBytes(head), receivedBytes: this.#size - IMAGE_FILE_HEAD_BYTES };
  }

  async begin(hash: string): Promise<void> {
    await this.clear();
    await this.append(bytesFromHex(hash));
  }

  async append(piece: Uint8Array): Promise<void> {
    await this.#file.write(piece, 0, piece.length, this.#size);
    this.#size += piece.length;
  }

  async hashOfBytes(): Promise<string> {
    const hash = createHash('sha256');
    const options = { start: IMAGE_FILE_HEAD_BYTES, autoClose: false, highWaterMark: 1 << 20 };
    for await (const piece of this.#file.createReadStream(options) as AsyncIterable<Uint8Array>) hash.update(piece);
    return hash.digest('hex');
  }

  async clear(): Promise<void> {
    await this.#file.truncate(0);
    this.#size = 0;
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
