/** Bundles the simulator for plain node, with the patches of a fault applied to the sources on the way. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { build } from 'esbuild';
import type { Patch, SourceFault } from './source-faults.ts';
import { patchesOf } from './source-faults.ts';

export interface Bundle {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Writes the bundle below node_modules, where it finds the packages that it imports.
 *
 * Assumes the process runs in the root of the project, as npm scripts and the test runner do.
 */
export async function bundleSimulator(fault?: SourceFault): Promise<Bundle> {
  const root = process.cwd();
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'crmesh-simulation-'));
  const path = join(folder, 'simulator.mjs');
  await build({
    entryPoints: [join(root, 'test', 'simulation', 'simulator.ts')],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'error',
    plugins: fault === undefined ? [] : [patching(root, patchesOf(fault))],
  });
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

function patching(root: string, patches: readonly Patch[]): Plugin {
  return {
    name: 'patching',
    setup(run) {
      for (const file of new Set(patches.map((patch) => patch.file))) {
        const path = resolve(root, file);
        const pattern = `^${path.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)}$`;
        run.onLoad({ filter: new RegExp(pattern) }, async () => {
          const text = await readFile(path, 'utf8');
          const mine = patches.filter((patch) => patch.file === file);
          return { contents: mine.reduce((patched, patch) => patchedText(patched, patch), text), loader: 'ts' };
        });
      }
    },
  };
}

/** How often the text that a patch replaces stands in a source; 1 is right. */
export function occurrences(text: string, { find }: Patch): number {
  return text.split(find).length - 1;
}

function patchedText(text: string, patch: Patch): string {
  if (occurrences(text, patch) !== 1) throw new Error(`not exactly once in ${patch.file}: ${patch.find}`);
  return text.replace(patch.find, () => patch.replace);
}
