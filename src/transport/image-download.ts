/**
 * Fetches a database image over HTTP into a file, from any byte on where an earlier attempt stopped.
 *
 * The file begins with the SHA-256 of the image that the rest belongs to, so that a rest is never added to another
 * image; it counts as whole only when its bytes have that hash. Assumes one caller a file.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { bytesFromHex, hexFromBytes } from '../core/site-id.ts';
import { REFUSAL_BYTES_MAX, refusalFromAnswer, shownUrl, unreachable } from './refusal.ts';
import { tokenHeaders } from './subprotocol.ts';

/** Where the image's own bytes begin in the file. */
export const IMAGE_FILE_HEAD_BYTES = 32;

export interface ImageDownload {
  /** The database's address; ws: and wss: stand for http: and https:. */
  readonly url: string;
  readonly token?: string;
  readonly path: string;
  readonly limits: Pick<Limits, 'imageBytesMax' | 'silenceMs'>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly receivedBytes: number; readonly bytes: number }) => void;
}

/** What the file holds so far, and what it will. */
interface Transfer {
  readonly hash: string;
  receivedBytes: number;
  readonly bytes: number;
}

/**
 * Resolves when the file is whole. Bytes that were received stay in it whatever happens, but where they are wrong.
 *
 * Errors  IMAGE_REFUSED for bytes that have another hash, or more of them than limits.imageBytesMax; LINK_LOST and
 *         UNAVAILABLE: call again; the server's refusal; those of the disk.
 */
export async function downloadImage(download: ImageDownload): Promise<void> {
  const file = await openFile(download.path);
  try {
    const transfer = await receive(download, file);
    if (transfer.receivedBytes < transfer.bytes) {
      throw new ReplicationError(
        'LINK_LOST',
        `the image ended at ${transfer.receivedBytes} of ${transfer.bytes} bytes`,
      );
    }
    if ((await hashOf(file)) === transfer.hash) return await file.sync();
    await file.truncate(0);
    throw refused('its bytes do not have the hash that they should');
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch {
    return open(path, 'w+');
  }
}

async function receive(download: ImageDownload, file: FileHandle): Promise<Transfer> {
  const { onProgress, limits, signal } = download;
  const silence = new AbortController();
  const ends = AbortSignal.any([signal, silence.signal]);
  const timer = setTimeout(() => silence.abort(), limits.silenceMs);
  try {
    const { answer, transfer } = await request(download, file, ends);
    onProgress({ ...transfer });
    const body = (answer.body ?? []) as AsyncIterable<Uint8Array>;
    for await (const piece of body) {
      timer.refresh();
      if (transfer.receivedBytes + piece.length > transfer.bytes) throw refused('it has more bytes than was said');
      await file.write(piece, 0, piece.length, IMAGE_FILE_HEAD_BYTES + transfer.receivedBytes);
      transfer.receivedBytes += piece.length;
      onProgress({ ...transfer });
    }
    return transfer;
  } catch (error) {
    throw error instanceof ReplicationError || codeOf(error) !== undefined ? error : lost(error);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

async function request(
  download: ImageDownload,
  file: FileHandle,
  signal: AbortSignal,
): Promise<{ readonly answer: Response; readonly transfer: Transfer }> {
  const url = imageUrl(download.url);
  const known = await readHead(file);
  const range = known === undefined ? {} : { range: `bytes=${known.receivedBytes}-`, 'if-range': `"${known.hash}"` };
  const headers = { ...tokenHeaders(download.token), ...range };
  const answer = await fetch(url, { headers, signal }).catch((error: unknown) => {
    throw unreachable(shownUrl(url), error instanceof Error ? (error.cause ?? error) : error);
  });
  const hash = /^"([0-9a-f]{64})"$/.exec(answer.headers.get('etag') ?? '')?.[1];
  if (answer.status === 416 && known !== undefined && hash === known.hash) {
    // All of it was here already, and only what came after it was lost.
    await answer.body?.cancel();
    return { answer: new Response(null), transfer: { ...known, bytes: known.receivedBytes } };
  }
  if (answer.status !== 200 && answer.status !== 206) throw await refusalOf(answer);
  if (hash === undefined) throw refused('the server names no hash of it');
  const length = Number(answer.headers.get('content-length') ?? Number.NaN);
  const receivedBytes = answer.status === 206 && known?.hash === hash ? known.receivedBytes : 0;
  if (answer.status === 206 && receivedBytes === 0) throw refused('a part of another image was sent');
  const bytes = receivedBytes + length;
  if (!(bytes <= download.limits.imageBytesMax)) throw refused(`it has ${bytes} bytes, above the limit imageBytesMax`);
  if (receivedBytes === 0) await begin(file, hash);
  return { answer, transfer: { hash, receivedBytes, bytes } };
}

async function refusalOf(answer: Response): Promise<ReplicationError> {
  const text = await answer.text().catch(() => '');
  return refusalFromAnswer(answer.status, text.slice(0, REFUSAL_BYTES_MAX));
}

function imageUrl(database: string): URL {
  const url = new URL(database.replace(/^ws/, 'http'));
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/image`;
  return url;
}

/** Undefined when nothing of an image is there yet. */
async function readHead(file: FileHandle): Promise<Omit<Transfer, 'bytes'> | undefined> {
  const { size } = await file.stat();
  if (size <= IMAGE_FILE_HEAD_BYTES) return undefined;
  const head = new Uint8Array(IMAGE_FILE_HEAD_BYTES);
  await file.read(head, 0, head.length, 0);
  return { hash: hexFromBytes(head), receivedBytes: size - IMAGE_FILE_HEAD_BYTES };
}

async function begin(file: FileHandle, hash: string): Promise<void> {
  await file.truncate(0);
  await file.write(bytesFromHex(hash), 0, IMAGE_FILE_HEAD_BYTES, 0);
}

async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const options = { start: IMAGE_FILE_HEAD_BYTES, autoClose: false, highWaterMark: 1 << 20 };
  for await (const piece of file.createReadStream(options) as AsyncIterable<Uint8Array>) hash.update(piece);
  return hash.digest('hex');
}

function refused(why: string): ReplicationError {
  return new ReplicationError('IMAGE_REFUSED', `the image of the database is not taken: ${why}`);
}

function lost(cause: unknown): ReplicationError {
  return new ReplicationError('LINK_LOST', 'the connection was lost while the image was fetched', {}, { cause });
}

/** Of the file system: 'ENOSPC' and its like. */
function codeOf(error: unknown): string | undefined {
  const { code, syscall } = Object(error) as { readonly code?: unknown; readonly syscall?: unknown };
  return typeof code === 'string' && syscall === 'write' ? code : undefined;
}
