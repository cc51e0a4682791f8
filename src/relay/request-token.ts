/** The token of a request: Authorization header, else subprotocol, else query; never logged. */
import { subprotocolsOfHeader, tokenOfSubprotocols } from '../transport/subprotocol.ts';

export function tokenOfRequest(request: Request): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const asked = subprotocolsOfHeader(request.headers.get('sec-websocket-protocol'));
  return tokenOfSubprotocols(asked) ?? (new URL(request.url).searchParams.get('token') || undefined);
}
