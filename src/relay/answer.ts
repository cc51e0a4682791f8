/** Answers of the endpoints. */
import type { ReplicationError } from '../core/errors.ts';

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}

export function bodyAnswer(body: ReadableStream<Uint8Array>, type: string): Response {
  return new Response(body, {
    headers: { 'content-type': type, 'cache-control': 'no-store' },
  });
}

export function textAnswer(text: string, type: string): Response {
  return new Response(text, { headers: { 'content-type': type, 'cache-control': 'no-store' } });
}

export function streamAnswer(body: ReadableStream<Uint8Array>): Response {
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Tells nginx to pass events on at once.
      'x-accel-buffering': 'no',
    },
  });
}

/** {code, message, fault, repeat advice, details} with the code's status. */
export function errorAnswer(error: ReplicationError): Response {
  const headers: Record<string, string> = {};
  if (error.status === 401) headers['www-authenticate'] = 'Bearer';
  if (error.status === 426) headers['upgrade'] = 'websocket';
  const allow = error.details['allow'];
  if (error.status === 405 && typeof allow === 'string') headers['allow'] = allow;
  return jsonAnswer(error.status, error, headers);
}
