/**
 * The built board (examples/board) as pages beside the demo's relay.
 *
 * The set of files is read once, so no path leads out of the folder. The policy allows what the board does and nothing
 * else: own scripts and styles, WebAssembly, and links to this relay or to others on this machine.
 */
import { existsSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import type { PageHandler } from '../../relay.ts';

const builtBoard = fileURLToPath(new URL('../../board', import.meta.url));

const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "worker-src 'self'",
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:* http://127.0.0.1:* http://localhost:*",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Undefined where the board was not built. `/` leads to the board of the database `dbid`. */
export function boardPages(dbid: string, folder: string = builtBoard): PageHandler | undefined {
  if (!existsSync(folder)) return undefined;
  const files = sirv(folder, { etag: true, setHeaders });
  return (message, answer, next) => {
    if (message.method !== 'GET' && message.method !== 'HEAD') return next();
    if (message.url === '/') return redirect(answer, `/?relay=${encodeURIComponent(dbid)}`);
    files(message, answer, next);
  };
}

/** Files under assets/ carry a hash in their names and never change. */
function setHeaders(answer: ServerResponse, pathname: string): void {
  answer.setHeader(
    'cache-control',
    pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  );
  answer.setHeader('content-security-policy', policy);
  answer.setHeader('cross-origin-resource-policy', 'same-origin');
  answer.setHeader('referrer-policy', 'no-referrer');
  answer.setHeader('x-content-type-options', 'nosniff');
}

function redirect(answer: ServerResponse, location: string): void {
  answer.writeHead(302, { location, 'cache-control': 'no-store' }).end();
}
