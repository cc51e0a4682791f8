/** The demo's three: a relay that listens, replica A and replica B with a link each; and the board beside the relay. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Database, SyncLink } from '../../node.ts';
import { holdFile, type HeldFile } from '../file-access.ts';
import { RelayServer } from '../relay-server.ts';
import { boardPages } from './board-pages.ts';
import { demoSchema } from './cities.ts';

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
  /** Another one at each run: a browser that kept the board of an earlier run holds another database. */
  readonly dbid: string;
  readonly relay: RelayServer;
  readonly hasBoard: boolean;
  readonly a: Side;
  readonly b: Side;
  readonly #files: readonly HeldFile[];

  private constructor({ dbid, relay, hasBoard, a, b }: WorldParts) {
    this.dbid = dbid;
    this.relay = relay;
    this.hasBoard = hasBoard;
    const url = relay.databaseUrl(dbid);
    this.a = sideOf('A', a, url);
    this.b = sideOf('B', b, url);
    this.#files = [a[1], b[1]];
  }

  static async open({ folder, port }: WorldOptions): Promise<DemoWorld> {
    const dbid = `cities-${randomBytes(3).toString('hex')}`;
    const pages = boardPages(dbid);
    const relay = await RelayServer.listen({
      dir: join(folder, 'relay'),
      host: '127.0.0.1',
      port,
      schema: demoSchema,
      // This machine only, by the address above; no other database comes to be here.
      authorize: (caller) => ({ read: 'all', write: 'all', schema: caller.dbid === dbid, mode: 'peer' }),
      hosts: 'loopback',
      ...(pages === undefined ? {} : { pages }),
    });
    const opened: HeldFile[] = [];
    const open = async (name: string): Promise<Opened> => {
      const file = join(folder, name);
      const held = await holdFile(file, { schema: demoSchema });
      opened.push(held);
      return [file, held];
    };
    try {
      return new DemoWorld({
        dbid,
        relay,
        hasBoard: pages !== undefined,
        a: await open('a.db'),
        b: await open('b.db'),
      });
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

/** Path and file. */
type Opened = readonly [string, HeldFile];

interface WorldParts extends Pick<DemoWorld, 'dbid' | 'relay' | 'hasBoard'> {
  readonly a: Opened;
  readonly b: Opened;
}

function sideOf(name: 'A' | 'B', [file, { db }]: Opened, url: string): Side {
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
