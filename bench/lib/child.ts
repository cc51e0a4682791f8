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
  end(): Promise<void>;
}

export function startChild(file: string, args: readonly string[]): Child {
  const child: ChildProcess = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const next = waiting.shift();
    if (next === undefined) lines.push(line);
    else next(line);
  });
  return {
    pid: child.pid ?? 0,
    async line<T>() {
      const line = lines.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve)));
      return JSON.parse(line) as T;
    },
    async end() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** A benchmark file, bundled beside the others. */
export function benchFile(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}

/** A real relay process over the built command, on a free port and a fresh folder. */
export async function startRelay(): Promise<Child & { readonly url: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'crmesh-bench-'));
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const child = startChild(main, ['relay', '--dir', dir, '--port', '0', '--json']);
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
