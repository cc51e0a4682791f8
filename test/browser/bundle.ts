/** Sources bundled for a browser, as an app's own bundler would do it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import type { Plugin } from 'esbuild';
import { build } from 'esbuild';

/** Tests and benchmarks are started in the project's folder. */
const root = process.cwd();
const inBrowser = (name: string): string => join(root, 'test/browser/in-browser', name);

export interface BundleOptions {
  readonly minify?: boolean;
  /** A classic script instead of a module. */
  readonly classic?: boolean;
  /** Node's test runner, randomness and driver replaced by the browser's, for tests that were written for Node. */
  readonly forTests?: boolean;
}

/** The bundle of one entry (a path below the project) as text. */
export async function bundleFor(entry: string, options: BundleOptions = {}): Promise<string> {
  const result = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    write: false,
    format: options.classic === true ? 'iife' : 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
    // The package says that its files have no side effects; those of tests do.
    ignoreAnnotations: options.forTests ?? false,
    define: options.forTests === true ? { 'process.env': '{"CRMESH_WORLDS": "12"}' } : {},
    minify: options.minify ?? false,
    sourcemap: options.minify === true ? false : 'inline',
    plugins: options.forTests === true ? [forTests] : [],
  });
  return result.outputFiles[0]!.text;
}

/** The engine's one asset. */
export function engineBytes(): Uint8Array {
  const path = createRequire(join(root, 'package.json')).resolve('@vlcn.io/wa-sqlite/dist/crsqlite-sync.wasm');
  return new Uint8Array(readFileSync(path));
}

const forTests: Plugin = {
  name: 'node-tests-in-a-browser',
  setup({ onResolve }) {
    onResolve({ filter: /^vitest$/ }, () => ({ path: inBrowser('vitest.ts') }));
    onResolve({ filter: /^node:crypto$/ }, () => ({ path: inBrowser('node-crypto.ts') }));
    onResolve({ filter: /\/driver\.ts$/ }, ({ path, resolveDir }) => {
      const found = relative(root, join(resolveDir, path));
      return found === 'src/sqlite/wasm/driver.ts' ? { path: inBrowser('driver.ts') } : undefined;
    });
    onResolve({ filter: /^node:/ }, ({ path, importer }) => {
      const text = `${path} is imported by ${relative(root, importer)}: not for a browser (in ${dirname(path)})`;
      return { errors: [{ text }] };
    });
  },
};
