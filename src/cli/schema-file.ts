/** The schema text of a --schema option. */
import { existsSync, readFileSync } from 'node:fs';
import { ReplicationError } from '../core/errors.ts';

/** Errors  USAGE when the file is not there. */
export function readSchema(path: string): string {
  if (!existsSync(path)) throw new ReplicationError('USAGE', `${path} is not there: check the path of the schema`);
  return readFileSync(path, 'utf8');
}
