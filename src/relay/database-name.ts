/** Database ids: the names under which replicas of one logical database meet, safe as file names everywhere. */
import { ReplicationError } from '../core/errors.ts';

const FORM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const RESERVED: readonly string[] = ['health', 'metrics'];

export function isDatabaseName(name: string): boolean {
  return FORM.test(name) && !name.endsWith('.') && !RESERVED.includes(databaseKey(name));
}

/** Errors  BAD_REQUEST, saying the rule. */
export function assertDatabaseName(name: string): void {
  if (isDatabaseName(name)) return;
  throw new ReplicationError(
    'BAD_REQUEST',
    'a database id starts with a letter or digit, then letters, digits, ".", "_" or "-", 64 at most, no dot last, and is neither health nor metrics',
  );
}

/** Names are unique without case: two that have one key are one name. */
export function databaseKey(name: string): string {
  return name.toLowerCase();
}
