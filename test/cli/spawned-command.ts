/** Runs the built command `crmesh` as its own process, as a user does. Needs `npm run build`. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

type Environment = Readonly<Record<string, string>>;
type Child = ChildProcessByStdio<null, Readable, Readable>;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(words: readonly string[], environment: Environment = {}): Child {
  const { CRMESH_TOKEN: _token, ...inherited } = process.env;
  const env = { ...inherited, ...environment };
  return spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env });
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const piece of stream.setEncoding('utf8')) text += piece as string;
  return text;
}

/** Runs to the end. */
export async function crmesh(words: readonly string[], environment?: Environment): Promise<Ended> {
  const child = start(words, environment);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([textOf(child.stdout), textOf(child.stderr), closed]);
  return { code, stdout, stderr };
}

/** The one JSON value on stdout. */
export async function crmeshJson(words: readonly string[], environment?: Environment): Promise<unknown> {
  const { code, stdout, stderr } = await crmesh([...words, '--json'], environment);
  if (code !== 0) throw new Error(`crmesh ${words.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A command that stays, and answers lines of JSON. */
export class Staying {
  readonly #child: Child;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<[number | null]>;
  #said = '';

  constructor(words: readonly string[], environment?: Environment) {
    this.#child = start([...words, '--json'], environment);
    const lines: Interface = createInterface({ input: this.#child.stdout });
    this.#lines = lines[Symbol.asyncIterator]();
    this.#closed = once(this.#child, 'close') as Promise<[number | null]>;
    this.#child.stderr.setEncoding('utf8').on('data', (piece: string) => (this.#said += piece));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Its stderr up to now. */
  get said(): string {
    return this.#said;
  }

  async line(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the command ended: ${this.#said}`);
    return JSON.parse(value) as Record<string, unknown>;
  }

  /** Sends the signal and answers the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    const [code] = await this.#closed;
    return code;
  }
}

/** Folders and processes of one test file, all gone at the end. */
export class Workshop {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'crmesh-cli-'));
  readonly #staying: Staying[] = [];
  #names = 0;

  /** A path nothing lies at yet. */
  path(ending: string): string {
    this.#names += 1;
    return join(this.folder, `${this.#names}${ending}`);
  }

  stay(words: readonly string[], environment?: Environment): Staying {
    const staying = new Staying(words, environment);
    this.#staying.push(staying);
    return staying;
  }

  /** A relay on a free port; `url` without a path. */
  async relay(words: readonly string[] = []): Promise<{ readonly url: string; readonly process: Staying }> {
    const process = this.stay([
      'relay',
      '--port',
      '0',
      '--dir',
      this.path('-relay'),
      '--log-level',
      'silent',
      ...words,
    ]);
    const { url } = await process.line();
    return { url: String(url), process };
  }

  async close(): Promise<void> {
    await Promise.all(this.#staying.map((staying) => staying.stop('SIGTERM')));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
