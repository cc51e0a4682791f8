/** What npm would publish: every door resolves, and nothing but the package travels. Needs `npm run build`. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { filesUnder, importsOf, pathExists, readText, resolvedImport, root } from './house.ts';

/** A path, or paths by condition; the browser's doors stand one deeper. */
type Target = string | { readonly [condition: string]: Target };

interface Manifest {
  readonly exports: Readonly<Record<string, Target>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

const manifest = JSON.parse(readText('package.json')) as Manifest;
function pathsOf(name: string, target: Target): (readonly [string, string])[] {
  if (typeof target === 'string') return [[name, target.replace(/^\.\//, '')]];
  return Object.entries(target).flatMap(([condition, inner]) => pathsOf(`${name} (${condition})`, inner));
}

const targets = Object.entries(manifest.exports).flatMap(([name, target]) => pathsOf(name, target));
/** What Node may import: not the doors that browsers alone have. */
const onNode = Object.entries(manifest.exports)
  .filter(([name, target]) => !/\.\w+$/.test(name) && typeof target === 'object' && 'default' in target)
  .map(([name]) => `crmesh${name.slice(1)}`);

describe('package', () => {
  test.each(targets)('%s leads to a built file', (_name, path) => {
    expect(pathExists(path), `${path}: run npm run build`).toBe(true);
  });

  test('every door has an export or is shared by doors, and every export has a door', () => {
    const doors = filesUnder(['src'], ['.ts']).filter((file) => !/^src\/.*\//.test(file.path));
    const exported = new Set(targets.map(([, path]) => path.replace(/^dist\/(.*?)(?:\.d)?\.[jt]s$/, 'src/$1.ts')));
    const wanted = [...exported].filter((path) => path.startsWith('src/') && !path.includes('/testkit/'));
    const shared = new Set(
      doors.flatMap((file) => importsOf(file.text).flatMap((name) => resolvedImport(file, name) ?? [])),
    );
    const lost = doors.filter((file) => !exported.has(file.path) && !shared.has(file.path));
    expect(lost.map((file) => file.path)).toEqual([]);
    expect(wanted.filter((path) => !pathExists(path))).toEqual([]);
  });

  test('every door is imported by its name from a built package', () => {
    const script = `for (const name of ${JSON.stringify(onNode)}) { const door = await import(name); console.log(name, Object.keys(door).length > 0); }`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' });
    expect(out.trim().split('\n')).toEqual(onNode.map((name) => `${name} true`));
  });

  test('the command starts with a line that finds node', () => {
    for (const path of Object.values(manifest.bin))
      expect(readText(path).startsWith('#!/usr/bin/env node\n')).toBe(true);
  });

  test('npm pack ships the build, the documents of the protocol and the licence, nothing else', () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const out = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [pack] = JSON.parse(out) as [{ files: { path: string }[] }];
    const paths = pack.files.map((file) => file.path);
    const fixed = [
      'LICENSE',
      'README.md',
      'dist/crsqlite-sync.wasm',
      'package.json',
      'src/GLOSSARY.md',
      'src/PROTOCOL.md',
    ];
    expect(paths.filter((path) => !/^dist\/.*\.(?:js|d\.ts)$/.test(path)).sort()).toEqual(fixed);
  });
});
