/** All workloads by name, in the order in which they are told. */
import { beside } from './beside.ts';
import { big } from './big.ts';
import { bulk } from './bulk.ts';
import { fanOut } from './fan-out.ts';
import { growth } from './growth.ts';
import { image } from './image.ts';
import { links } from './links.ts';
import { merge } from './merge.ts';
import { reconnect } from './reconnect.ts';
import { tables } from './tables.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [
  bulk,
  image,
  fanOut,
  reconnect,
  growth,
  merge,
  links,
  beside,
  tables,
  big,
];
