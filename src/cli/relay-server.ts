/**
 * A relay on a port together with the control socket of its files: what `crmesh relay` and the demo run.
 */
import { basename, dirname, resolve } from 'node:path';
import { isReplicationError, ReplicationError } from '../core/errors.ts';
import type { Database } from '../node.ts';
import {
  createRelay,
  serveRelay,
  type NodeRelay,
  type PageHandler,
  type RelayOptions,
  type ServedRelay,
} from '../relay.ts';
import { ControlServer } from './control-server.ts';

export interface RelayServerOptions extends Omit<RelayOptions, 'lockNote' | 'storage'> {
  readonly dir: string;
  readonly host: string;
  /** 0 = a free one. */
  readonly port: number;
  /** Answers what is none of the relay's paths. */
  readonly pages?: PageHandler;
}

export class RelayServer {
  /** http://HOST:PORT */
  readonly url: string;
  readonly #relay: NodeRelay;
  readonly #served: ServedRelay;
  readonly #control: ControlServer;

  private constructor(parts: { relay: NodeRelay; served: ServedRelay; control: ControlServer }) {
    this.url = parts.served.url;
    this.#relay = parts.relay;
    this.#served = parts.served;
    this.#control = parts.control;
  }

  /** Errors  UNAVAILABLE when the port cannot be had. */
  static async listen({ host, port, pages, ...options }: RelayServerOptions): Promise<RelayServer> {
    const control = await ControlServer.listen();
    try {
      const relay = createRelay({ ...options, lockNote: control.address });
      const dir = resolve(options.dir);
      control.serve((file) =>
        Promise.resolve(dirname(file) === dir ? relay.database(basename(file, '.db')) : undefined),
      );
      const served = await serveRelay(relay, { host, port, ...(pages === undefined ? {} : { pages }) });
      return new RelayServer({ relay, served, control });
    } catch (error) {
      await control.close();
      throw error;
    }
  }

  /** Where replicas sync with a database. */
  databaseUrl(dbid: string): string {
    return `${this.url.replace(/^http/, 'ws')}/${dbid}`;
  }

  /** Errors  NO_DATABASE for one that is not open. */
  database(dbid: string): Database {
    const db = this.#relay.database(dbid);
    if (db !== undefined) return db;
    throw new ReplicationError('NO_DATABASE', `the relay has not opened '${dbid}'`);
  }

  /** Compiles what the first callers will need. Never rejects. */
  warmUp(): Promise<void> {
    return this.#relay.warmUp();
  }

  async close(): Promise<void> {
    await this.#control.close();
    await this.#served.close();
  }
}

/** Says which option helps when a port or an address cannot be had. */
export function withPortAdvice(error: unknown): unknown {
  if (!isReplicationError(error, 'UNAVAILABLE')) return error;
  const isAddress = /ENOTFOUND|EADDRNOTAVAIL|EAI_AGAIN/.test(error.message);
  if (isAddress) return new ReplicationError('USAGE', `${error.message}; --host names an address of this machine`);
  return new ReplicationError('UNAVAILABLE', `${error.message}; choose another with --port`, {}, { cause: error });
}
