/** Bundles the simulator for plain node, with the patches of a fault applied to the sources on the way. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { build } from 'esbuild';
import type { Fault, Patch } from '../mutations/fault.ts';
import { patchedSource, patchesOf } from '../mutations/fault.ts';

export interface Bundle {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Writes the bundle below node_modules, where it finds the packages that it imports.
 *
 * Assumes the process runs in the root of the project, as npm scripts and the test runner do.
 */
export async function bundleSimulator(fault?: Fault): Promise<Bundle> {
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
          return { contents: patchedSource(file, text, patches), loader: 'ts' };
        });
      }
    },
  };
}
