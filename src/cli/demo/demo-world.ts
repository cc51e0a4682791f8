/** The demo's three: a relay that listens, replica A and replica B with a link each. */
import { join } from 'node:path';
import type { Database, SyncLink } from '../../node.ts';
import { holdFile, type HeldFile } from '../file-access.ts';
import { RelayServer } from '../relay-server.ts';
import { citySchema } from './cities.ts';

export const demoDatabaseId = 'cities';

export interface WorldOptions {
  /** An empty folder. */
  readonly folder: string;
  readonly port: number;
}

export interface Side {
  readonly name: 'A' | 'B';
  readonly file: string;
  readonly db: Database;
  /** Connects at the first call, and again after pauses. */
  connect(): SyncLink;
  readonly link: SyncLink;
}

export class DemoWorld {
  readonly relay: RelayServer;
  readonly a: Side;
  readonly b: Side;
  readonly #files: readonly HeldFile[];

  private constructor(relay: RelayServer, a: readonly [string, HeldFile], b: readonly [string, HeldFile]) {
    this.relay = relay;
    const url = relay.databaseUrl(demoDatabaseId);
    this.a = sideOf('A', a, url);
    this.b = sideOf('B', b, url);
    this.#files = [a[1], b[1]];
  }

  static async open({ folder, port }: WorldOptions): Promise<DemoWorld> {
    const relay = await RelayServer.listen({ dir: join(folder, 'relay'), host: '127.0.0.1', port, schema: citySchema });
    const opened: HeldFile[] = [];
    const open = async (name: string): Promise<readonly [string, HeldFile]> => {
      const file = join(folder, name);
      const held = await holdFile(file, { schema: citySchema });
      opened.push(held);
      return [file, held];
    };
    try {
      return new DemoWorld(relay, await open('a.db'), await open('b.db'));
    } catch (error) {
      for (const held of opened) await held.close();
      await relay.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
    await this.relay.close();
  }
}

function sideOf(name: 'A' | 'B', [file, { db }]: readonly [string, HeldFile], url: string): Side {
  let link: SyncLink | undefined;
  const connect = (): SyncLink => {
    link ??= db.sync(url);
    link.resume();
    return link;
  };
  return {
    name,
    file,
    db,
    connect,
    get link() {
      return link ?? connect();
    },
  };
}
