/**
 * `crmesh bench`: the benchmarks of bench/, as a process of their own; this project's sources know nothing of them.
 *
 * Its words are passed on as they are; the other process checks them, and says what is wrong.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ReplicationError } from '../../core/errors.ts';
import { EXIT_FAILURE } from '../exit-code.ts';

export interface BenchOptions {
  readonly workloads: readonly string[];
  readonly peers: boolean;
  readonly json: boolean;
  readonly write: boolean;
  readonly rows: readonly string[];
  readonly repeats?: string;
  readonly profile?: string;
}

/**
 * Answers the exit code of the benchmarks.
 *
 * Errors  USAGE where this package was built without them, or the machine has no /proc.
 */
export async function benchCommand(options: BenchOptions): Promise<number> {
  const file = fileURLToPath(new URL('../../bench/main.js', import.meta.url));
  if (!existsSync(file)) {
    throw new ReplicationError(
      'USAGE',
      "the benchmarks are not built here: run 'npm run build:bench' in a clone first",
    );
  }
  if (process.platform !== 'linux') {
    throw new ReplicationError('USAGE', 'the benchmarks read CPU and memory from /proc: run them on Linux');
  }
  const child = spawn(process.execPath, [file, ...wordsOf(options)], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? EXIT_FAILURE;
}

function wordsOf({ workloads, peers, json, write, rows, repeats, profile }: BenchOptions): string[] {
  return [
    ...workloads,
    ...(peers ? ['--peers'] : []),
    ...(json ? ['--json'] : []),
    ...(write ? ['--write'] : []),
    ...rows.flatMap((text) => ['--rows', text]),
    ...(repeats === undefined ? [] : ['--repeats', repeats]),
    ...(profile === undefined ? [] : ['--profile', profile]),
  ];
}
