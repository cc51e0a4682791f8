/** The one answer to a quota that is used up, whichever storage of the browser says so. */
import { ReplicationError } from '../../core/errors.ts';

export function noRoom(cause?: unknown): ReplicationError {
  const message = 'the browser has no more room for this site: free space, or ask for persistent storage';
  return new ReplicationError('STORAGE_FULL', message, {}, { cause });
}
