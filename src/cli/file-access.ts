/**
 * One file for one command: opened here, or reached through the process that holds it.
 */
import { resolve } from 'node:path';
import { open, type Database } from '../node.ts';
import { askHolder, controlAddressOf } from './control-client.ts';
import type { ControlRequest } from './control-message.ts';
import { ControlServer } from './control-server.ts';

export interface FileOpening {
  readonly schema?: string;
  /** NO_DATABASE instead of a new file. */
  readonly mustExist?: boolean;
}

/** An open file whose lock names a control socket, so that other commands work beside this one. */
export interface HeldFile {
  readonly db: Database;
  close(): Promise<void>;
}

export async function holdFile(file: string, opening: FileOpening): Promise<HeldFile> {
  const path = resolve(file);
  const control = await ControlServer.listen();
  try {
    const db = await open(path, { ...opening, lockNote: control.address });
    control.serve((asked) => Promise.resolve(asked === path ? db : undefined));
    return {
      db,
      close: async () => {
        await control.close();
        await db.close();
      },
    };
  } catch (error) {
    await control.close();
    throw error;
  }
}

/** Works on the file itself, or sends `request` to its holder when another process has it. */
export async function withFile<T>(
  file: string,
  opening: FileOpening,
  request: ControlRequest,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  let held: HeldFile;
  try {
    held = await holdFile(file, opening);
  } catch (error) {
    const address = controlAddressOf(error);
    if (address === undefined) throw error;
    return (await askHolder(address, { ...request, file: resolve(file) })) as T;
  }
  try {
    return await work(held.db);
  } finally {
    await held.close();
  }
}
