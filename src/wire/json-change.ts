/**
 * Changes in JSON: {table, pk, cid, val, colVersion, cl, seq, siteId}. A list is read whole and every invalid change
 * is named with its index, so that a caller can mend them all at once.
 */
import { base64FromBytes, bytesFromBase64 } from '../core/base64.ts';
import type { Change } from '../core/change.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { SiteId } from '../core/site-id.ts';
import { isSiteId } from '../core/site-id.ts';
import { changeFault } from '../core/change-fault.ts';
import { badRequest } from './json-fields.ts';
import { sqlValueFromJson, sqlValueToJson } from './json-value.ts';

/** A change with its author, as it stands in a body. */
export interface SitedChange {
  readonly site: SiteId;
  readonly change: Change;
}

interface RejectedChange {
  readonly index: number;
  readonly code: 'CHANGE_INVALID';
  readonly message: string;
}

/** Invalid changes named in one answer. */
const REJECTED_MAX = 1_000;

export function changeToJson(change: Change, site: SiteId): Record<string, unknown> {
  const { table, pk, cid, val, colVersion, cl, seq } = change;
  return { table, pk: base64FromBytes(pk), cid, val: sqlValueToJson(val), colVersion, cl, seq, siteId: site };
}

/**
 * Errors  BAD_REQUEST when it is no list, TOO_LARGE for too many, CHANGE_INVALID {rejected: [{index, code, message}]}.
 */
export function changesFromJson(value: unknown, limits: Limits): SitedChange[] {
  if (!Array.isArray(value)) throw badRequest('changes is a list');
  if (value.length > limits.partChangesMax) {
    throw new ReplicationError('TOO_LARGE', `more than ${limits.partChangesMax} changes: send them in several bodies`);
  }
  const changes: SitedChange[] = [];
  const rejected: RejectedChange[] = [];
  value.forEach((json: unknown, index) => {
    const read = changeFromJson(json, limits);
    if (typeof read !== 'string') changes.push(read);
    else if (rejected.length < REJECTED_MAX) rejected.push({ index, code: 'CHANGE_INVALID', message: read });
  });
  const [first] = rejected;
  if (first === undefined) return changes;
  throw new ReplicationError('CHANGE_INVALID', `nothing was applied: change ${first.index}: ${first.message}`, {
    rejected,
  });
}

/** A change, or what is wrong with it. */
function changeFromJson(json: unknown, limits: Limits): SitedChange | string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'a change is a JSON object';
  const { table, pk, cid, val, colVersion, cl, seq, siteId } = json as Readonly<Record<string, unknown>>;
  if (!isSiteId(siteId)) return 'siteId is not a site id: send 32 lower-case hex digits';
  if (typeof table !== 'string') return 'table is not a text';
  if (typeof cid !== 'string') return 'cid is not a text';
  const key = typeof pk === 'string' ? bytesFromBase64(pk) : undefined;
  if (key === undefined) return 'pk is not base64 with padding: send the packed key, as crsql_pack_columns gives it';
  if (typeof colVersion !== 'number' || typeof cl !== 'number' || typeof seq !== 'number') {
    return 'colVersion, cl and seq are not all numbers';
  }
  if (val === undefined) return 'val is absent: send null for NULL';
  const read = sqlValueFromJson(val);
  if ('fault' in read) return `val is ${read.fault}`;
  const change = { table, pk: key, cid, val: read.value, colVersion, cl, seq };
  return changeFault(change, limits) ?? { site: siteId, change };
}
