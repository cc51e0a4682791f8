/**
 * Host and Origin: any web page can make a browser call a loopback port, and a name that points to 127.0.0.1 tomorrow
 * can make its own page 'same origin'. So both are checked before anything else, and CORS answers follow one list.
 */
import { ReplicationError } from '../core/errors.ts';
import { isLoopbackHost } from './loopback.ts';

export interface OriginPolicy {
  /** Origins beside loopback and same origin: 'https://app.example', or '*' for all. */
  readonly origins: readonly string[];
  /** Which Host headers are taken: this machine's names (and the hosts of `origins`), or any. */
  readonly hosts: 'loopback' | 'any';
}

const METHODS = 'GET, PUT, POST, OPTIONS';
const REQUEST_HEADERS =
  'authorization, content-type, accept, crmesh-site-key, crmesh-batch, last-event-id, range, if-range';
/** Of an answer, beside those that every page may read. */
const ANSWER_HEADERS = 'etag, content-range, retry-after';
const PREFLIGHT_SECONDS = 600;

/** Errors  FORBIDDEN for a Host or an Origin that is not served, naming the way to allow it. */
export function assertOriginAllowed(request: Request, policy: OriginPolicy): void {
  const host = hostOf(request);
  if (policy.hosts === 'loopback' && !isHostServed(host, policy.origins)) {
    throw new ReplicationError(
      'FORBIDDEN',
      `this relay is not served as '${host}': its owner adds that origin (origins, --origin)`,
    );
  }
  const origin = request.headers.get('origin');
  if (origin !== null && !isOriginServed(origin, host, policy.origins)) {
    throw new ReplicationError(
      'FORBIDDEN',
      `pages of '${origin}' may not use this relay: its owner adds that origin (origins, --origin)`,
    );
  }
}

/** The CORS headers of an answer to an allowed origin. */
export function corsHeaders(request: Request): Record<string, string> {
  const origin = request.headers.get('origin');
  if (origin === null) return {};
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': ANSWER_HEADERS, vary: 'origin' };
}

/** The answer to a browser's question before the real call; the origin has been checked. */
export function preflightAnswer(request: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...corsHeaders(request),
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': String(PREFLIGHT_SECONDS),
    },
  });
}

/** The Host header where there is one; a Request made by hand has only its URL. */
function hostOf(request: Request): string {
  return (request.headers.get('host') ?? new URL(request.url).host).toLowerCase();
}

function isHostServed(host: string, origins: readonly string[]): boolean {
  const url = parsed(`http://${host}`);
  if (url === undefined) return false;
  return isLoopbackHost(url.hostname) || origins.some((origin) => parsed(origin)?.hostname === url.hostname);
}

function isOriginServed(origin: string, host: string, origins: readonly string[]): boolean {
  if (origins.includes('*') || origins.includes(origin)) return true;
  const url = parsed(origin);
  if (url === undefined) return false;
  return (
    isLoopbackHost(url.hostname) || url.host === host || origins.some((entry) => parsed(entry)?.origin === url.origin)
  );
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
