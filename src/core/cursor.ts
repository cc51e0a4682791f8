/** Cursors: a resume position in ONE peer's store order, valid only within the era that gave it. */
import { ReplicationError } from './errors.ts';
import { isVersionNumber } from './version.ts';
import type { StoreVersion } from './version.ts';

declare const eraNonce: unique symbol;

/** Names one opening of a store's numbering: 32 lower-case hex digits, fresh at every open. `epoch` outside. */
export type EraNonce = string & { readonly [eraNonce]: true };

/** `at`: every change of the peer's store up to this store version has been taken. */
export interface Cursor {
  readonly nonce: EraNonce;
  readonly at: StoreVersion;
}

export function isEraNonce(value: unknown): value is EraNonce {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);
}

/** The opaque text form used in JSON answers, `since` and SSE ids. */
export function cursorToText({ nonce, at }: Cursor): string {
  return `${nonce}.${at}`;
}

/** Errors  BAD_REQUEST for anything cursorToText did not write. */
export function cursorFromText(text: string): Cursor {
  const [nonce, digits, ...rest] = text.split('.');
  const at = digits !== undefined && /^(0|[1-9][0-9]{0,15})$/.test(digits) ? Number(digits) : undefined;
  if (rest.length > 0 || !isEraNonce(nonce) || at === undefined || !isVersionNumber(at)) {
    throw new ReplicationError('BAD_REQUEST', 'not a cursor: pass back the `cursor` of an earlier answer, or 0');
  }
  return { nonce, at: at as StoreVersion };
}
