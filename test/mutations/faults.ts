/** All deliberate faults. */
import type { Fault } from './fault.ts';
import { GUARD_FAULTS } from './guard-faults.ts';
import { SESSION_FAULTS } from './session-faults.ts';
import { STORE_FAULTS } from './store-faults.ts';

export const FAULTS: readonly Fault[] = [...STORE_FAULTS, ...SESSION_FAULTS, ...GUARD_FAULTS];

export function faultOfName(name: string | undefined): Fault | undefined {
  return FAULTS.find((fault) => fault.name === name);
}
