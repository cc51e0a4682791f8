/** Us: a relay over a folder, replicas in files; subscribers speak the protocol without a database. */
import { join } from 'node:path';
import type { Log } from '../../src/core/runtime.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Database } from '../../src/node.ts';
import { open } from '../../src/node.ts';
import { createRelay, serveRelay } from '../../src/relay.ts';
import type { SyncLink } from '../../src/replica/sync-link.ts';
import { lightLeaf } from '../lib/light-leaf.ts';
import { ROW_SCHEMA, type BenchRow } from '../lib/rows.ts';
import type { Contender, ContenderClient, ContenderServer, Place } from './contender.ts';

const DBID = 'bench';
/** Rows that one transaction of the writer has: an import in steps. */
const TRANSACTION_ROWS = 1_000;

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error };

export const crmesh: Contender = contender('crmesh', {});

/** The same with no image offered, however big the database. */
export const crmeshByRows: Contender = contender('crmesh, rows only', { imageChangesMin: Number.MAX_SAFE_INTEGER });

function contender(name: string, limits: Partial<Limits>): Contender {
  return {
    name,
    kind: 'crmesh',
    keeps: 'disk, FULL commits',
    packages: [],
    serve: (place) => serve(place, limits),
    open: async ({ dir }) => new CrmeshClient(await open(join(dir, 'bench.db'), { schema: ROW_SCHEMA, log: silent })),
    subscribe,
  };
}

async function serve({ dir }: Place, limits: Partial<Limits>): Promise<ContenderServer> {
  const served = await serveRelay(createRelay({ dir, limits, log: silent }), { port: 0 });
  return { url: `${served.url.replace('http', 'ws')}/${DBID}` };
}

class CrmeshClient implements ContenderClient {
  readonly #db: Database;
  #link: SyncLink | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  async write(rows: readonly BenchRow[]): Promise<void> {
    for (let i = 0; i < rows.length; i += TRANSACTION_ROWS) {
      await this.#db.transaction(async (tx) => {
        for (const { id, title, done, owner } of rows.slice(i, i + TRANSACTION_ROWS)) {
          await tx.exec('INSERT INTO todo VALUES (?, ?, ?, ?)', [id, title, done, owner]);
        }
      });
    }
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    await this.#db.transaction(async (tx) => {
      for (const id of ids) await tx.exec('UPDATE todo SET owner = ? WHERE id = ?', [owner, id]);
    });
  }

  async connect(address: string): Promise<string> {
    this.#link = this.#db.sync(address);
    await this.#link.synced();
    return address;
  }

  async disconnect(): Promise<void> {
    this.#link?.close();
  }

  async rows(owner?: string): Promise<number> {
    const where = owner === undefined ? '' : ' WHERE owner = ?';
    const [row] = await this.#db.query<{ n: number }>(
      `SELECT count(*) AS n FROM todo${where}`,
      owner === undefined ? [] : [owner],
    );
    return row!.n;
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

function subscribe(address: string, onStamp: (stamp: string) => void): Promise<void> {
  return new Promise((resolve) => {
    lightLeaf({ url: address, dbid: DBID }, (message, _bytes, leaf) => {
      if (message.type === 'welcome') leaf.send({ type: 'pull' });
      if (message.type === 'beat' && message.live) resolve();
      if (message.type !== 'window') return;
      for (const { body } of message.parts) {
        for (const { cid, val } of body.rows) if (cid === 'title' && String(val).startsWith('@')) onStamp(String(val));
      }
    });
  });
}
