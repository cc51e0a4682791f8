/** Processes of a benchmark: started from bundled files beside this one, spoken to by JSON lines. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly pid: number;
  /** The next JSON line of its stdout. */
  line<T>(): Promise<T>;
  /** Sends an order as a JSON line and takes the next line, {value} or {error}, for its answer; waits ASK_MS_MAX at most. */
  ask<T>(order: object): Promise<T>;
  end(): Promise<void>;
}

/** Who does not answer for so long never will. */
const ASK_MS_MAX = 120_000;

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

export function startChild(file: string, args: readonly string[], flags: readonly string[] = []): Child {
  const child: ChildProcess = spawn(process.execPath, [...flags, file, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = new Lines(child);
  return {
    pid: child.pid ?? 0,
    line: async <T>() => JSON.parse(await lines.next()) as T,
    async ask<T>(order: object) {
      child.stdin!.write(`${JSON.stringify(order)}\n`);
      const { value, error } = JSON.parse(await inTime(lines.next(), order)) as { value: T; error?: string };
      if (error !== undefined) throw new Error(error);
      return value;
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function inTime(line: Promise<string>, order: object): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`no answer to ${JSON.stringify(order)} for ${ASK_MS_MAX / 1000} s`);
    timer = setTimeout(() => reject(error), ASK_MS_MAX);
  });
  try {
    return await Promise.race([line, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** JSON lines of a child's stdout, where libraries may print as well; a wait fails when the child has ended. */
class Lines {
  readonly #lines: string[] = [];
  readonly #waiting: Waiting[] = [];
  #ended = false;

  constructor(child: ChildProcess) {
    createInterface({ input: child.stdout! })
      .on('line', (line) => {
        if (!line.startsWith('{')) return;
        const next = this.#waiting.shift();
        if (next === undefined) this.#lines.push(line);
        else next.resolve(line);
      })
      .on('close', () => {
        this.#ended = true;
        for (const { reject } of this.#waiting.splice(0)) reject(endedError());
      });
    child.stdin!.on('error', () => undefined);
  }

  async next(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return line;
    if (this.#ended) throw endedError();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}

function endedError(): Error {
  return new Error('a process of the benchmark ended before it answered; what it said is above');
}

/** A benchmark file, bundled beside the others. */
export function benchFile(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}

/** A real relay process over the built command, on a free port and a fresh folder. */
export async function startRelay(words: readonly string[] = []): Promise<Child & { readonly url: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'crmesh-bench-'));
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const child = startChild(main, ['relay', '--dir', dir, '--port', '0', '--json', ...words]);
  const { url } = await child.line<{ url: string }>();
  return {
    ...child,
    url: url.replace('http', 'ws'),
    async end() {
      await child.end();
      rmSync(dir, { recursive: true });
    },
  };
}
