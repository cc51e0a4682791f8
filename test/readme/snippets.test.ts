/**
 * The README's TypeScript is compiled and run as a user would: in a folder of its own, against the built package.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readText, root } from '../house/house.ts';

const snippets = [...readText('README.md').matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!);
const folder = mkdtempSync(join(tmpdir(), 'crmesh-readme-'));
let relay: ChildProcess;

/** The first line of a relay says where it listens. */
async function startRelay(): Promise<string> {
  const words = ['dist/cli/main.js', 'relay', '--port', '0', '--json', '--dir', join(folder, 'relay')];
  relay = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: relay.stdout! })) {
    return new URL((JSON.parse(line) as { url: string }).url).host;
  }
  throw new Error('the relay ended before it listened');
}

function linkPackages(): void {
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules', 'crmesh'), 'dir');
  for (const name of ['fastify', '@types/node']) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'dir');
  }
}

beforeAll(async () => {
  const host = await startRelay();
  linkPackages();
  for (const [index, text] of snippets.entries()) {
    writeFileSync(join(folder, `snippet-${index}.ts`), text.replaceAll('127.0.0.1:8787', host));
  }
  const compilerOptions = { strict: true, module: 'NodeNext', target: 'ES2022', types: ['node'], skipLibCheck: true };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'reader', type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
});

afterAll(async () => {
  const ended = once(relay, 'exit');
  relay.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

describe('README', () => {
  test('its TypeScript compiles in strict mode against the published types', () => {
    expect(snippets.length).toBeGreaterThan(2);
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    let out = '';
    try {
      execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      out = (error as { stdout: string }).stdout;
    }
    expect(out).toBe('');
  });

  test.each(snippets.map((_, index) => index))('its snippet %i runs and ends by itself', (index) => {
    const script = join(folder, `snippet-${index}.js`);
    expect(readFileSync(script, 'utf8').length).toBeGreaterThan(0);
    execFileSync(process.execPath, [script], { cwd: folder, stdio: 'pipe', timeout: 20_000 });
  });
});
