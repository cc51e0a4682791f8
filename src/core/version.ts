/**
 * Version numbers. There are two kinds and they are never mixed:
 * an origin version counts the transactions of the site that wrote them, a store version counts the
 * transactions of the database they were read from (a merged row gets a new store version).
 */

declare const originVersion: unique symbol;
declare const storeVersion: unique symbol;

/** A number in the writing site's own numbering. */
export type OriginVersion = number & { readonly [originVersion]: true };
/** A number in the numbering of the database it was read from. */
export type StoreVersion = number & { readonly [storeVersion]: true };

/** The largest version a replica accepts: beyond it numbers stop being exact. */
export const VERSION_MAX: number = Number.MAX_SAFE_INTEGER;

/** The largest column version and causal length of a change: far above what writes reach, far below VERSION_MAX. */
export const CHANGE_NUMBER_MAX: number = 2 ** 52;

export const STORE_VERSION_ZERO: StoreVersion = 0 as StoreVersion;

export function isVersionNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
