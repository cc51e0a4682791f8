/**
 * One tab's worker among those that share a database: the one that holds the lock owns the database, the others pass
 * what their pages say to it.
 *
 * The lock belongs to the worker, so it is free the moment the worker is gone, however that happened. Each worker also
 * holds a lock of its own, by which the owner learns that a page has gone and rolls back what it left open.
 */
import { compileEngine } from './browser-engine.ts';
import { channelOver, wireError } from './browser-messages.ts';
import type { ClientMessage, OwnerMessage } from './browser-messages.ts';
import { DatabaseOwner } from './browser-owner.ts';
import { lockName } from './browser-places.ts';
import { consoleLog, openBrowserReplica, reporterTo } from './browser-replica.ts';
import type { BrowserStorage, StorageKind } from './browser-storage.ts';
import { openBrowserStorage } from './browser-storage.ts';
import type { Limits } from './core/limits.ts';
import { randomId } from './transport/random-id.ts';

/** What a page tells its worker first. */
export interface TabOptions {
  readonly name: string;
  /** Address of the engine. */
  readonly engine: string;
  readonly storage: StorageKind | undefined;
  readonly durability: 'normal' | 'full' | undefined;
  readonly limits: Limits;
}

/** The worker's own scope, or another place that the page talks to. */
export interface PagePlace {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}

type ControlMessage = { readonly type: 'owner' } | { readonly type: 'seek'; readonly client: string };

/** What a worker throws uncaught ends the database in its page: nothing that a page says may come to that. */
const reportToConsole = reporterTo(consoleLog);

export class Tab {
  readonly #options: TabOptions;
  readonly #page: PagePlace;
  readonly #id: string = randomId();
  readonly #control: BroadcastChannel;
  readonly #served = new Set<string>();
  #line: BroadcastChannel | undefined;
  #owner: DatabaseOwner | undefined;
  readonly #toLine = (event: MessageEvent): void => this.#line?.postMessage(event.data);

  constructor(options: TabOptions, page: PagePlace) {
    this.#options = options;
    this.#page = page;
    this.#control = new BroadcastChannel(`crmesh ${options.name}`);
    this.#control.onmessage = ({ data }) => this.#heard(data as ControlMessage);
  }

  /** Takes part in the election; ends with the worker. */
  start(): void {
    const { locks } = navigator as { readonly locks?: LockManager };
    if (locks === undefined) return void this.#own();
    // Its own lock first: an owner takes a tab without it for gone.
    const held = locks.request(this.#lockOf(this.#id), () => {
      this.#follow();
      void locks.request(lockName(this.#options.name), () => this.#own());
      return new Promise(() => {});
    });
    // Where a site may keep nothing it may lock nothing either: this tab is alone.
    held.catch(() => this.#own());
  }

  #lockOf(client: string): string {
    return `crmesh ${this.#options.name} ${client}`;
  }

  #follow(): void {
    const line = new BroadcastChannel(this.#lockOf(this.#id));
    line.onmessage = ({ data }) => this.#page.postMessage(data);
    this.#line = line;
    this.#page.addEventListener('message', this.#toLine);
    this.#tell({ type: 'seek', client: this.#id });
  }

  #tell(message: ControlMessage): void {
    this.#control.postMessage(message);
  }

  #heard(message: ControlMessage): void {
    if (message.type === 'owner' && this.#line !== undefined) this.#tell({ type: 'seek', client: this.#id });
    if (message.type === 'seek' && this.#owner !== undefined) this.#serve(this.#owner, message.client);
  }

  /** Holds the database until its page leaves. */
  async #own(): Promise<void> {
    this.#page.removeEventListener('message', this.#toLine);
    this.#line?.close();
    this.#line = undefined;
    const page = channelOver<ClientMessage, OwnerMessage>(this.#page, { report: reportToConsole });
    let opened: BrowserStorage | undefined;
    try {
      const { name, engine, storage: kind, limits, durability } = this.#options;
      const module = await compileEngine(engine, () => fetch(engine));
      const storage = await openBrowserStorage(name, { module, statementsMax: limits.statementsMax, kind });
      opened = storage;
      const { database } = await openBrowserReplica({ storage, name, limits, durability, log: consoleLog });
      const owner = new DatabaseOwner(database, storage.kind);
      this.#owner = owner;
      await new Promise<void>((left) => {
        const onLeave = async (): Promise<void> => {
          this.#owner = undefined;
          try {
            await owner.close();
          } finally {
            await storage.end();
            left();
          }
        };
        owner.attach(page, { owner: true, onLeave });
        this.#tell({ type: 'owner' });
      });
    } catch (error) {
      // Before the lock: the next tab has it the moment this ends.
      await opened?.end().catch(() => undefined);
      page.post({ type: 'gone', error: wireError(error) });
    }
  }

  #serve(owner: DatabaseOwner, client: string): void {
    if (this.#served.has(client)) return;
    this.#served.add(client);
    const line = new BroadcastChannel(this.#lockOf(client));
    const detach = owner.attach(
      channelOver<ClientMessage, OwnerMessage>(line, { report: reportToConsole, close: () => line.close() }),
      {
        owner: false,
        onLeave: async () => this.#drop(client, detach),
      },
    );
    void navigator.locks.request(this.#lockOf(client), () => this.#drop(client, detach));
  }

  #drop(client: string, detach: () => void): void {
    this.#served.delete(client);
    detach();
  }
}
