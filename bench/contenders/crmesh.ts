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
/** A transaction of 500,000 changes has the time it needs, on any machine. */
const TRANSACTION_MS_MAX = 600_000;

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error };

interface Variant {
  readonly name: string;
  readonly relayLimits?: Partial<Limits>;
  readonly schema?: string;
  readonly transactionRows?: number;
  /** Default true: as `crmesh relay` does at its start. */
  readonly warm?: boolean;
}

export const crmesh: Contender = variant({ name: 'crmesh' });

/** The same with no image offered, however big the database. */
export const crmeshByRows: Contender = variant({
  name: 'crmesh, rows only',
  relayLimits: { imageChangesMin: Number.MAX_SAFE_INTEGER },
});

/** The same with an image offered to everybody who has nothing. */
export const crmeshByImage: Contender = variant({ name: 'crmesh, image', relayLimits: { imageChangesMin: 1 } });

/** A relay that its first caller found before it was warm. */
export const crmeshJustStarted: Contender = variant({ name: 'crmesh, just started', warm: false });

/** Its writer puts everything into one transaction. */
export const crmeshInOneTransaction: Contender = variant({
  name: 'crmesh, one transaction',
  transactionRows: Number.MAX_SAFE_INTEGER,
});

const TABLES_NAME = /^crmesh, (\d+) tables?$/;

/** A database with so many tables, of which one is written. */
export function crmeshWithTables(count: number): Contender {
  const others = Array.from({ length: count - 1 }, (_, i) => ROW_SCHEMA.replace('todo', `table_${i}`));
  return variant({ name: `crmesh, ${count} tables`, schema: [ROW_SCHEMA, ...others].join(';\n') });
}

/** The variant of that name, where the name says how many tables; undefined for other names. */
export function crmeshByName(name: string): Contender | undefined {
  const count = TABLES_NAME.exec(name)?.[1];
  return count === undefined ? undefined : crmeshWithTables(Number(count));
}

function variant({
  name,
  relayLimits = {},
  schema = ROW_SCHEMA,
  transactionRows = TRANSACTION_ROWS,
  warm = true,
}: Variant): Contender {
  const limits = { transactionMsMax: TRANSACTION_MS_MAX };
  return {
    name,
    kind: 'crmesh',
    keeps: 'disk, FULL commits',
    packages: [],
    serve: (place) => serve(place, relayLimits, warm),
    async open({ dir }) {
      const db = await open(join(dir, 'bench.db'), { schema, log: silent, limits });
      return new CrmeshClient(db, transactionRows);
    },
    subscribe,
  };
}

async function serve({ dir }: Place, limits: Partial<Limits>, warm: boolean): Promise<ContenderServer> {
  const relay = createRelay({ dir, limits, log: silent });
  const served = await serveRelay(relay, { port: 0 });
  if (warm) await relay.warmUp();
  return { url: `${served.url.replace('http', 'ws')}/${DBID}` };
}

class CrmeshClient implements ContenderClient {
  readonly #db: Database;
  readonly #transactionRows: number;
  #link: SyncLink | undefined;

  constructor(db: Database, transactionRows: number) {
    this.#db = db;
    this.#transactionRows = transactionRows;
  }

  async write(rows: readonly BenchRow[]): Promise<void> {
    const step = this.#transactionRows;
    for (let i = 0; i < rows.length; i += step) {
      await this.#db.transaction(async (tx) => {
        for (const { id, title, done, owner } of rows.slice(i, i + step)) {
          await tx.exec('INSERT INTO todo VALUES (?, ?, ?, ?)', [id, title, done, owner]);
        }
      });
    }
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    await this.#db.transaction(async (tx) => {
      for (const id of ids) await tx.exec('UPDATE todo SET owner = ? WHERE id = ?', [owner, id]);
    });
    if (this.#link !== undefined) await this.#db.flushed({ tier: 'relay' });
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
