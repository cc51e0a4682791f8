/** How long a durable commit takes on this disk just now: one row, in WAL mode, synced. */
import { benchFile, startChild } from './child.ts';

export interface CommitTimes extends Readonly<Record<string, number>> {
  readonly p50: number;
  readonly p99: number;
}

export async function commitTimes(): Promise<CommitTimes> {
  const child = startChild(benchFile('commit-process'), []);
  try {
    return await child.line<CommitTimes>();
  } finally {
    await child.end();
  }
}
