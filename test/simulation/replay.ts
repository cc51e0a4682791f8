/** The one command that runs a failed schedule again, shrunk where it was. */
import type { ScheduleFailure } from './simulator.ts';
import type { Fault } from '../mutations/fault.ts';

export function replayOf({ seed, only }: ScheduleFailure, fault?: Fault): string {
  const actions = only === undefined ? '' : ` --only ${only.length === 0 ? 'none' : only.join(',')}`;
  const broken = fault === undefined ? '' : ` --break ${fault.name}`;
  return `npm run test:simulation -- --seed ${seed}${actions}${broken} --trace`;
}
