/**
 * The exercise of a relay before its first caller: a scratch database takes a small bulk transfer, single writes and a
 * refill from leaves that are made up, and gives an image.
 *
 * Why     The engine's WebAssembly and our own code are compiled function by function as they are first met: 0.3 to
 *         0.4 s of CPU in the first upload after a start, and slow first writes.
 */
import type { Limits } from '../core/limits.ts';
import type { Runtime } from '../core/runtime.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { Storage } from './storage.ts';
import { TRIAL_SCHEMA, TrialLeaf } from './trial-leaf.ts';

export interface WarmUpParts {
  readonly storage: Pick<Storage, 'openScratch' | 'makeImage'>;
  readonly codec: Codec;
  readonly runtime: Runtime;
  readonly limits: Limits;
  /** A caller has come: its own work does the rest. Asked between steps. */
  readonly isOver: () => boolean;
}

/** Enough for the inner loops to be worth V8's better compiler; more gains little and leaves more memory behind. */
const BULK_TRANSACTIONS = 4;
const BULK_ROWS = 1_000;
const SINGLE_WRITES = 60;
const SUBSCRIBERS = 4;

/** Does nothing where the storage has no scratch databases. Errors  those of the storage; LINK_LOST. */
export async function warmUp(parts: WarmUpParts): Promise<void> {
  const { storage, isOver } = parts;
  if (storage.openScratch === undefined || isOver()) return;
  const { replica, remove } = await storage.openScratch();
  try {
    replica.migrate(TRIAL_SCHEMA);
    for (const step of steps(replica, parts)) {
      if (isOver()) return;
      await step();
    }
  } finally {
    await remove();
  }
}

function* steps(replica: ReplicaPort, { storage, ...machine }: WarmUpParts): Generator<() => Promise<unknown>> {
  const writer = new TrialLeaf({ replica, ...machine });
  for (let i = 0; i < BULK_TRANSACTIONS; i++) yield () => writer.write(BULK_ROWS, 'new');
  for (let i = 0; i < SUBSCRIBERS; i++) yield () => new TrialLeaf({ replica, ...machine }).live();
  for (let i = 0; i < SINGLE_WRITES; i++) yield () => writer.write(1, i % 2 === 0 ? 'new' : 'changed');
  yield async () => (await storage.makeImage?.(replica))?.remove();
}
