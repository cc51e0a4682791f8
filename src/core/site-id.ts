/** Site ids: 16 bytes that name an originator of writes, held as 32 lower-case hex digits so that they can be map keys. */
import { ReplicationError } from './errors.ts';

declare const siteId: unique symbol;

/** 32 lower-case hex digits; text order is byte order. */
export type SiteId = string & { readonly [siteId]: true };

export const SITE_ID_BYTES = 16;

const HEX = /^[0-9a-f]{32}$/;

export function isSiteId(value: unknown): value is SiteId {
  return typeof value === 'string' && HEX.test(value);
}

/** Errors  BAD_REQUEST when the text is not 32 lower-case hex digits. */
export function siteIdFromHex(text: unknown): SiteId {
  if (isSiteId(text)) return text;
  throw new ReplicationError('BAD_REQUEST', 'a site id is 32 lower-case hex digits: send it as GET /:dbid shows it');
}

/** Errors  BAD_REQUEST when there are not exactly 16 bytes. */
export function siteIdFromBytes(bytes: Uint8Array): SiteId {
  if (bytes.length !== SITE_ID_BYTES) throw new ReplicationError('BAD_REQUEST', 'a site id has 16 bytes');
  return hexFromBytes(bytes) as SiteId;
}

export function siteIdBytes(site: SiteId): Uint8Array {
  return bytesFromHex(site);
}

export function hexFromBytes(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** The caller has checked that the text is an even number of hex digits. */
export function bytesFromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
