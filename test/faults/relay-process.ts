/** The built command `crmesh relay` as a process of its own, which is killed and started again on its port. */
import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** A copy of the build: another build may be made while the suite runs. */
export interface BuiltCommand {
  readonly main: string;
  remove(): void;
}

/** Assumes the process runs in the root of the project, after `npm run build`. */
export function copyBuild(): BuiltCommand {
  const root = process.cwd();
  const folder = join(root, 'node_modules', '.cache', `crmesh-faults-build-${process.pid}-${Date.now()}`);
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  return {
    main: join(folder, 'dist', 'cli', 'main.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export class RelayProcess {
  readonly #main: string;
  readonly #dir: string;
  readonly #schemaFile: string;
  #child: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #port = 0;
  #stderr = '';

  constructor({ main }: BuiltCommand, dir: string, schemaFile: string) {
    this.#main = main;
    this.#dir = dir;
    this.#schemaFile = schemaFile;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const { CRMESH_TOKEN: _token, ...env } = process.env;
    const words = ['relay', '--dir', this.#dir, '--schema', this.#schemaFile, '--port', String(this.#port)];
    const child = spawn(process.execPath, [this.#main, ...words, '--json', '--log-level', 'warn'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-4_000);
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const { url } = JSON.parse(line) as { url: string };
      this.#port = Number(new URL(url).port);
      child.stdout.resume();
      return;
    }
    throw new Error(`the relay ended before it listened: ${this.#stderr}`);
  }

  /** kill -9, or an orderly end; waits until it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Its memory; undefined where the system does not tell (Linux does), or while it does not run. */
  get rssBytes(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.#child?.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) << 10;
    } catch {
      return undefined;
    }
  }

  /** What it said on stderr lately. */
  get said(): string {
    return this.#stderr;
  }
}
