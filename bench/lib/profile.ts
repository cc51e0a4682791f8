/** Where the time of a process went, from the CPU profile that Node wrote when it ended. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const FUNCTIONS_MAX = 12;
/** Not work: the process waits, or V8 itself starts. */
const WAITING = ['(idle)', '(program)', '(root)'];

/** The functions of all profiles of a folder with the most time of their own, as lines of text. */
export function topFunctions(folder: string): string[] {
  const micros = new Map<string, number>();
  let total = 0;
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
    const nameById = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
    samples.forEach((id, i) => {
      const name = nameById.get(id) ?? '';
      if (WAITING.includes(name)) return;
      total += timeDeltas[i]!;
      micros.set(name, (micros.get(name) ?? 0) + timeDeltas[i]!);
    });
  }
  return [...micros]
    .sort(([, a], [, b]) => b - a)
    .slice(0, FUNCTIONS_MAX)
    .map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(5)} % ${(time / 1000).toFixed(0)} ms ${name}`);
}

/** The engine's functions have numbers for names: they are told as one. */
function nameOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  if (url.startsWith('wasm:')) return 'the engine (WASM)';
  const place = url.replace(/^.*\//, '');
  return `${functionName === '' ? '(anonymous)' : functionName}${place === '' ? '' : ` (${place})`}`;
}
