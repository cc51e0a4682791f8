/**
 * A change: one cell change of cr-sqlite, as it travels.
 *
 * Its store version is not part of it (it is a number of one database); its origin version is known only while
 * it comes straight from its writer (`version`), a relay knows the span of the part it came in.
 */
import type { SqlValue } from './sql-value.ts';
import { utf8Bytes } from './utf8.ts';

/** cid of the sentinel: a row's own birth, death or resurrection. */
export const SENTINEL_CID = '-1';

export interface Change {
  readonly table: string;
  /** The packed primary key (core/packed-key.ts), already validated where it enters. */
  readonly pk: Uint8Array;
  /** Column name, or '-1' for the sentinel. */
  readonly cid: string;
  readonly val: SqlValue;
  readonly colVersion: number;
  /** Causal length: odd = the row lives, even = deleted. */
  readonly cl: number;
  /** Position inside its transaction. */
  readonly seq: number;
  /** Exact origin version, when the part comes from its writer. */
  readonly version?: number;
}

/** What a change takes at least, beside its key and value. */
const CHANGE_BYTES = 16;

/** About how many bytes a change takes in memory and in a message, before compression. */
export function changeBytes({ pk, val }: Pick<Change, 'pk' | 'val'>): number {
  return CHANGE_BYTES + pk.length + valueBytes(val);
}

/** The same of all of them. */
export function changesBytes(changes: Iterable<Pick<Change, 'pk' | 'val'>>): number {
  let bytes = 0;
  for (const change of changes) bytes += changeBytes(change);
  return bytes;
}

function valueBytes(val: SqlValue): number {
  if (typeof val === 'string') return utf8Bytes(val);
  return val instanceof Uint8Array ? val.length : 0;
}
