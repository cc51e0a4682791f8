/**
 * The client's end of a session over HTTP, for networks that let no WebSocket through: fetch and nothing else.
 *
 * One GET brings frames, one POST at a time takes all that waits. Any failure ends the connection, the link dials
 * again: a half-repaired stream would break the order that a session relies on.
 */
import { bytesFromBase64 } from '../core/base64.ts';
import type { Limits } from '../core/limits.ts';
import { CLOSE_LOST } from './close-code.ts';
import { batchFromFrames, CRMESH_MEDIA_TYPE } from './frame-batch.ts';
import { FrameInbox, pressedBytes } from './frame-inbox.ts';
import type { Dial, FramePort, FramePortListener } from './frame-port.ts';
import { BATCH_HEADER } from './http-session.ts';
import { randomId } from './random-id.ts';
import { refusalFromAnswer, shownUrl, unreachable } from './refusal.ts';
import type { SseEvent } from './sse.ts';
import { SseParser } from './sse.ts';
import { tokenHeaders } from './subprotocol.ts';

export interface HttpSessionDialOptions {
  /** The database's address, http: or https:. */
  readonly url: string;
  readonly token?: string;
  readonly limits: Limits;
  /** The default is the global one. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Errors  of the Dial: the refusal's code; UNAVAILABLE when nobody answers within limits.handshakeMs. */
export function dialHttpSession(options: HttpSessionDialOptions): Dial {
  return () => openSession(options);
}

async function openSession(options: HttpSessionDialOptions): Promise<FramePort> {
  const { token, limits } = options;
  // A browser's fetch belongs to its scope: it may not be called as a method of anything else.
  const fetchNow: typeof globalThis.fetch = options.fetch ?? ((...request) => globalThis.fetch(...request));
  const url = sessionUrl(options.url);
  const shown = shownUrl(url);
  const headers = tokenHeaders(token);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), limits.handshakeMs);
  const answer = await fetchNow(url, { headers: { ...headers, accept: 'text/event-stream' }, signal: abort.signal })
    .catch((error: unknown) => Promise.reject(unreachable(shown, causeOf(error))))
    .finally(() => clearTimeout(timer));
  const type = answer.headers.get('content-type') ?? '';
  if (!answer.ok) throw refusalFromAnswer(answer.status, await answer.text().catch(() => ''));
  if (answer.body === null || !type.startsWith('text/event-stream')) {
    abort.abort();
    throw unreachable(shown, 'the answer is no event stream: is this the address of a database?');
  }
  return new HttpClientPort({ url, shown, headers, abort, limits, fetch: fetchNow }, answer.body);
}

