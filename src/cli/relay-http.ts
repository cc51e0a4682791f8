/** Calls of the relay's HTTP endpoints, for the few things a command asks without a link. */
import { ReplicationError } from '../core/errors.ts';
import { errorFromBody, jsonObject } from './control-message.ts';

export function isUrl(text: string): boolean {
  return /^(?:ws|http)s?:\/\//i.test(text);
}

/** ws: and wss: as http: and https:, with `path` behind the database's own path. */
export function httpUrl(url: string, path = ''): URL {
  let http: URL;
  try {
    http = new URL(url.replace(/^ws/i, 'http'));
  } catch {
    throw new ReplicationError('USAGE', `'${url}' is no URL: give one like ws://127.0.0.1:8787/todo`);
  }
  http.pathname = `${http.pathname.replace(/\/+$/, '')}${path}`;
  return http;
}

/**
 * GET as text.
 *
 * Errors  the relay's own coded error; UNAVAILABLE when nobody answers.
 */
export async function getText(url: URL, token: string | undefined): Promise<string> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  let body: string;
  try {
    response = await fetch(url, { headers, redirect: 'error' });
    body = await response.text();
  } catch (cause) {
    const message = `no relay answers at ${url.origin}: check the address and that it runs`;
    throw new ReplicationError('UNAVAILABLE', message, {}, { cause });
  }
  if (response.ok) return body;
  throw errorFromBody(jsonObject(body) ?? { message: `${url.href} answered ${response.status}` });
}

export async function getJson(url: URL, token: string | undefined): Promise<Record<string, unknown>> {
  const body = jsonObject(await getText(url, token));
  if (body !== undefined) return body;
  throw new ReplicationError('UNAVAILABLE', `${url.href} is no crmesh relay: it answered without JSON`);
}
