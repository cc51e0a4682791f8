/** A loopback web server for test pages: fixed files, a strict content security policy, no isolation headers. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { engineBytes } from './bundle.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  wasm: 'application/wasm',
};
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws://127.0.0.1:* http://127.0.0.1:*; img-src data:";
const EMPTY_PAGE = '<!doctype html><html lang="en"><title>crmesh test page</title><link rel="icon" href="data:,">';

export interface PageServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** `files` by path ('/page.js'); unless they are given, '/' is an empty page and '/crsqlite-sync.wasm' the engine. */
export async function servePages(
  files: Readonly<Record<string, string | Uint8Array | undefined>>,
  policy: string = POLICY,
): Promise<PageServer> {
  const served: Readonly<Record<string, string | Uint8Array | undefined>> = {
    '/': EMPTY_PAGE,
    '/crsqlite-sync.wasm': engineBytes(),
    ...files,
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host');
    const body = served[pathname];
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[pathname === '/' ? 'html' : pathname.split('.').at(-1)!] ?? 'text/plain';
    response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