function sessionUrl(database: string): URL {
  const url = new URL(database);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/session/${randomId()}`;
  return url;
}

/** How long a peer that was told of a close may take to end its stream. */
const END_MS = 1_000;

interface Connection {
  readonly url: URL;
  readonly shown: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly abort: AbortController;
  readonly limits: Limits;
  readonly fetch: typeof globalThis.fetch;
}

class HttpClientPort implements FramePort {
  readonly description: string;
  readonly lossless = true;
  readonly #connection: Connection;
  readonly #inbox: FrameInbox;
  #queue: Uint8Array[] = [];
  #bufferedBytes = 0;
  #batch = 0;
  #posting = false;
  #pressed = false;
  #closing: { readonly code: number; readonly reason: string } | undefined;
  readonly #reading: Promise<void>;
  /** The peer ends the stream by itself: it was told to, or said so. */
  #streamEnds = false;

  constructor(connection: Connection, body: ReadableStream<Uint8Array>) {
    this.description = `http ${connection.shown}`;
    this.#connection = connection;
    this.#inbox = new FrameInbox(connection.limits);
    this.#reading = this.#read(body);
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  listen(listener: FramePortListener): void {
    this.#inbox.listen(listener);
  }

  send(frame: Uint8Array): void {
    if (this.#closing !== undefined || this.#inbox.ended) return;
    this.#queue.push(frame);
    this.#bufferedBytes += frame.length;
    if (this.#bufferedBytes > pressedBytes(this.#connection.limits)) this.#pressed = true;
    this.#startPosting();
  }

  close(code: number, reason: string): void {
    if (this.#closing !== undefined || this.#inbox.ended) return;
    this.#closing = { code, reason };
    this.#inbox.mute();
    this.#startPosting();
  }

  #startPosting(): void {
    if (this.#posting) return;
    this.#posting = true;
    // Frames sent in one turn travel in one request.
    queueMicrotask(() => {
      this.#post()
        .catch((error: unknown) => this.#end(CLOSE_LOST, String(causeOf(error))))
        .finally(() => {
          this.#posting = false;
        });
    });
  }

  async #post(): Promise<void> {
    while (this.#queue.length > 0 && !this.#inbox.ended) {
      const frames = this.#takeFrames();
      await this.#request(this.#connection.url, frames);
      for (const frame of frames) this.#bufferedBytes -= frame.length;
      if (this.#bufferedBytes > 0 || !this.#pressed) continue;
      this.#pressed = false;
      this.#inbox.drained();
    }
    const closing = this.#closing;
    if (closing === undefined || this.#inbox.ended) return;
    const url = new URL(this.#connection.url);
    url.searchParams.set('close', String(closing.code));
    url.searchParams.set('reason', closing.reason);
    await this.#request(url, []).catch(() => undefined);
    this.#streamEnds = true;
    this.#end(closing.code, closing.reason);
  }

  /**
   * Ends the requests that are under way; not at once where the peer ends them.
   *
   * Why  A fetch that is cut may leave a connection without a request, for which a server waits when it closes.
   */
  async #letGo(): Promise<void> {
    const { abort } = this.#connection;
    if (!this.#streamEnds) return abort.abort();
    const timer = setTimeout(() => abort.abort(), END_MS);
    await this.#reading;
    clearTimeout(timer);
  }

  #takeFrames(): Uint8Array[] {
    const { bufferedBytesMax } = this.#connection.limits;
    const frames: Uint8Array[] = [];
    for (let bytes = 0; this.#queue.length > 0;) {
      bytes += this.#queue[0]!.length;
      if (frames.length > 0 && bytes > bufferedBytesMax) break;
      frames.push(this.#queue.shift()!);
    }
    return frames;
  }

  async #request(url: URL, frames: readonly Uint8Array[]): Promise<void> {
    const { headers, abort } = this.#connection;
    const answer = await this.#connection.fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': CRMESH_MEDIA_TYPE, [BATCH_HEADER]: String(this.#batch++) },
      body: batchFromFrames(frames),
      signal: abort.signal,
    });
    const text = await answer.text();
    if (!answer.ok) throw refusalFromAnswer(answer.status, text);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const { limits } = this.#connection;
    const parser = new SseParser(2 * limits.frameBytesMax + 1024);
    const decoder = new TextDecoder();
    const reader = body.getReader();
    try {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        const events = parser.push(decoder.decode(piece.value, { stream: true }));
        if (events === undefined) return this.close(4413, 'TOO_LARGE');
        for (const event of events) this.#take(event);
      }
      this.#streamEnds = true;
      this.#end(this.#closing?.code ?? CLOSE_LOST, this.#closing?.reason ?? 'the stream ended');
    } catch (error) {
      this.#end(CLOSE_LOST, String(causeOf(error)));
    }
  }

  #take(event: SseEvent): void {
    if (event.event === 'close') {
      const { code, reason } = closeFromText(event.data);
      this.#streamEnds = true;
      return this.#end(code, reason);
    }
    const frame = bytesFromBase64(event.data);
    if (frame === undefined) return this.close(4400, 'FRAME_MALFORMED');
    if (!this.#inbox.push(frame)) this.close(4429, 'LIMIT_EXCEEDED');
  }

  #end(code: number, reason: string): void {
    this.#queue = [];
    this.#bufferedBytes = 0;
    this.#inbox.end(code, reason);
    void this.#letGo();
  }
}

function closeFromText(text: string): { code: number; reason: string } {
  try {
    const value = JSON.parse(text) as { code?: unknown; reason?: unknown };
    if (typeof value.code === 'number' && typeof value.reason === 'string') {
      return { code: value.code, reason: value.reason };
    }
  } catch {
    // Falls through: an unreadable end is still an end.
  }
  return { code: CLOSE_LOST, reason: 'the stream ended without a readable reason' };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}
