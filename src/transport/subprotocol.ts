/** WebSocket subprotocols: the protocol itself and, where headers cannot be set, the token beside it. */
import { base64FromBytes, bytesFromBase64 } from '../core/base64.ts';
import { ReplicationError } from '../core/errors.ts';

export const SUBPROTOCOL = 'crmesh.v1';

const TOKEN_PREFIX = 'token.';

/** What a browser asks for: it cannot send an Authorization header. */
export function subprotocolsWithToken(token: string | undefined): string[] {
  if (token === undefined) return [SUBPROTOCOL];
  const text = base64FromBytes(new TextEncoder().encode(token));
  const url = text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return [SUBPROTOCOL, `${TOKEN_PREFIX}${url}`];
}

/**
 * The headers that carry a token where headers can be set.
 *
 * Errors  USAGE for a token that no header can carry.
 */
export function tokenHeaders(token: string | undefined): Record<string, string> {
  if (token === undefined) return {};
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new ReplicationError('USAGE', 'a token is visible ASCII without spaces: check for a stray line end');
  }
  return { authorization: `Bearer ${token}` };
}

/** The token among the subprotocols asked for; undefined where none is readable. */
export function tokenOfSubprotocols(asked: readonly string[]): string | undefined {
  const entry = asked.find((name) => name.startsWith(TOKEN_PREFIX));
  if (entry === undefined) return undefined;
  const text = entry.slice(TOKEN_PREFIX.length).replaceAll('-', '+').replaceAll('_', '/');
  const bytes = bytesFromBase64(text.padEnd(Math.ceil(text.length / 4) * 4, '='));
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The names of a Sec-WebSocket-Protocol header. */
export function subprotocolsOfHeader(header: string | null | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
