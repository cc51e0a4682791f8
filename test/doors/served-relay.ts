/** A real relay on a free port of this machine, in a folder of its own, and short ways to call it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeRelay, RelayOptions, ServedRelay } from '../../src/relay.ts';
import { createRelay, serveRelay } from '../../src/relay.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body where it is JSON, else its text. */
  readonly body: Record<string, unknown>;
  readonly text: string;
}

export interface TestRelay {
  readonly url: string;
  readonly dir: string;
  readonly relay: NodeRelay;
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answer>;
  readonly close: () => Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CallOptions {
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly token?: string;
}

export const TODO_SCHEMA = 'CREATE TABLE todo (id INTEGER PRIMARY KEY NOT NULL, title TEXT, done INTEGER);';

export async function startRelay(options: RelayOptions = {}, folder?: string): Promise<TestRelay> {
  const dir = folder ?? mkdtempSync(join(tmpdir(), 'crmesh-relay-'));
  const relay = createRelay({ dir, ...options });
  const served: ServedRelay = await serveRelay(relay, { port: 0 });
  const close = async (): Promise<void> => {
    await served.close();
    if (folder === undefined) rmSync(dir, { recursive: true, force: true });
  };
  return {
    url: served.url,
    dir,
    relay,
    call: (method, path, call) => callUrl(method, `${served.url}${path}`, call),
    close,
    [Symbol.asyncDispose]: close,
  };
}

export async function callUrl(method: string, url: string, options: CallOptions = {}): Promise<Answer> {
  const { json, token } = options;
  const body = json === undefined ? options.body : JSON.stringify(json);
  const response = await fetch(url, {
    method,
    headers: {
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: body as BodyInit }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {}, text };
}

/** Packed key of one small integer: base64 of [columns, type, value]. */
export function packedInteger(value: number): string {
  return Buffer.from([1, 0x09, value]).toString('base64');
}

export interface TodoWrite {
  readonly site: string;
  readonly start: number;
  readonly end: number;
  readonly ids: readonly number[];
  readonly title?: string;
}

/** A form (a) body: each row's sentinel is left to its first column, as cr-sqlite writes it. */
export function pushBody({ site, start, end, ids, title = 'title' }: TodoWrite): Record<string, unknown> {
  const changes = ids.flatMap((id, i) => [
    change({ pk: packedInteger(id), cid: 'title', val: `${title} ${id}`, seq: 2 * i, siteId: site }),
    change({ pk: packedInteger(id), cid: 'done', val: 0, seq: 2 * i + 1, siteId: site }),
  ]);
  return { siteId: site, seqStart: start, seqEnd: end, vClock: {}, changes };
}

function change(fields: Record<string, unknown>): Record<string, unknown> {
  return { table: 'todo', colVersion: 1, cl: 1, ...fields };
}
