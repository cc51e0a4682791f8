/** The two tables of PROTOCOL.md for readers of other languages: limits with their defaults, error codes. */
import { ERROR_TABLE } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';

export interface TableVectors {
  readonly limits: readonly (readonly [name: string, value: number])[];
  readonly codes: readonly {
    readonly code: string;
    readonly fault: string;
    readonly retry: string;
    readonly http: number;
    readonly close: number;
  }[];
}

export function tableVectors(): TableVectors {
  const codes = Object.entries(ERROR_TABLE);
  return {
    limits: Object.entries(DEFAULT_LIMITS),
    codes: codes.map(([code, { fault, retry, status, close }]) => ({ code, fault, retry, http: status, close })),
  };
}
