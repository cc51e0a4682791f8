/** What may be bound to a statement and what may not; shared by the engines, so that both refuse the same. */
import { ReplicationError } from '../core/errors.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Text that has no UTF-8 form: stored, it would come back as another text. */
export function hasLoneSurrogate(text: string): boolean {
  return LONE_SURROGATE.test(text);
}

/** VALUE_UNSUPPORTED for the parameter at `index` (0-based). */
export function unsupportedParameter(index: number, value: unknown): ReplicationError {
  return new ReplicationError('VALUE_UNSUPPORTED', `parameter ${index + 1} ${reasonAgainst(value)}`, {
    parameter: index + 1,
  });
}

function reasonAgainst(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return 'is NaN, which SQLite stores as NULL: pass null or a number';
    case 'bigint':
      return 'is beyond 64 bits: pass it as text or as a blob';
    case 'string':
      return 'holds a lone surrogate, which has no UTF-8 form: pass well-formed text or a Uint8Array';
    case 'undefined':
      return 'is undefined: pass null for NULL';
    case 'boolean':
      return 'is a boolean: pass 1 or 0';
    default:
      return 'is of a kind that SQLite cannot hold: pass null, a number, bigint, string, Uint8Array or real(n)';
  }
}

/** SQL_ERROR unless as many parameters are given as the statement has places. */
export function checkParameterCount(expected: number, given: number): void {
  if (expected === given) return;
  throw new ReplicationError('SQL_ERROR', `the statement has ${expected} parameters, ${given} were given`);
}
