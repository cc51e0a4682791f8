/**
 * The replica of a service worker: opened by the first event that needs it, in step with the relay for the time of an
 * event, and with a tab as long as one is there.
 *
 * The browser may end the worker at any moment between events: what was acknowledged is saved, and the next event
 * opens it again.
 */
import { lockName } from './browser-places.ts';
import type { BrowserReplica, BrowserSyncOptions, LocalDatabase } from './browser-replica.ts';
import { consoleLog, openBrowserReplica } from './browser-replica.ts';
import type { BrowserStorage, StorageKind } from './browser-storage.ts';
import { openBrowserStorage } from './browser-storage.ts';
import { codedError, ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import { errorAnswer } from './relay/answer.ts';
import { createRelay } from './relay/create-relay.ts';
import type { Relay } from './relay/relay.ts';
import type { SyncLink } from './replica/sync-link.ts';
import { engineModule, keepEngine } from './service-worker-engine.ts';
import type { LinkMode } from './wire/message.ts';

export interface ServiceWorkerParts {
  readonly name: string;
  readonly schema: string | undefined;
  readonly url: string | undefined;
  readonly token: BrowserSyncOptions['token'];
  readonly mode: LinkMode;
  readonly api: string | undefined;
  readonly engine: string;
  readonly syncMsMax: number;
  readonly limits: Limits;
}

export interface ServiceWorkerStatus {
  readonly storage: StorageKind;
  /** False when everything is gone with the worker. */
  readonly persisted: boolean;
  /** A tab is the peer now. */
  readonly tab: boolean;
  /** Milliseconds since the Unix epoch of the last sync that came to its end, in this life of the worker. */
  readonly syncedAt: number | undefined;
}

interface Opened extends BrowserReplica {
  readonly storage: StorageKind;
  readonly relay: Relay | undefined;
}

export class ServiceWorkerReplica {
  readonly #parts: ServiceWorkerParts;
  #opened: Promise<Opened> | undefined;
  #syncing: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;
  #tab: SyncLink | undefined;
  #syncedAt: number | undefined;

  constructor(parts: ServiceWorkerParts) {
    this.#parts = parts;
  }

  /** The database, opened now if it is not. Errors  DATABASE_CORRUPT, STORAGE_FULL, SCHEMA_REFUSED, UNAVAILABLE. */
  async database(): Promise<LocalDatabase> {
    return (await this.#open()).database;
  }

  async status(): Promise<ServiceWorkerStatus> {
    const { storage } = await this.#open();
    return { storage, persisted: storage !== 'memory', tab: this.#tab !== undefined, syncedAt: this.#syncedAt };
  }

  /**
   * Exchanges everything with the tab that is there; without one, or with own writes that no relay has, with the relay.
   * Calls during a run share the next one, so that it has what was written before them.
   *
   * Errors  UNAVAILABLE after syncMsMax; what ended the link. What came until then stays, the next sync goes on.
   */
  sync(): Promise<void> {
    if (this.#syncing === undefined) return this.#startSync();
    this.#nextSync ??= this.#syncing
      .catch(() => undefined)
      .then(() => {
        this.#nextSync = undefined;
        return this.#startSync();
      });
    return this.#nextSync;
  }

  /** Answers one of the relay's endpoints from this replica; why it cannot is an answer too. Errors  USAGE without api. */
  async fetch(request: Request): Promise<Response> {
    if (this.#parts.api === undefined) {
      throw new ReplicationError('USAGE', "give open() the path of the api: { api: '/crmesh' }");
    }
    try {
      const { relay } = await this.#open();
      return await relay!.fetch(request);
    } catch (error) {
      return errorAnswer(codedError(error));
    }
  }

  /** For the install event: afterwards the engine is there offline. */
  keepEngine(): Promise<void> {
    return keepEngine(this.#parts.engine);
  }

  /** Becomes the peer of the tab at the other end, which holds `lock`; resolves when both are equal. */
  async joinTab(port: MessagePort, lock: string): Promise<void> {
    const { database } = await this.#open();
    this.#tab?.close();
    const tab = database.sync(() => port, { mode: 'peer' });
    this.#tab = tab;
    const ended = new AbortController();
    // The tab gives another port when it wants to go on.
    tab.on('error', () => tab.close());
    tab.on('status', ({ state }) => {
      if (state !== 'closed') return;
      ended.abort();
      if (this.#tab === tab) this.#tab = undefined;
    });
    // A port does not tell a service worker that the page at its other end is gone; the page's lock does.
    navigator.locks.request(lock, { signal: ended.signal }, () => tab.close()).catch(() => undefined);
    await this.#settled(tab);
  }

  get hasTab(): boolean {
    return this.#tab !== undefined;
  }

  #startSync(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #sync(): Promise<void> {
    const { database } = await this.#open();
    const { url, token, mode } = this.#parts;
    const tab = this.#tab;
    if (tab !== undefined) await this.#settled(tab).catch(() => undefined);
    const needsRelay = this.#tab === undefined || (await database.pending()).length > 0;
    if (url !== undefined && needsRelay) {
      const link = database.sync(url, { mode, ...(token === undefined ? {} : { token }) });
      await this.#settled(link).finally(() => link.close());
    }
    this.#syncedAt = Date.now();
  }

  /** Resolves when the link is in step. Errors  the first of the link: an event has no time to wait for a better one. */
  #settled(link: SyncLink): Promise<void> {
    const { syncMsMax } = this.#parts;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(outOfTime(syncMsMax)), syncMsMax);
      link.on('error', reject);
      link
        .synced()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  /** One opening at a time; one that failed is tried again by the next event. */
  #open(): Promise<Opened> {
    this.#opened ??= this.#openNow().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #openNow(): Promise<Opened> {
    const { name, engine, limits, schema } = this.#parts;
    const own = `${name} (service worker)`;
    const module = await engineModule(engine);
    const release = await holdLock(lockName(own));
    let storage: BrowserStorage | undefined;
    try {
      storage = await openBrowserStorage(own, { module, statementsMax: limits.statementsMax });
      const opened = await openBrowserReplica({ storage, name, limits, schema, log: consoleLog });
      return { ...opened, storage: storage.kind, relay: this.#relayOver(opened) };
    } catch (error) {
      await storage?.end().catch(() => undefined);
      release();
      throw error;
    }
  }

  /** The relay's endpoints over this one database. Only pages of this origin reach it, and they may do all. */
  #relayOver({ replica, codec, runtime }: BrowserReplica): Relay | undefined {
    const { name, api, limits } = this.#parts;
    if (api === undefined) return undefined;
    const storage = {
      open: async () => replica,
      exists: async (dbid: string) => dbid === name,
      list: async () => [name],
    };
    const authorize = ({ dbid }: { readonly dbid: string | undefined }) =>
      dbid === name || dbid === undefined
        ? ({ read: 'all', write: 'all', schema: true, mode: 'peer', vouch: true } as const)
        : ({ refuse: 'FORBIDDEN', message: `only '${name}' is here` } as const);
    const machine = { storage, codec, limits, runtime, log: consoleLog, staysOpen: true };
    return createRelay({ authorize, prefix: api }, { ...machine, onOpened: () => () => undefined });
  }
}

function outOfTime(ms: number): ReplicationError {
  return new ReplicationError('UNAVAILABLE', `not in step after ${ms} ms: the next event goes on`);
}

/** Waits for an older version of the worker that still has the storage; the answer lets the next one in. */
function holdLock(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(name, () => new Promise<void>((release) => resolve(release)));
    held.catch(reject);
  });
}
