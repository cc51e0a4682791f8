/** Node's HTTP messages as Request and Response, streaming both ways, with the caller's going away as an abort. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { ReplicationError } from '../core/errors.ts';

export type FetchHandler = (request: Request, info: { readonly address?: string }) => Promise<Response>;

/** A caller that goes on sending a body that was refused is cut off after so long. */
const LINGER_MS = 2000;

/**
 * Answers one request with a handler that never rejects.
 *
 * Errors  none: a request that is none (a bad Host, a forbidden method) is answered by `onError`.
 */
export async function answerNodeRequest(
  message: IncomingMessage,
  answer: ServerResponse,
  handlers: {
    readonly fetch: FetchHandler;
    readonly onError: (error: ReplicationError) => Response;
    readonly address?: string | undefined;
  },
): Promise<void> {
  const gone = new AbortController();
  answer.once('close', () => {
    if (!answer.writableFinished) gone.abort();
  });
  const address = handlers.address ?? message.socket.remoteAddress;
  let response: Response;
  try {
    const request = requestFromNode(message, gone.signal);
    response = await handlers.fetch(request, address === undefined ? {} : { address });
  } catch (error) {
    response = handlers.onError(error instanceof ReplicationError ? error : badRequest(error));
  }
  await writeAnswer(message, answer, response).catch(() => answer.destroy());
}

const TOO_LARGE_CODES: ReadonlySet<string> = new Set(['HPE_HEADER_OVERFLOW', 'HPE_CHUNK_EXTENSIONS_OVERFLOW']);

/** What Node's server says of a connection without a request that it could read, as a coded error. */
export function errorOfClient(error: Error): ReplicationError {
  const code = 'code' in error ? String(error.code) : '';
  const cause = { cause: error };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ReplicationError('HANDSHAKE_TIMEOUT', 'no whole request came in time: send it at once', {}, cause);
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new ReplicationError('LINK_LOST', 'the connection was lost in the middle of a request', {}, cause);
  }
  if (!TOO_LARGE_CODES.has(code)) return badRequest(error);
  return new ReplicationError('TOO_LARGE', 'the head of the request is too large: send fewer headers', {}, cause);
}

/** Errors  BAD_REQUEST for what no Request can be made of. */
export function requestFromNode(message: IncomingMessage, signal?: AbortSignal): Request {
  const method = message.method ?? 'GET';
  const headers = headersFromNode(message);
  const host = message.headers.host ?? (message.headers[':authority'] as string | undefined) ?? 'localhost';
  const path = message.url ?? '/';
  if (!path.startsWith('/')) throw new ReplicationError('BAD_REQUEST', 'the request names no path');
  const body = hasBody(message) ? (Readable.toWeb(message) as ReadableStream) : null;
  try {
    return new Request(new URL(`http://${host}${path}`), {
      method,
      headers,
      ...(signal === undefined ? {} : { signal }),
      ...(body === null ? {} : { body, duplex: 'half' }),
    });
  } catch (error) {
    throw badRequest(error);
  }
}

function headersFromNode(message: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}

function hasBody({ method, headers }: IncomingMessage): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

async function writeAnswer(message: IncomingMessage, answer: ServerResponse, response: Response): Promise<void> {
  for (const [name, value] of response.headers) answer.setHeader(name, value);
  // A refused upload is not read to its end, so the connection cannot be used again.
  const unread = hasBody(message) && !message.complete;
  if (unread && message.httpVersionMajor === 1) answer.setHeader('connection', 'close');
  answer.writeHead(response.status);
  if (response.body === null) answer.end();
  else await pour(response.body, answer);
  if (unread) letGo(message);
}

async function pour(body: ReadableStream<Uint8Array>, answer: ServerResponse): Promise<void> {
  const reader = body.getReader();
  const onClose = (): void => void reader.cancel().catch(() => undefined);
  answer.once('close', onClose);
  try {
    // The head leaves now, even if the body takes its time.
    answer.flushHeaders();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      if (answer.destroyed) return;
      if (!answer.write(piece.value)) await drained(answer);
    }
    answer.end();
  } catch {
    answer.destroy();
  } finally {
    answer.off('close', onClose);
  }
}

function drained(answer: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      answer.off('drain', done);
      answer.off('close', done);
      resolve();
    };
    answer.on('drain', done);
    answer.on('close', done);
  });
}

/** Lets the caller read the answer before the connection goes: data that is never read would reset it. */
function letGo(message: IncomingMessage): void {
  if (message.complete || message.destroyed) return;
  message.on('error', () => undefined);
  message.resume();
  setTimeout(() => message.destroy(), LINGER_MS).unref();
}

function badRequest(cause: unknown): ReplicationError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ReplicationError('BAD_REQUEST', `not a request that can be answered: ${reason}`, {}, { cause });
}
