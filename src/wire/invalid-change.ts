/** The error of a change that is invalid in itself, met while a frame is decoded. */
import { ReplicationError } from '../core/errors.ts';

export function invalidChange(message: string): ReplicationError {
  return new ReplicationError('CHANGE_INVALID', message);
}
