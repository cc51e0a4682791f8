/** A tab as a browser has it, whose worker comes and goes, and owners of its database, each on a storage of its own. */
import type { MessagePort } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'vitest';
import { BrowserDatabase } from '../../src/browser-database.ts';
import type { ClientMessage, OwnerMessage } from '../../src/browser-messages.ts';
import { channelOver } from '../../src/browser-messages.ts';
import type { OwnerChannel } from '../../src/browser-owner.ts';
import { DatabaseOwner } from '../../src/browser-owner.ts';
import { openBrowserReplica } from '../../src/browser-replica.ts';
import { PageWorker } from '../../src/browser-worker.ts';
import { limitsWith } from '../../src/core/limits.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { MirrorFileSystem } from '../../src/sqlite/wasm/mirror-file-system.ts';

const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL)';
const report = (error: unknown): never => expect.fail(String(error));
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Makes owners and tabs, and lets them all go. */
export class TabWorkshop {
  readonly #made: { close(): unknown }[] = [];

  async owner(): Promise<DatabaseOwner> {
    return this.#keep(await openOwner());
  }

  tab(): ServedTab {
    return this.#keep(new ServedTab());
  }

  async close(): Promise<void> {
    for (const one of this.#made.splice(0).reverse()) await one.close();
  }

  #keep<T extends { close(): unknown }>(one: T): T {
    this.#made.push(one);
    return one;
  }
}

/** What another owner had is no part of what is promised of this one. */
async function openOwner(): Promise<DatabaseOwner> {
  const fileSystem = await MirrorFileSystem.load({
    load: async () => new Map(),
    save: async () => {},
    close: () => {},
  });
  const driver = await createWasmDriver({ fileSystem });
  const end = (): Promise<void> => fileSystem.end();
  const storage = { kind: 'memory', driver, fileSystem, path: '/todo', end } as const;
  const { database } = await openBrowserReplica({ storage, name: 'todo', limits: limitsWith({}), schema: SCHEMA, log });
  return new DatabaseOwner(database, 'memory');
}

export class ServedTab {
  readonly db: BrowserDatabase;
  /** All that owners heard of this tab. */
  readonly said: ClientMessage[] = [];
  readonly #worker: PageWorker;
  #ownersEnd: MessagePort | undefined;
  #leave: (() => void) | undefined;

  constructor() {
    const options = { name: 'todo', engine: '', storage: undefined, durability: undefined, limits: limitsWith({}) };
    this.#worker = new PageWorker({ start: () => this.#start(), options, onFailure: report });
    this.db = new BrowserDatabase(this.#worker, () => this.#worker.stop());
    this.#worker.start();
  }

  /** The worker's end: what is posted there the page hears. */
  channel(): OwnerChannel {
    const port = this.#ownersEnd as unknown as Parameters<typeof channelOver>[0];
    return channelOver<ClientMessage, OwnerMessage>(port, { report });
  }

  /** Whatever the page itself says. */
  say(message: ClientMessage): void {
    this.#worker.post(message);
  }

  async serve(owner: DatabaseOwner): Promise<void> {
    this.#leave = owner.attach(this.channel(), { owner: false, onLeave: async () => {} });
    await this.db.opened;
  }

  /** As the page does when the browser freezes it. */
  freeze(): void {
    if (this.db.rest()) this.#worker.stop();
    this.#leave?.();
  }

  thaw(): void {
    this.#worker.start();
  }

  close(): void {
    this.freeze();
  }

  #start(): Worker {
    const { port1, port2 } = new MessageChannel();
    this.#ownersEnd = port2;
    port2.on('message', (messages: unknown) => {
      if (Array.isArray(messages)) this.said.push(...(messages as ClientMessage[]));
    });
    return Object.assign(port1, { terminate: () => port1.close() }) as unknown as Worker;
  }
}
