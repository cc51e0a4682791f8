/**
 * Looks at every change of an input before anything is written: invalid in itself, to be parked, or to be merged.
 *
 * Form and bounds do not depend on the schema; a table or column that is unknown here may come with a migration, so
 * its change is parked. The engine sees only what passed: a bad key would crash it and a huge version would lock a
 * cell for ever.
 */
import { isKeyForm } from '../core/affinity.ts';
import type { Change } from '../core/change.ts';
import { SENTINEL_CID } from '../core/change.ts';
import { cellFault } from '../core/change-fault.ts';
import type { ErrorCode } from '../core/errors.ts';
import { isReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { decodePackedKey } from '../core/packed-key.ts';
import type { Range } from '../core/range-set.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { bytesEqual } from '../core/sql-value.ts';
import { isVersionNumber, VERSION_MAX } from '../core/version.ts';
import type { StoreContext } from './store-context.ts';
import { storedForm } from './stored-form.ts';
import type { ReplicatedTable } from './table-catalog.ts';
import { INTERNAL_PREFIX } from './table-catalog.ts';

export type CheckedChange =
  | {
      readonly verdict: 'merge';
      readonly table: ReplicatedTable;
      readonly key: readonly SqlValue[];
      readonly change: Change;
    }
  | { readonly verdict: 'discard' }
  | { readonly verdict: 'park'; readonly reason: string; readonly change: Change }
  | { readonly verdict: 'invalid'; readonly code: ErrorCode; readonly message: string };

/** Where a row belongs, or why it cannot. */
type RowPlace =
  | { readonly verdict: 'row'; readonly table: ReplicatedTable; readonly key: readonly SqlValue[] }
  | { readonly verdict: 'park'; readonly reason: string }
  | { readonly verdict: 'invalid'; readonly code: ErrorCode; readonly message: string };

/** Checks changes one after the other; the cells of one row come together, so its place is found once. */
export class ChangeChecker {
  readonly #context: StoreContext;
  #table = '';
  #pk: Uint8Array = new Uint8Array();
  #place: RowPlace | undefined;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** Errors  none: whatever a peer sends ends in a verdict. */
  check(change: Change, span: Range): CheckedChange {
    const context = this.#context;
    const fault = formFault(change, span, context.limits);
    if (fault !== undefined) return invalid(fault);
    const place = this.#placeOf(change);
    if (place.verdict === 'invalid') return place;
    if (context.isDropped(change.table, change.cid)) return { verdict: 'discard' };
    if (place.verdict === 'park') return { ...place, change };
    const { table, key } = place;
    if (change.cid === SENTINEL_CID) return { verdict: 'merge', table, key, change };
    const column = table.columns.get(change.cid);
    if (column === undefined) return { ...park(`no column ${change.table}.${change.cid} here`), change };
    const val = storedForm(context.connection, change.val, column.affinity);
    return { verdict: 'merge', table, key, change: val === change.val ? change : { ...change, val } };
  }

  #placeOf({ table, pk }: Change): RowPlace {
    const same = this.#place !== undefined && table === this.#table && (pk === this.#pk || bytesEqual(pk, this.#pk));
    if (same) return this.#place!;
    this.#table = table;
    this.#pk = pk;
    this.#place = rowPlace(this.#context, table, pk);
    return this.#place;
  }
}

function rowPlace({ limits, clocks }: StoreContext, tableName: string, pk: Uint8Array): RowPlace {
  const key = keyOf(pk, limits);
  if (typeof key === 'string') return invalid(key);
  const table = clocks.catalog.get(tableName);
  if (table === undefined) return park(`no table ${tableName} here`);
  if (table.keyColumns.length !== key.length) return park(`${tableName} has another primary key here`);
  const odd = table.keyColumns.find(({ affinity }, i) => !isKeyForm(key[i]!, affinity));
  if (odd === undefined) return new KnownRow(table, key);
  return invalid(`key column ${odd.name} would store its value in another form: send it so`);
}

/** Why  A class, as DecodedChange: of a literal V8 may come to think that all are kept. */
class KnownRow {
  readonly verdict = 'row';
  readonly table: ReplicatedTable;
  readonly key: readonly SqlValue[];

  constructor(table: ReplicatedTable, key: readonly SqlValue[]) {
    this.table = table;
    this.key = key;
  }
}

function formFault(change: Change, span: Range, limits: Limits): string | undefined {
  if (change.table.startsWith(INTERNAL_PREFIX)) return `${change.table} belongs to the replica itself`;
  return versionFault(change, span) ?? cellFault(change, limits);
}

function versionFault({ version }: Change, [lo, hi]: Range): string | undefined {
  if (version === undefined) return undefined;
  if (!isVersionNumber(version)) return 'its version is not a version number';
  return version > lo && version <= hi ? undefined : `its version ${version} lies outside the span of its part`;
}

/** The key's values, or what is wrong with it. */
function keyOf(pk: Uint8Array, limits: Limits): SqlValue[] | string {
  try {
    return decodePackedKey(pk, limits);
  } catch (error) {
    if (isReplicationError(error, 'CHANGE_INVALID')) return error.message;
    throw error;
  }
}

function park(reason: string): { readonly verdict: 'park'; readonly reason: string } {
  return { verdict: 'park', reason };
}

function invalid(message: string): { readonly verdict: 'invalid'; readonly code: ErrorCode; readonly message: string } {
  return { verdict: 'invalid', code: 'CHANGE_INVALID', message };
}

/** Where a change's origin version lies: exactly, or somewhere in its part's span. */
export function spanOfChange({ version }: Change, span: Range): Range {
  return version === undefined ? span : [version - 1, version];
}

/** Whether a change of our own site claims a version that we never announced. */
export function isBeyondAnnounced({ version }: Change, [lo, hi]: Range, announced: number): boolean {
  if (version !== undefined) return version > announced;
  return lo >= announced || (hi > announced && hi !== VERSION_MAX);
}
