/**
 * Fetches a database image over HTTP, from any byte on where an earlier attempt stopped: in Node and browsers alike.
 *
 * An image counts as whole only when its bytes have the hash that the server named. Assumes one caller a file.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { ImageFile, ImageHead } from './image-file.ts';
import { REFUSAL_BYTES_MAX, refusalFromAnswer, shownUrl, unreachable } from './refusal.ts';
import { tokenHeaders } from './subprotocol.ts';

export interface ImageDownload {
  /** The database's address; ws: and wss: stand for http: and https:. */
  readonly url: string;
  readonly token?: string;
  readonly file: ImageFile;
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
  const { file } = download;
  const transfer = await receive(download);
  if (download.signal.aborted) throw lost(download.signal.reason);
  if (transfer.receivedBytes < transfer.bytes) {
    throw new ReplicationError('LINK_LOST', `the image ended at ${transfer.receivedBytes} of ${transfer.bytes} bytes`);
  }
  if ((await file.hashOfBytes()) === transfer.hash) return file.sync();
  await file.clear();
  throw refused('its bytes do not have the hash that they should');
}

/** Ended by the caller, and when nothing comes for limits.silenceMs. */
async function receive(download: ImageDownload): Promise<Transfer> {
  const { signal, limits } = download;
  if (signal.aborted) throw lost(signal.reason);
  const ends = new AbortController();
  const end = (): void => ends.abort();
  let timer = setTimeout(end, limits.silenceMs);
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(end, limits.silenceMs);
  };
  signal.addEventListener('abort', end);
  try {
    const { answer, transfer } = await request(download, ends.signal);
    const reader = answer.body?.getReader();
    // A body that has come whole is not ended by the signal of its request: who reads on would wait for ever.
    const stop = (): void => void reader?.cancel().catch(() => undefined);
    ends.signal.addEventListener('abort', stop);
    if (ends.signal.aborted) stop();
    await takeBody(download, reader, transfer, heard);
    return transfer;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
  }
}

async function takeBody(
  { file, onProgress }: ImageDownload,
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  transfer: Transfer,
  heard: () => void,
): Promise<void> {
  onProgress({ ...transfer });
  const next = async (): Promise<Uint8Array | undefined> => (await reader?.read().catch(rethrowAsLost))?.value;
  for (let piece = await next(); piece !== undefined; piece = await next()) {
    heard();
    if (transfer.receivedBytes + piece.length > transfer.bytes) throw refused('it has more bytes than was said');
    await file.append(piece);
    transfer.receivedBytes += piece.length;
    onProgress({ ...transfer });
  }
}

async function request(
  download: ImageDownload,
  signal: AbortSignal,
): Promise<{ readonly answer: Response; readonly transfer: Transfer }> {
  const { file, limits, token } = download;
  const url = imageUrl(download.url);
  const known = await file.head();
  const headers = { ...tokenHeaders(token), ...rangeHeaders(known) };
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
  if (!(bytes <= limits.imageBytesMax)) throw refused(`it has ${bytes} bytes, above the limit imageBytesMax`);
  if (receivedBytes === 0) await file.begin(hash);
  return { answer, transfer: { hash, receivedBytes, bytes } };
}

function rangeHeaders(known: ImageHead | undefined): Record<string, string> {
  return known === undefined ? {} : { range: `bytes=${known.receivedBytes}-`, 'if-range': `"${known.hash}"` };
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

function refused(why: string): ReplicationError {
  return new ReplicationError('IMAGE_REFUSED', `the image of the database is not taken: ${why}`);
}

function lost(cause: unknown): ReplicationError {
  return new ReplicationError('LINK_LOST', 'the connection was lost while the image was fetched', {}, { cause });
}

function rethrowAsLost(cause: unknown): never {
  throw lost(cause);
}
