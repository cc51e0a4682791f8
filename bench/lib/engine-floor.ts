/** The engine alone, in a process of its own: read, merge, read, merge over its own virtual table, with no wire. */
import { benchFile, startChild } from './child.ts';

export interface EngineFloor extends Readonly<Record<string, number>> {
  /** Read of A and merge at the server. */
  readonly upMs: number;
  /** Read of the server and merge at B. */
  readonly downMs: number;
}

export async function engineFloor(rows: number): Promise<EngineFloor> {
  const child = startChild(benchFile('engine-process'), [String(rows)]);
  try {
    return await child.line<EngineFloor>();
  } finally {
    await child.end();
  }
}
