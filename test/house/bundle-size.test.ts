/** What an app has to load: the page's door is small, its worker has the rest, and the engine is one file beside it. */
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { filesUnder, root } from './house.ts';

const KB = 1_000;

interface Bundle {
  readonly gzipBytes: number;
  /** Without what comes from packages. */
  readonly ownGzipBytes: number;
  readonly packages: readonly string[];
}

async function bundleOf(entry: string): Promise<Bundle> {
  const sizeWith = async (packages: 'bundle' | 'external'): Promise<{ bytes: number; inputs: string[] }> => {
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      bundle: true,
      write: false,
      metafile: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      packages,
      logLevel: 'error',
    });
    const [output] = Object.values(metafile.outputs);
    return { bytes: gzipSync(outputFiles[0]!.contents, { level: 9 }).length, inputs: Object.keys(output!.inputs) };
  };
  const [whole, own] = [await sizeWith('bundle'), await sizeWith('external')];
  const packages = whole.inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  return { gzipBytes: whole.bytes, ownGzipBytes: own.bytes, packages: [...new Set(packages)].sort() };
}

describe('bundle size', () => {
  test('the door of a page is at most 40 kB and needs no package', async () => {
    const door = await bundleOf('src/browser.ts');
    expect(door.gzipBytes).toBeLessThanOrEqual(40 * KB);
    expect(door.packages).toEqual([]);
  });

  /** The whole replica: store, session, merge, links. A ceiling above today's size, so that growth is a decision. */
  test.each([
    ['worker', 105, 142],
    ['service-worker', 120, 157],
  ])('%s.js is at most %d kB of our own and %d kB in all', async (name, ownMax, allMax) => {
    const worker = await bundleOf(`src/${name}.ts`);
    expect(worker.ownGzipBytes).toBeLessThanOrEqual(ownMax * KB);
    expect(worker.gzipBytes).toBeLessThanOrEqual(allMax * KB);
    expect(worker.packages).toEqual(['@noble/hashes', '@vlcn.io/wa-sqlite', 'fflate', 'msgpackr']);
  });

  test('in a browser the engine is compiled in one place, while it comes', () => {
    const compiling = filesUnder(['src'], ['.ts']).filter(({ text }) => /WebAssembly\.compile/.test(text));
    const lines = compiling.flatMap(({ path, text }) =>
      (text.match(/WebAssembly\.compile\w*/g) ?? []).map((call) => `${path} ${call}`),
    );
    expect(lines).toEqual([
      'src/browser-engine.ts WebAssembly.compileStreaming',
      'src/browser-engine.ts WebAssembly.compile',
      'src/sqlite/wasm/engine-module.ts WebAssembly.compile',
    ]);
  });
});
