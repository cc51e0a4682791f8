/** The words of the command as options, and what the workloads get of them. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT_USAGE } from '../../src/cli/exit-code.ts';
import { ReplicationError } from '../../src/core/errors.ts';
import type { Contender } from '../contenders/contender.ts';
import { contenders } from '../contenders/contenders.ts';
import type { BenchContext, Workload } from '../workloads/workload.ts';
import { workloads } from '../workloads/workloads.ts';
import { installPackages } from './peer-packages.ts';

/** Repeats end after so long: every workload has to come to its table. */
const WORKLOAD_MS_MAX = 450_000;

export interface BenchOptions {
  readonly workloads: readonly Workload[];
  readonly peers: boolean;
  readonly json: boolean;
  readonly write: boolean;
  readonly rows: readonly number[] | undefined;
  readonly repeats: number;
  /** Where CPU profiles of our servers go. */
  readonly profile: string | undefined;
  /** The folder bench/ of the project. */
  readonly folder: string;
}

/** Ends the process with 2 and what is wrong, when the words are no command. */
export function readOptions(words: readonly string[]): BenchOptions {
  try {
    return optionsFrom(words);
  } catch (error) {
    const usage = new ReplicationError('USAGE', error instanceof Error ? error.message : String(error));
    const text = words.includes('--json') ? JSON.stringify(usage) : `crmesh: ${usage.message} [USAGE]`;
    process.stderr.write(`${text}\n`);
    process.exit(EXIT_USAGE);
  }
}

function optionsFrom(words: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      peers: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      rows: { type: 'string', multiple: true },
      repeats: { type: 'string', default: '3' },
      profile: { type: 'string' },
    },
  });
  const folder = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'bench');
  if (values.write && !existsSync(join(folder, 'README.md'))) {
    throw new Error('--write rewrites bench/README.md, which is not there: run it in a clone of the project');
  }
  return {
    workloads: positionals.length === 0 ? workloads : positionals.map(workloadNamed),
    peers: values.peers,
    json: values.json,
    write: values.write,
    rows: values.rows?.flatMap((text) => text.split(',')).map(countFrom),
    repeats: countFrom(values.repeats),
    profile: values.profile,
    folder,
  };
}

function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found !== undefined) return found;
  throw new Error(`there is no workload '${name}'; there are ${workloads.map((workload) => workload.name).join(', ')}`);
}

function countFrom(text: string): number {
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text);
  throw new Error(`'${text}' is no number of rows or runs: give a whole number above 0`);
}

/** Installs the peers when they are asked for; who cannot be installed is absent, loudly. */
export async function benchContext(
  options: BenchOptions,
  note: (text: string) => void,
): Promise<BenchContext & { start(): void }> {
  let startedAt = performance.now();
  const folders = new Map<Contender, string>();
  const absent: { name: string; why: string }[] = [];
  for (const contender of options.peers ? contenders.filter(({ kind }) => kind === 'peer') : []) {
    const installed = await installPackages(contender, note);
    if ('folder' in installed) folders.set(contender, installed.folder);
    else {
      absent.push({ name: contender.name, why: installed.why });
      note(`\n*** ${contender.name} DOES NOT RUN: ${installed.why} ***\n`);
    }
  }
  return {
    repeats: options.repeats,
    sizes: options.rows,
    peers: [...folders.keys()],
    absent,
    start: () => void (startedAt = performance.now()),
    timeLeftMs: () => startedAt + WORKLOAD_MS_MAX - performance.now(),
    stageOf: (contender) => ({
      contender,
      packages: folders.get(contender),
      profile: contender.kind === 'crmesh' ? options.profile : undefined,
    }),
    note,
  };
}
