/** How an error ends the process: 1 failure, 2 usage, 3 refused by a relay, a grant or a schema rule. */
import { isReplicationError, type ErrorCode } from '../core/errors.ts';

export const EXIT_DONE = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
export const EXIT_REFUSED = 3;

const refusals: readonly ErrorCode[] = [
  'UNAUTHORIZED',
  'FORBIDDEN',
  'SITE_TAKEN',
  'SCHEMA_REFUSED',
  'CHANGE_REJECTED',
  'CHANGE_INVALID',
  'USE_SCHEMA',
  'FILE_EXISTS',
];

export function exitCodeOf(error: unknown): number {
  if (!isReplicationError(error)) return EXIT_FAILURE;
  if (error.code === 'USAGE') return EXIT_USAGE;
  return refusals.includes(error.code) ? EXIT_REFUSED : EXIT_FAILURE;
}
