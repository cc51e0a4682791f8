/** Names that nothing else has, of 32 hex digits; also where a page is not secure and crypto.randomUUID is not there. */
import { hexFromBytes } from '../core/site-id.ts';

export function randomId(): string {
  return hexFromBytes(crypto.getRandomValues(new Uint8Array(16)));
}
