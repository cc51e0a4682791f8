/** All workloads by name. */
import { bulk } from './bulk.ts';
import { fanOut } from './fan-out.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [bulk, fanOut];
