/** The processes and folders of one run of one contender: a server, clients, subscribers; all gone at the end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender } from '../contenders/contender.ts';
import { benchFile, startChild, type Child } from './child.ts';
import type { Heard, Setting } from './orders.ts';
import { figuresOf, type ProcessFigures } from './process-figures.ts';
import type { SocketBytes } from './sockets.ts';

export interface StageOptions {
  readonly contender: Contender;
  /** Folder of the contender's npm packages. */
  readonly packages?: string | undefined;
  /** Where the server's CPU profile goes. */
  readonly profile?: string | undefined;
}

export interface StagedServer {
  readonly url: string;
  /** As it is now. */
  figures(): ProcessFigures;
  /** Resolves when so many rows are there; at once where clients hear that themselves. */
  has(rows: number): Promise<void>;
}

/** Runs `play` on a stage of its own. */
export async function onStage<T>(options: StageOptions, play: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = new Stage(options);
  try {
    return await play(stage);
  } finally {
    await stage.close();
  }
}

export class Stage {
  readonly #options: StageOptions;
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'crmesh-bench-'));
  readonly #children: Child[] = [];

  constructor(options: StageOptions) {
    this.#options = options;
  }

  async server(): Promise<StagedServer> {
    const { profile } = this.#options;
    const child = this.#start('server', profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]);
    const url = await child.ask<string>({ do: 'url' });
    return { url, figures: () => figuresOf(child.pid), has: (rows) => child.ask({ do: 'rows', rows }) };
  }

  /** A client, opened but not connected. */
  async client(): Promise<Child> {
    const child = this.#start('client');
    await child.ask({ do: 'open' });
    return child;
  }

  /** Many subscribers in one process; all of them hear what is written from now on. */
  async subscribers(address: string, count: number): Promise<Child> {
    const child = this.#start('subscribers');
    await child.ask({ do: 'subscribe', address, count });
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.#children.reverse()) await child.end();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #start(role: 'server' | 'client' | 'subscribers', flags: readonly string[] = []): Child {
    const { contender, packages } = this.#options;
    const dir = mkdtempSync(join(this.#folder, `${role}-`));
    const setting: Setting = { dir, ...(packages === undefined ? {} : { packages }) };
    const child = startChild(benchFile('contender-process'), [contender.name, role, JSON.stringify(setting)], flags);
    this.#children.push(child);
    return child;
  }
}

/** Received and sent by the client's process. */
export function bytesOf(client: Child): Promise<SocketBytes> {
  return client.ask({ do: 'bytes' });
}

/** What the subscribers have heard, once they heard so much or time is up. */
export function heard(subscribers: Child, deliveries: number, patienceMs: number): Promise<Heard> {
  return subscribers.ask({ do: 'heard', deliveries, patienceMs });
}
